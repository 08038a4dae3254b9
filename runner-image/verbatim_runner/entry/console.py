"""The names by which projects are started by hand: ``train.py``, ``make train`` and their kin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim_runner.entry import makefile, package, project_scripts, script
from verbatim_runner.entry.calls import without_called

if TYPE_CHECKING:
    from verbatim_runner.entry.interface import Candidate
    from verbatim_runner.project import Project

_SCRIPTS = ("train.py", "main.py", "train.sh", "train.R")


def detect(project: Project) -> list[Candidate]:
    """Return every way to start by one of these names, but for what only another of them calls.

    Raises:
        UserFault: A ``[project.scripts] train`` names no function.
    """
    there = [name for name in _SCRIPTS if (project.directory / name).is_file()]
    if "train.py" in there and "train.R" in there:
        there.remove("train.R")  # the same in another language
    scripts = [script.candidate(project, name) for name in there]
    return without_called(
        [*scripts, *project_scripts.detect(project), *package.detect(project), *makefile.detect(project)]
    )
