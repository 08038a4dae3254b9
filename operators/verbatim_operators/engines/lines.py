"""Whole lines out of a stream of bytes: never cut at a read's edge nor inside a character, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINE_BYTES = 256 * 1024


class LineAssembler:
    """Puts the lines of one stream together.

    A line longer than ``MAX_LINE_BYTES`` comes in parts of about that size. Bytes that are not UTF-8 become ``�``.
    """

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, content: bytes) -> Iterator[str]:
        """Yield the lines that are whole with these bytes, without their ends."""
        *whole, rest = content.split(b"\n")
        for line in whole:
            self._rest += line
            yield self._take(len(self._rest))
        self._rest += rest
        while len(self._rest) > MAX_LINE_BYTES:
            yield self._take(_character_edge(self._rest, MAX_LINE_BYTES))

    def end(self) -> Iterator[str]:
        """Yield the last line where no line end closed it."""
        if self._rest:
            yield self._take(len(self._rest))

    def _take(self, count: int) -> str:
        line = self._rest[:count].decode(errors="replace")
        del self._rest[:count]
        return line.removesuffix("\r")


def _character_edge(content: bytearray, limit: int) -> int:
    """Return the last index up to ``limit`` at which a UTF-8 character begins (continuation bytes are 10xxxxxx)."""
    for edge in range(limit, limit - 4, -1):
        if content[edge] & 0xC0 != 0x80:
            return edge
    return limit
