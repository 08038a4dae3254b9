"""Dependencies in ``poetry.lock``: the project's main ones, without extras and other groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from verbatim_runner.environment.declared.interface import Declaration
from verbatim_runner.environment.declared.lock_graph import Edge, LockedPackage, index_lines, line_of, requirements_of
from verbatim_runner.environment.declared.poetry import git_url, marker_of, specifier_of, tables_of
from verbatim_runner.environment.declared.toml_file import read_toml

if TYPE_CHECKING:
    from verbatim.stage import Entry
    from verbatim_runner.project import Project


def detect(project: Project, _entry: Entry) -> Declaration | None:
    """Return the declaration if the project has the lock.

    Raises:
        UserFault: The lock, or ``pyproject.toml``, is not TOML.
    """
    lock = read_toml(project.directory / "poetry.lock")
    if lock is None:
        return None
    entries = lock.get("package", [])
    metadata = lock.get("metadata", {})
    files = metadata.get("files", {})
    if any("groups" in entry for entry in entries):
        main = [entry for entry in entries if "main" in entry.get("groups", []) and not entry.get("optional")]
        text = "".join(
            f"{line_of(package, marker=_marker(entry))}\n"
            for entry in main
            if (package := _package(entry, files)).requirement
        )
    else:
        roots = _roots(read_toml(project.directory / "pyproject.toml") or {}, entries)
        python = specifier_of(str(metadata.get("python-versions", "")))
        text = requirements_of([_package(entry, files) for entry in entries], roots, python)
    sources = (entry["source"] for entry in entries if entry.get("source", {}).get("type") == "legacy")
    return Declaration(declared_by="poetry.lock", locked=index_lines(source["url"] for source in sources) + text)


def _marker(entry: dict[str, Any]) -> str:
    marker = entry.get("markers", "")
    return str(marker.get("main", "") if isinstance(marker, dict) else marker)


def _roots(pyproject: dict[str, Any], entries: list[dict[str, Any]]) -> list[Edge]:
    declared = pyproject.get("tool", {}).get("poetry", {}).get("dependencies", {})
    edges = [edge for name, value in declared.items() if name != "python" for edge in _edges(name, value)]
    edges += [edge_of(line) for line in pyproject.get("project", {}).get("dependencies", [])]
    if edges:
        return edges
    main = (entry for entry in entries if entry.get("category", "main") == "main" and not entry.get("optional"))
    return [Edge(canonicalize_name(entry["name"]), entry["version"]) for entry in main]


def edge_of(line: str) -> Edge:
    """Return a requirement line as what a package needs."""
    try:
        found = Requirement(line)
    except InvalidRequirement:
        return Edge(canonicalize_name(line.partition(" ")[0]))
    return Edge(
        name=canonicalize_name(found.name),
        specifier=str(found.specifier),
        marker=str(found.marker or ""),
        extras=frozenset(found.extras),
    )


def _edges(name: str, value: Any) -> list[Edge]:
    tables = [table for table in tables_of(value) if not table.get("optional") or "extra" in str(table.get("markers"))]
    return [
        Edge(
            name=canonicalize_name(name),
            specifier=specifier_of(str(table.get("version", "*"))),
            marker=marker_of(table),
            extras=frozenset(table.get("extras", ())),
        )
        for table in tables
    ]


def _package(entry: dict[str, Any], files: dict[str, list[dict[str, str]]]) -> LockedPackage:
    listed = entry.get("files") or files.get(entry["name"], [])
    source = entry.get("source", {})
    python = specifier_of(str(entry.get("python-versions", "")))
    edges = (edge for name, value in entry.get("dependencies", {}).items() for edge in _edges(name, value))
    requirement: str | None = f"{entry['name']}=={entry['version']}"
    if source.get("type") == "git":
        requirement = f"{entry['name']} @ {git_url(source['url'], source)}"
    elif source.get("type") == "url":
        requirement = f"{entry['name']} @ {source['url']}"
    elif source.get("type") == "file":
        requirement = f"./{source['url']}"
    elif source.get("type") == "directory":
        requirement = None
    return LockedPackage(
        name=canonicalize_name(entry["name"]),
        version=entry["version"],
        requirement=requirement,
        hashes=tuple(sorted({file["hash"] for file in listed})),
        edges=tuple(edges),
        marker=marker_of({"python": python}) if python else "",
    )
