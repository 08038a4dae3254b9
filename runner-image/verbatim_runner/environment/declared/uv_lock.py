"""Dependencies in ``uv.lock``: the project's own, without its extras and its groups for development."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from verbatim_runner.environment.declared.interface import Declaration
from verbatim_runner.environment.declared.lock_graph import Edge, LockedPackage, index_lines, requirements_of
from verbatim_runner.environment.declared.toml_file import read_toml

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.stage import Entry
    from verbatim_runner.project import Project

_OWN = ("editable", "virtual", "directory")


def detect(project: Project, _entry: Entry) -> Declaration | None:
    """Return the declaration if the project has the lock, or is a member of a workspace that has one.

    Raises:
        UserFault: The lock is not TOML.
    """
    found = find_lock(project)
    if not found:
        return None
    file, lock = found
    packages = [_package(entry, file.parent, project) for entry in lock.get("package", [])]
    roots = _roots(lock, _path(project.directory, file.parent))
    registries = (_source(entry).get("registry", "") for entry in lock.get("package", []))
    text = requirements_of(packages, roots, str(lock.get("requires-python", "")))
    indexes = index_lines(url for url in registries if "://" in url)
    return Declaration(declared_by=_path(file, project.directory), locked=indexes + text)


def find_lock(project: Project) -> tuple[Path, dict[str, Any]] | None:
    """Return the lock that holds for a project, and what it says.

    Raises:
        UserFault: It is not TOML.
    """
    for directory in (project.directory, *project.directory.parents):
        lock = read_toml(directory / "uv.lock")
        if lock is not None and (
            directory == project.directory or _path(project.directory, directory) in _members(lock)
        ):
            return directory / "uv.lock", lock
        if directory == project.root:
            return None
    return None


def _members(lock: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the packages that are directories of the code, by their paths from the lock."""
    found = {}
    for entry in lock.get("package", []):
        path = next((_source(entry)[kind] for kind in _OWN if kind in _source(entry)), None)
        if path is not None:
            found[os.path.normpath(path)] = entry
    return found


def _roots(lock: dict[str, Any], project: str) -> list[Edge]:
    members = _members(lock)
    own = [members[project]] if project in members else list(members.values())
    return [
        *(Edge(canonicalize_name(entry["name"]), entry.get("version")) for entry in own),
        *(_edge(part) for part in lock.get("manifest", {}).get("requirements", []) if "name" in part),
    ]


def _package(entry: dict[str, Any], base: Path, project: Project) -> LockedPackage:
    files = [*entry.get("wheels", []), *([entry["sdist"]] if "sdist" in entry else [])]
    return LockedPackage(
        name=canonicalize_name(entry["name"]),
        version=entry.get("version", ""),
        requirement=_requirement(entry, base, project),
        hashes=tuple(sorted({file["hash"] for file in files if "hash" in file})),
        edges=tuple(map(_edge, entry.get("dependencies", []))),
        by_extra={extra: tuple(map(_edge, edges)) for extra, edges in entry.get("optional-dependencies", {}).items()},
        marker=" or ".join(f"({marker})" for marker in entry.get("resolution-markers", [])),
    )


def _edge(part: dict[str, Any]) -> Edge:
    return Edge(
        name=canonicalize_name(part["name"]),
        version=part.get("version"),
        marker=part.get("marker", ""),
        extras=frozenset(part.get("extra", part.get("extras", ()))),
    )


def _requirement(entry: dict[str, Any], base: Path, project: Project) -> str | None:
    source = _source(entry)
    if any(kind in source for kind in _OWN):
        return None
    if git := source.get("git"):
        url, _, commit = git.partition("#")
        url, _, query = url.partition("?")
        inside = next((part for part in query.split("&") if part.startswith("subdirectory=")), "")
        return f"{entry['name']} @ git+{url}@{commit}{'#' + inside if inside else ''}"
    if "url" in source:
        return f"{entry['name']} @ {source['url']}"
    if "path" in source:
        return f"./{_path(base / source['path'], project.directory)}"
    return f"{entry['name']}=={entry['version']}" if "version" in entry else str(entry["name"])


def _source(entry: dict[str, Any]) -> dict[str, str]:
    source = entry.get("source")
    return source if isinstance(source, dict) else {}


def _path(place: Path, base: Path) -> str:
    return os.path.relpath(place, base)
