"""Decides how training is started: by the conf, else by the first detector that finds a way.

Reads files and runs nothing. To know one more kind of project, write a module with a ``detect`` function that returns
its candidates, and add it to ``DETECTORS``; where it is in ``NAMED``, the conf's ``entry_point`` can name it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.errors import UserFault
from verbatim_runner.entry import console, last_resort, makefile, mlproject, project_scripts, sagemaker, script
from verbatim_runner.entry.command import entry_of_command

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from verbatim.stage import Entry
    from verbatim_runner.entry.interface import Candidate
    from verbatim_runner.project import Project

DETECTORS: tuple[Callable[[Project], Sequence[Candidate]], ...] = (
    script.detect,
    mlproject.detect,
    sagemaker.detect,
    console.detect,
    last_resort.detect,
)
NAMED: tuple[tuple[Callable[[Project, str], Entry | None], Callable[[Project], list[str]]], ...] = (
    (mlproject.pick, mlproject.names),
    (script.pick, script.names),
    (project_scripts.pick, project_scripts.names),
    (makefile.pick, makefile.names),
)
"""Where ``entry_point`` is looked for, in this order; and what it could be there."""

_SHOWN = 20


def find_entry(project: Project) -> Entry:
    """Return how training is started, and why so.

    Raises:
        UserFault: The project has no candidate, or several; with the conf line that decides.
    """
    if project.command:
        entry = entry_of_command(project.command)
    elif project.entry_point:
        entry = _picked(project, project.entry_point)
    else:
        entry = _found(project)
    return entry.model_copy(update={"declared_in": mlproject.declared_in(project)})


def _picked(project: Project, name: str) -> Entry:
    for pick, _ in NAMED:
        if entry := pick(project, name):
            return entry
    names = list(dict.fromkeys(name for _, names_in in NAMED for name in names_in(project)))
    known = ", ".join(names[:_SHOWN]) or 'none at its top; a script below is named with its directory, "jobs/fit.py"'
    raise UserFault(f"expected a way to start that the project has ({known}); got {name!r}", field="entry_point")


def _found(project: Project) -> Entry:
    candidates = next((found for detect in DETECTORS if (found := detect(project))), ())
    if len(candidates) == 1:
        return candidates[0].entry
    if candidates:
        listed = "; ".join(f"{candidate.entry.found_by}: {candidate.chosen_by}" for candidate in candidates[:_SHOWN])
        raise UserFault(
            f"the project has {len(candidates)} ways to start training. Say in the conf which one: {listed}",
            field="entry_point",
        )
    there = ", ".join(sorted(path.name for path in project.directory.iterdir() if path.name != ".git")[:_SHOWN])
    example = next(iter(script.names(project)), "my_training.py")
    raise UserFault(
        "the project has nothing that starts training (MLproject, sagemaker_program, train.py, main.py, train.sh, "
        "train.R, a [project.scripts] train, a package with __main__.py, a Makefile's train, or a single script or "
        f'notebook); it has: {there or "nothing"}. Name it in the conf, such as "entry_point": "{example}" or '
        f'"command": "python {example}"; a project that lies in a directory of it is named by code.subdirectory',
        field="entry_point",
    )
