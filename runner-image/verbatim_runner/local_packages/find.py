"""Finds the packages that lie in the code, from the project on."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from verbatim_runner.local_packages.description import read_local_package
from verbatim_runner.local_packages.sources import local_sources
from verbatim_runner.local_packages.wheel import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from verbatim_runner.project import Project

_LOCAL = re.compile(
    r"(?:-e\s+|[\w.-]+(?:\[[^]]*\])?\s*@\s*)?(?P<path>\.{1,2}(?:/[^\[;\s]*)?)(?:\[[^]]*\])?\s*(?:;.*|--.*)?"
)


def find_local_packages(project: Project, requirements: Iterable[str]) -> tuple[str, ...]:
    """Return the directories, and the wheels, of all packages that installing a project would install from the code.

    That is the project itself, where it describes a package, what its requirements name, and what these depend on.

    Args:
        project: The project.
        requirements: Lines of a requirements file, whose relative paths are seen from the project.

    Returns:
        Paths seen from the root of the code, in the order in which they were found.
    """
    root = project.root.resolve()
    named = (match for line in requirements if (match := _LOCAL.fullmatch(line)))
    waiting = [project.directory, *(project.directory / match["path"] for match in named)]
    seen: list[Path] = []
    while waiting:
        place = waiting.pop(0).resolve()
        if place not in seen and place.exists() and place.is_relative_to(root):
            seen.append(place)
            waiting += local_sources(place, root).values()
    return tuple(
        os.path.relpath(place, root)
        for place in seen
        if (place.suffix == SUFFIX if place.is_file() else read_local_package(place, root))
    )
