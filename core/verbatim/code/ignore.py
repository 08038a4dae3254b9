""".dockerignore, as Docker reads it (docs.docker.com/build/concepts/context): what a project leaves out of its image.

The subset: ``*``, ``?``, ``[…]``, a whole part ``**``, comments and ``!`` exceptions; the last pattern that matches a
path, or a directory above it, decides. Whatever the patterns, matching takes no longer than their length times the
path's.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAME = ".dockerignore"
_Parts = tuple[re.Pattern[str] | None, ...]
"""A pattern for each part of a path; None stands for ``**``."""


def read_ignore(directory: Path) -> Callable[[str], bool]:
    """Return whether a directory's .dockerignore leaves out a path, seen from the directory; without one, none."""
    file = directory / NAME
    try:
        text = file.read_text(errors="replace") if file.is_file() and not file.is_symlink() else ""
    except OSError:
        text = ""
    rules = [rule for rule in map(_rule, text.removeprefix("\ufeff").splitlines()) if rule]

    def leaves_out(path: str) -> bool:
        parts, left_out = path.split("/"), False
        for excepts, pattern in rules:
            if left_out == excepts and _matches(pattern, parts):
                left_out = not excepts
        return left_out

    return leaves_out


def _rule(line: str) -> tuple[bool, _Parts] | None:
    """Return whether a line names an exception, and its pattern; None for a line that has none."""
    text = line.strip()
    if not text or text.startswith("#"):
        return None
    cleaned = posixpath.normpath(text.removeprefix("!").strip().replace("[^", "[!")).lstrip("/")
    if cleaned in {"", "."}:
        return None
    parts = (None if part == "**" else re.compile(fnmatch.translate(part)) for part in cleaned.split("/"))
    return text.startswith("!"), tuple(parts)


def _matches(pattern: _Parts, parts: list[str]) -> bool:
    """Return whether a pattern matches a path or a directory above it."""
    taken = {0}
    for place, part in enumerate(pattern):
        if not taken:
            return False
        if part is None:
            least = min(taken) + (place == len(pattern) - 1)
            taken = set(range(least, len(parts) + 1))
        else:
            taken = {count + 1 for count in taken if count < len(parts) and part.match(parts[count])}
    return bool(taken - {0})
