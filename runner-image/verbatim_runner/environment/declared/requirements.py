"""Dependencies in ``requirements.txt``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim_runner.environment.declared.interface import Declaration

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.stage import Entry


def detect(project: Path, _root: Path, _entry: Entry) -> Declaration | None:
    """Return the declaration if the project has the file."""
    name = "requirements.txt"
    return Declaration(declared_by=name, files=(name,)) if (project / name).is_file() else None
