"""What is in a code blob, as far as a run's record tells of it."""

from __future__ import annotations

import re
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MAX_POINTER_BYTES = 1024
_POINTER = re.compile(rb"version https://(git-lfs\.github\.com|hawser\.github\.com)/spec/v1\n(.+\n)*?size (\d+)\n")
"""See https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md."""


@dataclass(frozen=True)
class Contents:
    """What a code blob holds.

    Attributes:
        files: How many files and links.
        lfs_pointers: Files that only say where git LFS keeps their content, those of the largest content first.
    """

    files: int
    lfs_pointers: tuple[str, ...]


def contents_of(archive: Path) -> Contents:
    """Read what a code archive, as ``verbatim.tree.pack_tree`` makes it, holds."""
    count, pointers = 0, dict[str, int]()
    with tarfile.open(archive) as content:
        for member in content:
            count += 1
            source = content.extractfile(member) if member.isreg() and member.size < _MAX_POINTER_BYTES else None
            if source and (pointer := _POINTER.match(source.read())):
                pointers[member.name] = int(pointer[3])
    return Contents(count, tuple(sorted(pointers, key=lambda name: (-pointers[name], name))))
