"""What every way of starting a project comes to, and reading its files. Nothing of the project is run here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.stage import Entry

READ_BYTES = 1024 * 1024
"""Of a file that is searched for what it starts."""


@dataclass(frozen=True)
class Candidate:
    """One way to start training that a project has.

    Attributes:
        entry: How.
        chosen_by: The conf line that decides for it.
        known_as: What others call it: a script's name, a module's.
        text: What it runs, in which others may be called.
    """

    entry: Entry
    chosen_by: str
    known_as: tuple[str, ...] = ()
    text: str = ""


def read_text(file: Path) -> str:
    """Return a file's text, as much as is looked at; an empty one where it cannot be read."""
    try:
        with file.open("rb") as content:
            return content.read(READ_BYTES).decode("utf-8-sig", "replace")
    except OSError:
        return ""
