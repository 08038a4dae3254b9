"""What ``pyproject.toml`` says of the package beside it, for every build backend that is usual."""

from __future__ import annotations

import tomllib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from verbatim_runner.local_packages.statement import (
    EntryPoints,
    Statement,
    entry_points_of,
    text_of,
    texts_of,
    with_package_dirs,
)

if TYPE_CHECKING:
    from pathlib import Path

_ROOTS = (
    "tool.setuptools.packages.find.where", "tool.pdm.build.package-dir", "tool.maturin.python-source",
    "tool.uv.build-backend.module-root", "tool.hatch.build.targets.wheel.sources", "tool.hatch.build.sources",
)  # fmt: skip
"""Settings that name the directory that packages lie in."""
_PACKAGES = (
    "tool.hatch.build.targets.wheel.packages", "tool.hatch.build.packages", "tool.scikit-build.wheel.packages",
)  # fmt: skip
"""Settings that name the packages' own directories."""


def read(directory: Path) -> Statement:
    """Return what the file says; an empty statement where there is none."""
    content = read_toml(directory / "pyproject.toml")
    project, poetry = at(content, "project"), at(content, "tool.poetry")
    statement = Statement(
        name=text_of(at(project, "name")) or text_of(at(poetry, "name")),
        version=text_of(at(project, "version")) or text_of(at(poetry, "version")),
        roots=_roots(content),
        entry_points=_entry_points(project, poetry),
        is_package=at(content, "tool.uv.package") is not False and at(poetry, "package-mode") is not False,
    )
    with_package_dirs(statement, at(content, "tool.setuptools.package-dir"))
    return statement


def read_toml(file: Path) -> dict[str, Any]:
    """Return what a file says; nothing of one that is missing or cannot be read, which its tool could not either."""
    try:
        return tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return {}


def at(content: Any, path: str) -> Any:
    """Return what lies at a dotted path of tables; None where nothing does."""
    for key in path.split("."):
        content = content.get(key) if isinstance(content, dict) else None
    return content


def _roots(content: dict[str, Any]) -> tuple[str, ...]:
    named = [place for path in _ROOTS for place in texts_of(at(content, path))]
    above = [PurePosixPath(place).parent for path in _PACKAGES for place in texts_of(at(content, path))]
    listed = at(content, "tool.poetry.packages")
    tables = [part for part in listed if isinstance(part, dict)] if isinstance(listed, list) else []
    of_poetry = [str(table.get("from", ".")) for table in tables]
    return tuple(dict.fromkeys([*named, *map(str, above), *of_poetry]))


def _entry_points(project: Any, poetry: Any) -> EntryPoints:
    groups = entry_points_of(at(poetry, "plugins")) | entry_points_of(at(project, "entry-points"))
    scripts = {"console_scripts": at(project, "scripts") or _plain(at(poetry, "scripts"))}
    return groups | entry_points_of(scripts | {"gui_scripts": at(project, "gui-scripts")})


def _plain(scripts: Any) -> Any:
    """Return Poetry's scripts, of which one may be a table that names what it calls."""
    if not isinstance(scripts, dict):
        return None
    return {name: called.get("reference") if isinstance(called, dict) else called for name, called in scripts.items()}
