"""Dependencies in ``Pipfile``: its ``packages``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim_runner.environment.declared.interface import Declaration
from verbatim_runner.environment.declared.lock_graph import index_lines
from verbatim_runner.environment.declared.poetry import requirement_lines
from verbatim_runner.environment.declared.toml_file import read_toml

if TYPE_CHECKING:
    from verbatim.stage import Entry
    from verbatim_runner.project import Project


def detect(project: Project, _entry: Entry) -> Declaration | None:
    """Return the declaration if the project has the file.

    Raises:
        UserFault: It is not TOML.
    """
    content = read_toml(project.directory / "Pipfile")
    if content is None:
        return None
    indexes = index_lines(source.get("url", "") for source in content.get("source", [])).splitlines()
    lines = requirement_lines(content.get("packages", {}))
    return Declaration(declared_by="Pipfile", requirements=(*indexes, *lines))
