"""A Makefile's target: parameters are handed over as variables, which make gives to its recipes, too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from verbatim.stage import Entry
from verbatim_runner.entry.interface import Candidate, read_text
from verbatim_runner.training.arguments import without_sagemakers

if TYPE_CHECKING:
    from verbatim_runner.project import Project

TRAIN = "train"
_FILES = ("GNUmakefile", "makefile", "Makefile")  # in make's own order
_TARGET = re.compile(
    r"^(?P<names>[\w./-]+(?:[ \t]+[\w./-]+)*)[ \t]*::?(?!=)(?P<recipe>.*(?:\n(?:\t.*|[ \t]*))*)", re.MULTILINE
)
_VARIABLE = re.compile(r"^\w+$")


def detect(project: Project) -> list[Candidate]:
    """Return the target ``train`` if there is one."""
    recipe = _targets(project).get(TRAIN)
    if recipe is None:
        return []
    return [Candidate(_entry(project, TRAIN), f'"command": "make {TRAIN}"', text=recipe)]


def pick(project: Project, name: str) -> Entry | None:
    """Return how the target that ``entry_point`` names is made; None where there is none."""
    return _entry(project, name) if name in _targets(project) else None


def names(project: Project) -> list[str]:
    """Return the Makefile's targets."""
    return [name for name in _targets(project) if not name.startswith(".")]


def _entry(project: Project, target: str) -> Entry:
    given = (name for name in without_sagemakers(project.parameters) if _VARIABLE.match(name))
    variables = tuple(f"{name}={{parameters.{name}}}" for name in sorted(given))
    found_by = f"the Makefile's target {target}"
    return Entry(argv=("make", target, *variables), appends_parameters=False, found_by=found_by)


def _targets(project: Project) -> dict[str, str]:
    """Return target to its prerequisites and recipe, as written."""
    text = next((text for file in _FILES if (text := read_text(project.directory / file))), "")
    return {name: match["recipe"] for match in _TARGET.finditer(text) for name in match["names"].split()}
