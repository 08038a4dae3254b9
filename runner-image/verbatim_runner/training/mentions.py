"""Which of the contracts' places a project spells out, so that what costs something is done for those alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_READ_FILES = 500
_READ_BYTES = 256 * 1024
_SKIPPED = frozenset({"node_modules", "site-packages", "venv"})
_SUFFIXES = frozenset({
    "", ".R", ".cfg", ".ini", ".ipynb", ".jl", ".json", ".mk", ".py", ".r", ".sh", ".toml", ".yaml", ".yml",
})  # fmt: skip
"""Of scripts and of what they are configured with; none at all is a Makefile's and an MLproject's."""


def mentions(project: Path, words: Iterable[str]) -> set[str]:
    """Return which of some words the beginnings of a project's first scripts and configuration files spell out."""
    sought = {word: word.encode() for word in words}
    found: set[str] = set()
    for path in _scripts(project):
        with path.open("rb") as file:
            content = file.read(_READ_BYTES)
        found |= {word for word, spelt in sought.items() if spelt in content}
        if len(found) == len(sought):
            break
    return found


def _scripts(project: Path) -> Iterator[Path]:
    left = _READ_FILES
    for folder, directories, files in os.walk(project):
        directories[:] = sorted(name for name in directories if not name.startswith(".") and name not in _SKIPPED)
        for name in sorted(files):
            path = Path(folder, name)
            if path.suffix in _SUFFIXES and path.is_file():
                if not left:
                    return
                left -= 1
                yield path
