"""Dependencies in ``pdm.lock``: those of the group ``default``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from verbatim_runner.environment.declared.interface import Declaration
from verbatim_runner.environment.declared.lock_graph import LockedPackage, line_of, requirements_of
from verbatim_runner.environment.declared.poetry import git_url
from verbatim_runner.environment.declared.poetry_lock import edge_of
from verbatim_runner.environment.declared.toml_file import read_toml

if TYPE_CHECKING:
    from verbatim.stage import Entry
    from verbatim_runner.project import Project


def detect(project: Project, _entry: Entry) -> Declaration | None:
    """Return the declaration if the project has the lock.

    Raises:
        UserFault: The lock, or ``pyproject.toml``, is not TOML.
    """
    lock = read_toml(project.directory / "pdm.lock")
    if lock is None:
        return None
    entries = lock.get("package", [])
    files = lock.get("metadata", {}).get("files", {})
    packages = [_package(entry, files) for entry in entries]
    if any("groups" in entry for entry in entries):
        main = (
            line_of(package, marker=str(entry.get("marker", "")))
            for entry, package in zip(entries, packages, strict=True)
            if "default" in entry.get("groups", []) and package.requirement
        )
        text = "".join(f"{line}\n" for line in dict.fromkeys(main))
    else:
        project_table = (read_toml(project.directory / "pyproject.toml") or {}).get("project", {})
        roots = [edge_of(line) for line in project_table.get("dependencies", [])]
        text = requirements_of(packages, roots, str(project_table.get("requires-python", "")))
    return Declaration(declared_by="pdm.lock", locked=text)


def _package(entry: dict[str, Any], files: dict[str, list[dict[str, str]]]) -> LockedPackage:
    listed = entry.get("files") or files.get(f"{entry['name']} {entry.get('version', '')}", [])
    requirement: str | None = f"{entry['name']}=={entry.get('version', '')}"
    if url := entry.get("git"):
        requirement = f"{entry['name']} @ {git_url(url, {'rev': entry.get('revision') or entry.get('ref')})}"
    elif url := entry.get("url"):
        requirement = f"{entry['name']} @ {url}"
    elif "path" in entry:
        requirement = None
    return LockedPackage(
        name=canonicalize_name(entry["name"]),
        version=entry.get("version", ""),
        requirement=requirement,
        hashes=tuple(sorted({file["hash"] for file in listed if "hash" in file})),
        edges=tuple(map(edge_of, entry.get("dependencies", []))),
        for_extras=frozenset(entry.get("extras", [])),
    )
