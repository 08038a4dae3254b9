"""TFRecord: a length, its checksum, the data, its checksum; checksums are masked CRC32C."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import google_crc32c

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

MAX_RECORD_BYTES = 64 * 1024 * 1024
"""A longer record is an image or the like, and is passed over."""
_HEADER = struct.Struct("<QI")
_FOOTER_BYTES = 4
_MASK = 0xA282EAD8


class BrokenRecordError(ValueError):
    """A checksum is wrong: what follows cannot be read."""


def masked_checksum(data: bytes) -> int:
    """Return the checksum of a record's part."""
    checksum: int = google_crc32c.value(data)
    return (((checksum >> 15) | (checksum << 17)) + _MASK) & 0xFFFFFFFF


def framed(data: bytes) -> bytes:
    """Return data as a record."""
    length = struct.pack("<Q", len(data))
    return b"%b%b%b%b" % (
        length,
        struct.pack("<I", masked_checksum(length)),
        data,
        struct.pack("<I", masked_checksum(data)),
    )


def read_records(file: BinaryIO, offset: int) -> Iterator[tuple[bytes, int]]:
    """Yield the whole records of a file that may still grow, each with the offset behind it.

    Args:
        file: Open for reading.
        offset: Where a record begins.

    Raises:
        BrokenRecordError: A record is not what it was written as.
    """
    size = file.seek(0, 2)
    file.seek(offset)
    while len(header := file.read(_HEADER.size)) == _HEADER.size:
        length, checksum = _HEADER.unpack(header)
        if checksum != masked_checksum(header[:8]):
            raise BrokenRecordError(f"the length at byte {offset} does not match its checksum")
        end = offset + _HEADER.size + length + _FOOTER_BYTES
        if end > size:
            return
        if length > MAX_RECORD_BYTES:
            file.seek(end)
            data = b""
        else:
            data, footer = file.read(length), file.read(_FOOTER_BYTES)
            if len(footer) < _FOOTER_BYTES:
                return
            if int.from_bytes(footer, "little") != masked_checksum(data):
                raise BrokenRecordError(f"the record at byte {offset} does not match its checksum")
        offset = end
        yield data, offset
