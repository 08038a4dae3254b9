"""Unpacking an archive that a conf names: tar, plain or compressed, or zip. Hostile until it is unpacked."""

from __future__ import annotations

import lzma
import stat
import struct
import zipfile
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from verbatim.errors import UserFault
from verbatim.tree import TreeWriter, raise_if_damaged, unpack_tree

if TYPE_CHECKING:
    from pathlib import Path

MAX_LINK_BYTES = 4096
_ENCRYPTED = 0x1
"""Of a zip member's flags (APPNOTE.TXT, 4.4.4)."""
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    UnicodeDecodeError,
    RecursionError,
)


def unpack_archive(archive: Path, target: Path, *, max_bytes: int, max_files: int) -> datetime | None:
    """Unpack an archive into an empty directory, whichever kind it is.

    Args:
        archive: The archive; not trusted.
        target: Where to; made if it is not there.
        max_bytes: How much it may unpack to.
        max_files: How many members it may have.

    Returns:
        The newest date of its files; None where they have none.

    Raises:
        UserFault: See ``verbatim.tree.unpack_tree``; it is encrypted, or no archive at all.
    """
    if not zipfile.is_zipfile(archive):
        return unpack_tree(archive, target, max_bytes=max_bytes, max_files=max_files)
    try:
        with (
            zipfile.ZipFile(archive) as content,
            TreeWriter(target, max_bytes=max_bytes, max_files=max_files) as writer,
        ):
            return _unpack_zip(content, writer)
    except _DAMAGE as error:
        raise UserFault(f"the archive is damaged: {error}") from None
    except OSError as error:
        raise_if_damaged(error)
        raise


def _unpack_zip(content: zipfile.ZipFile, writer: TreeWriter) -> datetime | None:
    newest = None
    for member in content.infolist():
        name, mode = member.filename.replace("\\", "/"), member.external_attr >> 16
        if not writer.takes(name, member.file_size):
            continue
        if member.flag_bits & _ENCRYPTED:
            raise UserFault(f"{name!r} in the archive is encrypted")
        if name.endswith("/"):
            writer.add_directory(name)
        elif stat.S_ISLNK(mode):
            with content.open(member) as link:
                writer.add_link(name, link.read(MAX_LINK_BYTES).decode())
        elif stat.S_IFMT(mode) in {0, stat.S_IFREG}:
            with content.open(member) as source:
                writer.add_file(name, source, mode)
            newest = max(filter(None, (newest, _moment(member))), default=None)
        else:
            raise UserFault(f"{name!r} in the archive is neither a file, a directory nor a symbolic link")
    return newest


def _moment(member: zipfile.ZipInfo) -> datetime | None:
    """Return a member's date; a zip does not know its zone, so it may be off by hours."""
    try:
        return datetime(*member.date_time, tzinfo=UTC)
    except ValueError:
        return None
