"""Dependencies in ``pyproject.toml``, or in the ``setup.py`` or ``setup.cfg`` before it.

What is written out is read here; what only a build backend can tell (dynamic dependencies, ``setup.py``) is left to the
resolver, which asks it where no run can be harmed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from verbatim.errors import UserFault
from verbatim_runner.environment.declared.interface import Declaration
from verbatim_runner.environment.declared.lock_graph import index_lines
from verbatim_runner.environment.declared.poetry import git_url, requirement_lines
from verbatim_runner.environment.declared.requirements_file import decode
from verbatim_runner.environment.declared.setup_script import read_install_requires
from verbatim_runner.environment.declared.toml_file import read_toml, texts_in
from verbatim_runner.local_packages import local_sources

if TYPE_CHECKING:
    from verbatim.stage import Entry
    from verbatim_runner.project import Project


def detect(project: Project, _entry: Entry) -> Declaration | None:
    """Return the declaration if the project has one of the files, and it describes more than tools' settings.

    Raises:
        UserFault: ``pyproject.toml`` is not TOML, or a dependency in it is not one.
    """
    content = read_toml(project.directory / "pyproject.toml") or {}
    tool = content.get("tool", {})
    if "dependencies" in content.get("project", {}) or "dependencies" in content.get("project", {}).get("dynamic", ()):
        return _of_project(content["project"], tool, project)
    if "dependencies" in tool.get("poetry", {}):
        return _of_poetry(tool["poetry"])
    return _of_setup(project)


def _of_setup(project: Project) -> Declaration | None:
    """Return what ``setup.py`` or ``setup.cfg`` declares; one that requires nothing declares nothing."""
    names = [name for name in ("setup.py", "setup.cfg") if (project.directory / name).is_file()]
    texts = {name: decode((project.directory / name).read_bytes()) for name in names}
    if not any("install_requires" in text for text in texts.values()):
        return None
    if (
        "install_requires" in texts.get("setup.py", "")
        and (lines := read_install_requires(texts["setup.py"])) is not None
    ):
        return Declaration(declared_by="setup.py", requirements=tuple(lines))
    return Declaration(declared_by=names[0], files=(names[0],))


def _of_project(table: dict[str, Any], tool: dict[str, Any], project: Project) -> Declaration:
    if "dependencies" in table.get("dynamic", []):
        return Declaration(declared_by="pyproject.toml", files=("pyproject.toml",))
    uv = tool.get("uv", {})
    # An index that is "explicit" is for the packages that name it as their source, most often builds of torch.
    indexes = index_lines(index.get("url", "") for index in uv.get("index", []) if not index.get("explicit"))
    beside = {
        name: os.path.relpath(place, project.directory)
        for name, place in local_sources(project.directory, project.root).items()
    }
    declared = texts_in(table, "dependencies", "pyproject.toml")
    lines = (_from_source(line, uv.get("sources", {}), beside) for line in declared)
    return Declaration(declared_by="pyproject.toml", requirements=(*indexes.splitlines(), *filter(None, lines)))


def _from_source(line: str, sources: dict[str, Any], beside: dict[str, str]) -> str | None:
    """Return a dependency from where uv's settings say it comes (``tool.uv.sources``), or from beside the project.

    https://docs.astral.sh/uv/concepts/projects/dependencies/#dependency-sources
    """
    try:
        requirement = Requirement(line)
    except InvalidRequirement as error:
        raise UserFault(f"a dependency in pyproject.toml is not one: {line!r} ({error})", field="code") from None
    named = {canonicalize_name(name): source for name, source in sources.items()}
    source = named.get(canonicalize_name(requirement.name))
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f" ; {requirement.marker}" if requirement.marker else ""
    if place := beside.get(canonicalize_name(requirement.name)):
        return f"-e {place if place.startswith('.') else f'./{place}'}{extras}"
    if not isinstance(source, dict):
        return line
    if "git" in source:
        return f"{requirement.name}{extras} @ {git_url(source['git'], source)}{marker}"
    if "url" in source:
        return f"{requirement.name}{extras} @ {source['url']}{marker}"
    if "path" in source:
        return f"{requirement.name}{extras} @ ./{source['path']}{marker}"
    return None if source.get("workspace") else line


def _of_poetry(table: dict[str, Any]) -> Declaration:
    indexes = index_lines(source.get("url", "") for source in table.get("source", []))
    lines = requirement_lines(table.get("dependencies", {}))
    return Declaration(declared_by="pyproject.toml", requirements=(*indexes.splitlines(), *lines))
