"""Reads Thrift's strict binary protocol from a transport, within bounds. Knows no structure of any service.

Trusts no length it reads: memory grows only with bytes that came, up to ``MESSAGE_BYTES`` for a message, and some four
times as much while it is read. Strings of a list become one buffer of bytes and one of offsets, no Python object each.

The format is thrift/doc/specs/thrift-binary-protocol.md.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import TYPE_CHECKING

from verbatim.errors import PlatformFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np

    ReadExact = Callable[[int], bytes | bytearray | memoryview]
    """Returns exactly so many bytes, or raises where the connection ends or is too slow."""

MESSAGE_BYTES = 256 << 20
_READ_BYTES = 4 << 20
_TEXT_BYTES = 1 << 20
_SKIPPED_ITEMS = 100_000
_NESTING = 32

SHORT, INT, LONG = (struct.Struct(code) for code in (">h", ">i", ">q"))
_LENGTH = struct.Struct(">I")


class WireType(IntEnum):
    """Types of fields and elements."""

    BOOL = 2
    BYTE = 3
    DOUBLE = 4
    I16 = 6
    I32 = 8
    I64 = 10
    STRING = 11
    STRUCT = 12
    MAP = 13
    SET = 14
    LIST = 15


SIZES = {
    WireType.BOOL: 1,
    WireType.BYTE: 1,
    WireType.DOUBLE: 8,
    WireType.I16: 2,
    WireType.I32: 4,
    WireType.I64: 8,
}
"""Bytes of a value, where all values of a type have as many."""


class MessageReader:
    """One message.

    Args:
        read_exact: Called with how many bytes of the message come next for certain, never more than a few MB.
    """

    def __init__(self, read_exact: ReadExact) -> None:
        self._read_exact = read_exact
        self._left = MESSAGE_BYTES
        self._skips_left = _SKIPPED_ITEMS

    def block(self, count: int) -> bytearray:
        """Return so many bytes."""
        data = bytearray()
        self._expect(count)
        while len(data) < count:
            data += self._take(min(count - len(data), _READ_BYTES))
        return data

    def byte(self) -> int:
        """Return one byte."""
        return self._take(1)[0]

    def integer(self, form: struct.Struct) -> int:
        """Return a signed number of the form ``SHORT``, ``INT`` or ``LONG``."""
        value: int = form.unpack(self._take(form.size))[0]
        return value

    def length(self) -> int:
        """Return the length of a string or the size of a container."""
        value = self.integer(INT)
        if value < 0:
            raise broken(f"it holds a length of {value}")
        return value

    def text(self) -> str:
        """Return a short text."""
        length = self.length()
        if length > _TEXT_BYTES:
            raise broken(f"it holds a text of {length} bytes where a short one was expected")
        return self.block(length).decode(errors="replace")

    def fields(self) -> Iterator[tuple[int, int]]:
        """Yield id and type of each field of a struct; the caller reads or skips each before it goes on."""
        while kind := self.byte():
            yield self.integer(SHORT), kind

    def list_of(self, element: WireType, subject: str) -> int:
        """Read the head of a list, and return its size; ``subject`` names it for messages."""
        found, size = self.byte(), self.length()
        if found != element:
            raise broken(f"its {subject} holds elements of type {found} where type {element:d} was expected")
        return size

    def strings(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Read so many strings of a list.

        How long they are together is nowhere said. But each that is left has a length of 4 bytes at least, so that many
        can be read at once and never beyond the last.

        Returns:
            Their bytes, uint8, one string behind the other; and where each begins and the last ends, int32, shape
            (count + 1,).
        """
        import numpy as np

        data, begins, position = bytearray(), [0], 0
        append, length_at = begins.append, _LENGTH.unpack_from
        while len(begins) <= count or position > len(data):
            self._expect(position - len(data))
            certain = position - len(data) + 4 * (count + 1 - len(begins))
            data += self._take(min(certain, _READ_BYTES))
            last = len(data) - 4
            while position <= last:
                position += 4 + length_at(data, position)[0]
                append(position)
        bounds = np.array(begins, dtype=np.int64)
        kept = np.ones(len(data), dtype=bool)
        for byte in range(4):
            kept[bounds[:-1] + byte] = False
        return np.frombuffer(data, dtype=np.uint8)[kept], (bounds - 4 * np.arange(count + 1)).astype(np.int32)

    def skip(self, kind: int, depth: int = 0) -> None:
        """Read past a value."""
        self._skips_left -= 1
        if depth > _NESTING or self._skips_left < 0:
            raise broken("it holds too much that is not known here")
        match kind:
            case WireType.STRING:
                self.block(self.length())
            case WireType.STRUCT:
                for _, inner in self.fields():
                    self.skip(inner, depth + 1)
            case WireType.LIST | WireType.SET | WireType.MAP:
                kinds = [self.byte() for _ in range(2 if kind == WireType.MAP else 1)]
                for _ in range(self.length()):
                    for inner in kinds:
                        self.skip(inner, depth + 1)
            case _ if kind in SIZES:
                self.block(SIZES[WireType(kind)])
            case _:
                raise broken(f"it holds a value of type {kind}, which Thrift does not have")

    def _take(self, count: int) -> bytes | bytearray | memoryview:
        self._expect(count)
        self._left -= count
        data = self._read_exact(count)
        if len(data) != count:
            raise broken(f"it ends where {count} more bytes were expected")
        return data

    def _expect(self, count: int) -> None:
        if count > self._left:
            limit = f"{MESSAGE_BYTES >> 20} MB"
            raise PlatformFault(f"the Hive server's answer is broken, or beyond {limit}: ask for fewer rows at a time")


def broken(what: str) -> PlatformFault:
    """Return the error for bytes that are not what they have to be."""
    return PlatformFault(f"the Hive server's answer cannot be read: {what}")
