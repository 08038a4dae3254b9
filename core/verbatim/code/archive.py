"""An archive (zip, tar) from the platform's machine, a web server or S3: unpacked, and kept like a directory.

So the same files have the same digest, whatever they were packed in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.code.download import MAX_ARCHIVE_BYTES, download
from verbatim.code.pinning import demand, scratch_directory
from verbatim.code.places import ARCHIVES, ends_in, is_local
from verbatim.code.unpack import unpack_archive
from verbatim.code.weight import weigh
from verbatim.errors import RequestError, UserFault
from verbatim.paths import exists, local_path
from verbatim.problems import Problem
from verbatim.spec import PinnedCode
from verbatim.tree import MAX_CODE_BYTES, MAX_CODE_FILES, pack_tree, walk_tree

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from verbatim.code.pinning import Pinning

_BY_THE_WAY = frozenset({"__MACOSX", ".DS_Store"})
"""What macOS puts into archives besides their content."""


def applies(url: str) -> bool:
    """Return whether a URL names an archive."""
    return ends_in(url, ARCHIVES)


def pin(pinning: Pinning) -> PinnedCode:
    """Keep an archive's files; a single directory at its top, as GitHub's archives have, is not part of their paths.

    Raises:
        RequestError: It is not there, may not be read, is no archive, or does not unpack to a directory of code.
        PlatformFault: The store, or the server that it comes from, does not work as it should.
    """
    code = pinning.code
    pinning.demand_no_ref("An archive is one fixed state.")
    with scratch_directory() as scratch:
        archive, moment = _fetched(pinning, scratch / "archive")
        try:
            newest = unpack_archive(archive, scratch / "tree", max_bytes=MAX_CODE_BYTES, max_files=MAX_CODE_FILES)
        except UserFault as error:
            expected = "an archive that can be unpacked safely"
            raise RequestError([Problem(field="code.url", expected=expected, got=error.message)]) from None
        root = _top(scratch / "tree")
        files = [name for name in walk_tree(root) if _BY_THE_WAY.isdisjoint(name.split("/"))]
        demand(_unfit(files, code.subdirectory))
        weigh(root, files, pinning.warn)
        pack_tree(root, files, scratch / "code.tar")
        digest = pinning.store.put_file(scratch / "code.tar").sha256
    url = str(local_path(code.url)) if is_local(code.url) else code.url
    return PinnedCode(
        kind="archive", url=url, committed_at=newest or moment, subdirectory=code.subdirectory,
        connection=code.connection, digest=digest,
    )  # fmt: skip


def _fetched(pinning: Pinning, target: Path) -> tuple[Path, datetime | None]:
    """Return the archive as a file, and when a server says that it was changed."""
    if not is_local(pinning.code.url):
        return target, download(pinning, target, MAX_ARCHIVE_BYTES)
    path = local_path(pinning.code.url)
    pinning.demand_readable(path)
    pinning.demand_no_connection()
    if not exists(path) or not path.is_file():
        expected = "an archive that exists and can be reached"
        demand(Problem(field="code.url", expected=expected, got=str(path)))
    return path, None


def _top(tree: Path) -> Path:
    entries = [entry for entry in tree.iterdir() if entry.name not in _BY_THE_WAY]
    return entries[0] if len(entries) == 1 and entries[0].is_dir() and not entries[0].is_symlink() else tree


def _unfit(files: list[str], subdirectory: str) -> Problem | None:
    if not files:
        return Problem(field="code.url", expected="an archive with code in it", got="one without files")
    if not any(name.startswith(f"{subdirectory}/") for name in files) and subdirectory != ".":
        there = ", ".join(sorted({name.split("/")[0] for name in files if "/" in name})[:20]) or "none"
        expected = f"a directory in the archive (at its top: {there})"
        return Problem(field="code.subdirectory", expected=expected, got=subdirectory)
    return None
