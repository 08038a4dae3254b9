"""Dependencies as Poetry and Pipenv write them, as requirement lines. Reads and resolves nothing.

https://python-poetry.org/docs/dependency-specification/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MARKER_NAMES = ("sys_platform", "os_name", "platform_machine", "platform_python_implementation", "platform_system")


def requirement_lines(dependencies: Mapping[str, Any]) -> list[str]:
    """Return what a table of dependencies asks for; what is optional is left out.

    Args:
        dependencies: Name to constraint, to a table, or to several of either; ``python`` is no dependency.
    """
    return [line for name, value in dependencies.items() for line in _lines(name, value)]


def specifier_of(constraint: str) -> str:
    """Return a constraint as a specifier of PEP 440, empty if it bounds nothing or cannot be said as one.

    Args:
        constraint: Such as ``^1.2``, ``~1.2``, ``1.*``, ``>=1,<2`` or ``1.2.3``.
    """
    if "|" in constraint:
        return ""
    parts = re.findall(r"(?:[\^~<>=!]+\s*)?[^\s,<>=!~^]+", constraint)
    return ",".join(filter(None, map(_clause, parts)))


def tables_of(value: Any) -> list[dict[str, Any]]:
    """Return a dependency's value as tables: one constraint, one table, or a list of them."""
    if isinstance(value, list):
        return [table for part in value for table in tables_of(part)]
    return [dict(value)] if isinstance(value, dict) else [{"version": str(value)}]


def marker_of(table: Mapping[str, Any]) -> str:
    """Return when a dependency counts, as a marker; empty for always."""
    parts = [str(table["markers"])] if table.get("markers") else []
    if python := specifier_of(str(table.get("python") or "")):
        parts += [_python_marker(clause) for clause in python.split(",")]
    parts += [f"{name} {table[name]}" for name in _MARKER_NAMES if table.get(name)]
    return " and ".join(f"({part})" if " or " in part and len(parts) > 1 else part for part in parts)


def _lines(name: str, value: Any) -> Iterator[str]:
    if canonicalize_name(name) == "python":
        return
    for table in tables_of(value):
        if table.get("optional"):
            continue
        extras = f"[{','.join(table['extras'])}]" if table.get("extras") else ""
        marker = marker_of(table)
        condition = f" ; {marker}" if marker else ""
        if path := table.get("path"):
            yield f"-e ./{path}" if not str(path).endswith((".whl", ".gz", ".zip")) else f"./{path}"
        elif url := table.get("git"):
            yield f"{name}{extras} @ {git_url(url, table)}{condition}"
        elif url := table.get("url") or table.get("file"):
            yield f"{name}{extras} @ {url}{condition}"
        else:
            yield f"{name}{extras}{specifier_of(str(table.get('version', '*')))}{condition}"


def git_url(url: str, table: Mapping[str, Any]) -> str:
    """Return a git dependency as pip writes it, at the revision that its table names."""
    revision = next(
        (table[key] for key in ("resolved_reference", "rev", "ref", "tag", "branch") if table.get(key)), None
    )
    url = re.sub(r"^git@([^:/]+):", r"ssh://git@\1/", url)
    at = f"@{revision}" if revision else ""
    inside = f"#subdirectory={table['subdirectory']}" if table.get("subdirectory") else ""
    return f"git+{url}{at}{inside}"


def _clause(text: str) -> str:
    operator, version = re.match(r"([\^~<>=!]*)\s*(.*)", text.strip(), re.DOTALL).groups()  # type: ignore[union-attr]
    if version in {"", "*"}:
        return ""
    if operator == "^":
        return _range(version, caret=True)
    if operator == "~":
        return _range(version, caret=False)
    if operator in {"", "=", "=="}:
        return f"=={version}"
    return f"{operator}{version if operator == '!=' else version.removesuffix('.*')}"


def _range(version: str, *, caret: bool) -> str:
    try:
        release = Version(version.removesuffix(".*")).release
    except InvalidVersion:
        return ""
    if caret:
        kept = next((index for index, part in enumerate(release) if part), len(release) - 1)
    else:
        kept = min(1, len(release) - 1)
    upper = (*release[:kept], release[kept] + 1)
    return f">={version.removesuffix('.*')},<{'.'.join(map(str, upper))}"


def _python_marker(clause: str) -> str:
    operator, version = re.match(r"([<>=!~]+)(.*)", clause).groups()  # type: ignore[union-attr]
    name = "python_version" if version.count(".") == 1 and "*" not in version else "python_full_version"
    return f"{name} {operator} '{version}'"
