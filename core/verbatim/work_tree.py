"""How a directory of code stands to the git commit that is checked out in it.

The directory is whoever's a conf names, so nothing of it is run: git is asked for names and hashes of the commit alone
(see ``verbatim.git`` for what that relies on), never to compare files, since for that it runs the filters that the
repository's own configuration names. The comparison is ours, with what was packed.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from verbatim import git
from verbatim.errors import PlatformFault, UserFault
from verbatim.paths import exists
from verbatim.tree import LEFT_OUT

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

CHUNK_BYTES = 1024 * 1024
_Blobs = dict[str, tuple[str, str]]
"""Path to git's mode (100644, 100755, 120000) and blob hash."""


@dataclass(frozen=True)
class Standing:
    """How packed files stand to a commit.

    Attributes:
        commit: The full SHA; None outside a work tree.
        dirty: Whether anything differs.
        committed_at: When the commit was made.
    """

    commit: str | None = None
    dirty: bool = False
    committed_at: datetime | None = None


def standing(root: Path, archive: Path, leaves_out: Callable[[str], bool]) -> Standing:
    """Return the commit that a directory stands on, and whether its packed files differ from it.

    Bytes are compared: a file that git stores in another form than it lies there (LFS, line ends) differs.

    Args:
        root: The directory; in a work tree, not necessarily its top.
        archive: What ``verbatim.tree.pack_tree`` made of it.
        leaves_out: Whether a path was left out of it on purpose.
    """
    try:
        commit = git.run("rev-parse", "HEAD", cwd=root).strip()
        committed = {path: blob for path, blob in _committed(root, commit).items() if not leaves_out(path)}
        moment = git.committed_at(partial(git.run, cwd=root), commit)
    except (UserFault, PlatformFault):
        return Standing()
    return Standing(commit, committed != _packed(archive, "sha256" if len(commit) == 64 else "sha1"), moment)


def _committed(root: Path, commit: str) -> _Blobs:
    """Return the files of a commit below a directory, those of submodules that are checked out among them."""
    blobs: _Blobs = {}
    for entry in filter(None, git.run("ls-tree", "-r", "-z", commit, cwd=root).split("\0")):
        described, _, name = entry.partition("\t")
        mode, kind, digest = described.split(" ")
        if not LEFT_OUT.isdisjoint(name.split("/")):
            continue
        if kind == "blob":
            blobs[name] = mode, digest
        elif exists(root / name / ".git") and not (root / name).is_symlink():
            inner = _committed(root / name, digest)
            blobs |= {f"{name}/{path}": blob for path, blob in inner.items()}
    return blobs


def _packed(archive: Path, algorithm: str) -> _Blobs:
    blobs: _Blobs = {}
    with tarfile.open(archive) as content:
        for member in content:
            link = os.fsencode(member.linkname)
            digest = hashlib.new(algorithm, b"blob %d\0" % (len(link) if member.issym() else member.size))
            source = content.extractfile(member) if member.isreg() else None
            if source:
                while chunk := source.read(CHUNK_BYTES):
                    digest.update(chunk)
            else:
                digest.update(link)
            mode = "120000" if member.issym() else "100755" if member.mode & 0o100 else "100644"
            blobs[member.name] = mode, digest.hexdigest()
    return blobs
