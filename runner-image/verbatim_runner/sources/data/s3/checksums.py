"""The checksums by which S3 objects are verified: those that the server keeps, and ETags that are an MD5."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from verbatim.store.transfer import Hash

MD5_BYTES = 64 * 1024 * 1024
"""Larger objects are not verified by an MD5, which would take longer than the way does."""
_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Checksum:
    """What an object's content has to come to.

    Attributes:
        kind: Such as ``CRC32C``; ``ETag`` for one that may be an MD5.
        digest: The value.
        hash: Sees the content.
    """

    kind: str
    digest: bytes
    hash: Crc | hashlib._Hash

    def holds(self) -> bool:
        """Return whether what was seen comes to the value."""
        return self.hash.digest() == self.digest


class Crc:
    """A cyclic redundancy check, as a hash.

    Args:
        extend: Returns the sum over more bytes, given that over those before.
        size: Of the sum, in bytes.
    """

    def __init__(self, extend: Callable[[Buffer, int], int], size: int) -> None:
        self._extend = extend
        self._size = size
        self._sum = 0

    def update(self, data: Buffer, /) -> None:
        """Take the next bytes."""
        self._sum = self._extend(data, self._sum)

    def digest(self) -> bytes:
        """Return the sum in network order, as S3 has it."""
        return self._sum.to_bytes(self._size, "big")


def md5_of(etag: str | None, size: int) -> Checksum | None:
    """Return an ETag as a checksum, where it looks like an MD5 and is worth it; encrypted objects have other ETags."""
    if etag is None or size > MD5_BYTES or not _MD5.fullmatch(etag):
        return None
    return Checksum("ETag", bytes.fromhex(etag), hashlib.md5(usedforsecurity=False))


def stored_checksum(head: dict[str, Any]) -> Checksum | None:
    """Return the checksum of the whole object that the answer to a HeadObject in checksum mode holds, if it does.

    One that is composed of its parts' (``COMPOSITE``) says nothing without them.
    """
    if head.get("ChecksumType") == "COMPOSITE":
        return None
    for kind, new in _ALGORITHMS.items():
        value = head.get(f"Checksum{kind}")
        if value and "-" not in value:
            return Checksum(kind, base64.b64decode(value), new())
    return None


def _crc32c() -> Hash:
    import google_crc32c

    return Crc(lambda data, before: google_crc32c.extend(before, bytes(data)), 4)


def _crc64nvme() -> Hash:
    from awscrt import checksums

    return Crc(checksums.crc64nvme, 8)


_ALGORITHMS: dict[str, Callable[[], Any]] = {
    "CRC64NVME": _crc64nvme,
    "CRC32C": _crc32c,
    "CRC32": lambda: Crc(zlib.crc32, 4),
    "SHA256": hashlib.sha256,
    "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
}
