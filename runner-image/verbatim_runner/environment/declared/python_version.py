"""The interpreter that a project demands, by the files that name one. Reads files and runs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verbatim.stage import Entry
    from verbatim_runner.environment.declared.interface import PythonDemand
    from verbatim_runner.project import Project


def find_python(project: Project, entry: Entry) -> PythonDemand | None:  # noqa: ARG001 - read from the next commit on
    """Return the interpreter that the project demands, by the first file that names one.

    Args:
        project: The project.
        entry: How training is started.
    """
    return None
