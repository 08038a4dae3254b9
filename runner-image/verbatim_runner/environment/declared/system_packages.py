"""The Debian packages that a project needs, by its ``apt.txt``. Reads it and installs nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from verbatim.errors import UserFault

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim_runner.project import Project

_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+")
"""https://www.debian.org/doc/debian-policy/ch-controlfields.html#source"""
_SHOWN = 80


def find_system_packages(project: Project) -> tuple[str, ...]:
    """Return the packages of ``apt.txt`` in the project's directory, else in the root of the code, sorted.

    Args:
        project: The project.

    Raises:
        UserFault: A line is not the name of a Debian package.
    """
    for directory in dict.fromkeys((project.directory, project.root)):
        if (file := directory / "apt.txt").is_file():
            return _read(file)
    return ()


def _read(file: Path) -> tuple[str, ...]:
    found = set()
    lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        for name in line.partition("#")[0].split():
            if not _PACKAGE.fullmatch(name):
                got = name[:_SHOWN]
                raise UserFault(
                    f"line {number} of apt.txt: expected the name of a Debian package, such as libgomp1; got {got!r}",
                    field="apt.txt",
                )
            found.add(name)
    return tuple(sorted(found))
