"""Dependencies in ``requirements.txt``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from verbatim_runner.environment.declared.interface import Declaration
from verbatim_runner.environment.declared.requirements_file import read_requirements_file

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.stage import Entry
    from verbatim_runner.project import Project

_NAMES = (
    "requirements.txt", "requirements/train.txt", "requirements/base.txt", "requirements/requirements.txt",
    "requirements/main.txt", "requirements/prod.txt", "requirements-train.txt", "requirements_train.txt",
    "requirements-cpu.txt", "requirements_cpu.txt", "requirements.in",
)  # fmt: skip
"""The first that is there counts."""
_OF_DEVELOPMENT = re.compile(r"dev|test|doc|lint|ci\b|style|build|serv|infer|deploy")


def detect(project: Project, _entry: Entry) -> Declaration | None:
    """Return the declaration if the project has the file, or one by another name that can only be meant as it.

    Raises:
        UserFault: It includes a file that the code does not have.
    """
    file = find_file(project.directory)
    if not file:
        return None
    return declaration_of(file, project, declared_by=file.relative_to(project.directory).as_posix())


def find_file(directory: Path) -> Path | None:
    """Return a directory's requirements file: by the usual names, else the only one that is not for development."""
    if name := next((name for name in _NAMES if (directory / name).is_file()), None):
        return directory / name
    others = other_files(directory)
    return others[0] if len(others) == 1 else None


def other_files(directory: Path) -> list[Path]:
    """Return requirements files by names of their own, but those for development, tests and documentation."""
    found = {*directory.glob("*requirements*.txt"), *directory.glob("requirements/*.txt")}
    return sorted(file for file in found if file.is_file() and not _OF_DEVELOPMENT.search(file.stem))


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
