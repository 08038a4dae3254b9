"""The checkpoint directory as the training has it at this moment; the training may write to it all the while.

No link that the training laid is followed, in no part of a path.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from verbatim.problems import printable

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.documents import FileRef

DIRECTORY = "ml/checkpoints"
"""Below the work directory."""

State = tuple[int, int, int]
"""A file's inode, size in bytes and time of change of its content, in ns."""

Kept = dict[str, tuple[State, "FileRef"]]
"""Files, seen from the directory, as they were when they were stored, and as what."""


def state_of(found: os.stat_result) -> State:
    """Return what changes when a file's content does."""
    return found.st_ino, found.st_size, found.st_mtime_ns


def look(work: Path) -> dict[str, State]:
    """Return the state of every regular file whose name a document can hold; nothing where the directory is a link."""
    states: dict[str, State] = {}
    descriptor = _open_directory(work)
    if descriptor is None:
        return states
    try:
        for folder, _, names, held in os.fwalk(".", dir_fd=descriptor):
            for name in names:
                path = str(PurePosixPath(folder, name))
                with suppress(OSError):  # gone meanwhile
                    found = os.stat(name, dir_fd=held, follow_symlinks=False)
                    if stat.S_ISREG(found.st_mode) and printable(path) == path:
                        states[path] = state_of(found)
    finally:
        os.close(descriptor)
    return states


def is_empty(work: Path) -> bool:
    """Return whether there is nothing in the directory, or it is none; one that cannot be read is not empty."""
    try:
        descriptor = _open_directory(work)
    except PermissionError:
        return False
    if descriptor is None:
        return True
    try:
        with os.scandir(descriptor) as entries:
            return next(entries, None) is None
    finally:
        os.close(descriptor)


def in_order(kept: Kept) -> tuple[FileRef, ...]:
    """Return the references, that of the file first that was written first."""
    return tuple(ref for _, ref in sorted(kept.values(), key=lambda item: (item[0][2], item[1].path)))


def _open_directory(work: Path) -> int | None:
    descriptor = os.open(work, os.O_RDONLY | os.O_DIRECTORY)
    for part in DIRECTORY.split("/"):
        above = descriptor
        try:
            descriptor = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
        except PermissionError:
            raise
        except OSError:
            return None
        finally:
            os.close(above)
    return descriptor
