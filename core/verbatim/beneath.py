"""Opening what lies below a directory whose content somebody else writes, maybe at this moment: no link is followed."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path


def open_beneath(root: Path, path: str) -> BinaryIO | None:
    """Open a regular file below a directory, following no link; None where there is none that may be read."""
    folder, _, name = path.rpartition("/")
    held = open_directory_beneath(root, folder)
    if held is None:
        return None
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=held)
    except OSError:
        return None
    finally:
        os.close(held)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return os.fdopen(descriptor, "rb")


def open_directory_beneath(root: Path, path: str) -> int | None:
    """Open a directory below another one, following no link; None where there is none that may be read."""
    held: list[int] = []
    try:
        held.append(os.open(root, os.O_RDONLY | os.O_DIRECTORY))
        for folder in filter(None, path.split("/")):
            held.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=held[-1]))
    except OSError:
        return None
    else:
        return held.pop()
    finally:
        for descriptor in held:
            os.close(descriptor)
