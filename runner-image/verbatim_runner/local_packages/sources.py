"""Which of a package's dependencies lie in the code, as uv, Poetry, PDM, Hatch and Pipenv write that."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from verbatim_runner.local_packages.pyproject import at, read_toml
from verbatim_runner.local_packages.statement import text_of, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_BESIDE = re.compile(r"@\s*(?:file:/*)?(?:\$\{PROJECT_ROOT\}|\{root:uri\})/(?P<path>[^\s;]+)")
"""As PDM and Hatch write a directory that lies where the project does."""


def local_sources(directory: Path, root: Path) -> dict[str, Path]:
    """Return the dependencies of a directory's ``pyproject.toml`` or ``Pipfile`` that are directories of the code.

    Args:
        directory: The package's, or the project's.
        root: The root of the code.

    Returns:
        Canonical name to directory. Of a workspace's root that is no package itself, all members.
    """
    content = read_toml(directory / "pyproject.toml")
    lines = texts_of(at(content, "project.dependencies"))
    found = dict(_of_tables(at(content, "tool.poetry.dependencies"), directory))
    found |= dict(_of_tables(read_toml(directory / "Pipfile").get("packages"), directory))
    for line in lines:
        if match := _BESIDE.search(line):
            found[_name_in(line)] = directory / match["path"]
    found |= _of_uv(content, {_name_in(line) for line in lines}, directory, root)
    return {name: place for name, place in found.items() if _is_ours(place, root)}


def _name_in(line: str) -> str:
    found = _NAME.match(line.strip())
    return canonicalize_name(found[0]) if found else ""


def _of_tables(dependencies: Any, directory: Path) -> Iterator[tuple[str, Path]]:
    for name, value in dependencies.items() if isinstance(dependencies, dict) else ():
        for table in value if isinstance(value, list) else [value]:
            if (path := text_of(at(table, "path"))) and not table.get("optional"):
                yield canonicalize_name(name), directory / path


def _of_uv(content: dict[str, Any], names: set[str], directory: Path, root: Path) -> dict[str, Path]:
    """Return what uv's settings, and those of the workspace around, say of the dependencies of these names.

    https://docs.astral.sh/uv/concepts/projects/workspaces/
    """
    workspace = _workspace(directory, root)
    members = _members(workspace) if workspace else {}
    if workspace == directory and "project" not in content:
        return members
    found: dict[str, Path] = {}
    for base, table in (
        (workspace, read_toml(workspace / "pyproject.toml") if workspace else {}),
        (directory, content),
    ):
        sources = at(table, "tool.uv.sources")
        for name, value in sources.items() if base and isinstance(sources, dict) else ():
            called = canonicalize_name(name)
            for source in value if isinstance(value, list) else [value]:
                if called in names and at(source, "workspace") is True and called in members:
                    found[called] = members[called]
                elif base and called in names and (path := text_of(at(source, "path"))):
                    found[called] = base / path
    return found


def _workspace(directory: Path, root: Path) -> Path | None:
    """Return the root of the workspace that a directory is in, or is the root of."""
    for place in (directory, *directory.parents):
        if at(read_toml(place / "pyproject.toml"), "tool.uv.workspace") is not None:
            return place
        if place == root:
            return None
    return None


def _members(workspace: Path) -> dict[str, Path]:
    content = read_toml(workspace / "pyproject.toml")
    left_out = {place for pattern in _patterns(content, "exclude") for place in workspace.glob(pattern)}
    places = [place for pattern in _patterns(content, "members") for place in sorted(workspace.glob(pattern))]
    named = {
        place: at(read_toml(place / "pyproject.toml"), "project.name") for place in places if place not in left_out
    }
    return {canonicalize_name(name): place for place, name in named.items() if isinstance(name, str)}


def _patterns(content: dict[str, Any], which: str) -> list[str]:
    listed = texts_of(at(content, f"tool.uv.workspace.{which}"))
    patterns = [pattern.strip("/").removeprefix("./") for pattern in listed]
    return [pattern for pattern in patterns if pattern not in {"", "."} and ".." not in pattern.split("/")]


def _is_ours(place: Path, root: Path) -> bool:
    try:
        return place.is_dir() and place.resolve().is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError):
        return False
