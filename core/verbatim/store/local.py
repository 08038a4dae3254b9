"""Takes finished files into a local store without copying them, where the file system allows it."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from typing import TYPE_CHECKING

from verbatim.errors import PlatformFault

if TYPE_CHECKING:
    from pathlib import Path


def move_into(target: Path, path: Path) -> None:
    """Move a file to where it is to lie; it appears there whole, and what is there already stays.

    Args:
        target: Its place in the store; the parent is made.
        path: The file.

    Raises:
        PlatformFault: The store cannot be written, or is full.
    """
    if target.exists():
        return
    try:
        try:
            _rename(path, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy(path, target)
    except OSError as error:
        raise PlatformFault(f"the store cannot take {target.name}: {error.strerror}") from None


def _rename(path: Path, target: Path) -> None:
    try:
        path.rename(target)
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)


def _copy(path: Path, target: Path) -> None:
    """Copy a file from another file system, under a name that obstore leaves out of its listings until it is whole."""
    part = target.with_name(f"{target.name}#{os.getpid()}{threading.get_ident()}")
    try:
        shutil.copyfile(path, part)
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
