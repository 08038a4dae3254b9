"""Dependencies of a project in a subdirectory, declared above it, for the whole tree of code.

A list that names nothing of what training imports is not about it (that of the documentation, say), and does not count.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from verbatim.errors import UserFault
from verbatim_runner.environment.declared import conda, imports, pipfile, pipfile_lock, python_env, requirements

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from verbatim.stage import Entry
    from verbatim_runner.environment.declared.interface import Declaration
    from verbatim_runner.project import Project

_LOCAL = re.compile(r"^(?P<editable>-e )?(?P<place>\.[^\[;\s]*)(?P<rest>.*)")
_OF_A_PACKAGE = ("pyproject.toml", "setup.py")
_DETECTORS = (pipfile_lock.detect, requirements.detect, python_env.detect, conda.detect, pipfile.detect)


def detect(project: Project, entry: Entry) -> Declaration | None:
    """Return the nearest declaration above the project that is about it."""
    for directory in _directories_above(project):
        for detector in _DETECTORS:
            with suppress(UserFault):  # what cannot be read, and is not the project's own, is no fault of the project
                found = detector(replace(project, directory=directory), entry)
                if found and imports.is_about(found, project, entry):
                    return _seen_from(project.directory, directory, found)
    return None


def _directories_above(project: Project) -> Iterator[Path]:
    for directory in project.directory.parents if project.directory != project.root else ():
        yield directory
        if directory == project.root:
            return


def _seen_from(project: Path, directory: Path, found: Declaration) -> Declaration:
    path = os.path.relpath(directory, project)
    return replace(
        found,
        declared_by=f"{path}/{found.declared_by}",
        requirements=tuple(filter(None, (_line_seen_from(project, path, line) for line in found.requirements))),
    )


def _line_seen_from(project: Path, path: str, line: str) -> str | None:
    """Name a package by where it lies from the project; leave out a directory that is none."""
    found = _LOCAL.match(line)
    if found is None:
        return line
    place = os.path.normpath(os.path.join(path, found["place"]))  # noqa: PTH118 - pathlib keeps the ..
    there = project / place
    if not there.is_file() and not any((there / name).is_file() for name in _OF_A_PACKAGE):
        return None
    return f"{found['editable'] or ''}{place if place.startswith('.') else f'./{place}'}{found['rest']}"
