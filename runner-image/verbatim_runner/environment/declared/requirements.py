"""Dependencies in ``requirements.txt``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim_runner.environment.declared.interface import Declaration
from verbatim_runner.environment.declared.requirements_file import read_requirements_file

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.stage import Entry
    from verbatim_runner.project import Project

_NAMES = ("requirements.txt", "requirements/train.txt", "requirements-train.txt", "requirements_train.txt",
          "requirements/base.txt", "requirements/requirements.txt", "requirements/main.txt", "requirements/prod.txt",
          "requirements.in", "requirements-cpu.txt", "requirements_cpu.txt")  # fmt: skip
"""The first that is there counts; other names are told in a notice."""


def detect(project: Project, _entry: Entry) -> Declaration | None:
    """Return the declaration if the project has the file, or one of its usual other names.

    Raises:
        UserFault: It includes a file that the code does not have.
    """
    name = next((name for name in _NAMES if (project.directory / name).is_file()), None)
    return declaration_of(project.directory / name, project, declared_by=name) if name else None


def declaration_of(file: Path, project: Project, *, declared_by: str) -> Declaration:
    """Return what a requirements file declares.

    Args:
        file: In the project's tree.
        project: The project; relative paths are seen from its directory, as where pip is run in it.
        declared_by: What the file is called in the record.

    Raises:
        UserFault: It includes a file that the code does not have.
    """
    inside = file.is_relative_to(project.directory)
    listing = read_requirements_file(file, project, base=project.directory if inside else file.parent)
    return Declaration(
        declared_by=declared_by,
        requirements=tuple(listing.requirements),
        constraints=tuple(listing.constraints),
        notices=tuple(listing.notices),
    )
