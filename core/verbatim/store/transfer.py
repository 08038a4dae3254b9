"""Downloads objects fast: large ones in ranges that come side by side, hashed in order while the next are on their way.

What breaks off is gone on with from the byte reached, a bounded number of times: obstore does that. Knows nothing of
blobs and documents; the store uses it for those, and the runner for the objects of a data source.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Protocol

import obstore
from obstore.exceptions import BaseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from obstore import GetOptions, GetResult
    from obstore.store import ObjectStore
    from typing_extensions import Buffer

PART_BYTES = 8 * 1024 * 1024
PARTS_AT_ONCE = 16
"""Of all objects that one ``Download`` reads: at most ``PARTS_AT_ONCE * PART_BYTES`` lie in memory."""
WRITES_AT_ONCE = 4
CHUNK_BYTES = 1024 * 1024

CheckAnswer = Callable[["GetResult"], None]
"""Is called with every answer; raises where it is of another object than the one that was asked for."""


class Hash(Protocol):
    """What sees all bytes of an object in their order, such as ``hashlib.sha256()``."""

    def update(self, data: Buffer, /) -> None:
        """Take the next bytes."""
        ...


class Truncated(Exception):
    """An object came with another number of bytes than it has."""


class Download:
    """Downloads objects of one store; may be used by several threads at once.

    Args:
        objects: The store.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._pool = ThreadPoolExecutor(PARTS_AT_ONCE + WRITES_AT_ONCE, thread_name_prefix="download")
        self._slots = threading.BoundedSemaphore(PARTS_AT_ONCE)
        self._has_ranges = True

    def write(
        self,
        key: str,
        size: int,
        out: int,
        hashes: Sequence[Hash],
        *,
        options: GetOptions | None = None,
        check: CheckAnswer = lambda _answer: None,
        on_bytes: Callable[[int], None] = lambda _size: None,
    ) -> None:
        """Write an object into a file.

        Args:
            key: The object's.
            size: How many bytes it has.
            out: Descriptor of an empty file.
            hashes: Are given all bytes in their order.
            options: Of each request, such as the version.
            check: Called with every answer.
            on_bytes: Called with the bytes of each piece that is done.

        Raises:
            Truncated: It came with another number of bytes.
            BaseError: The store does not answer as it should.
        """
        source = _Source(self._objects, key, options or {}, check)
        offset = 0
        written: Future[None] | None = None
        try:
            for piece in self._pieces(source, size):
                if written:
                    written.result()
                if offset + len(piece) >= size:  # as of all small objects: no other thread is worth it
                    _write(out, piece, offset)
                else:
                    written = self._pool.submit(_write, out, piece, offset)
                for one in hashes:
                    one.update(piece)
                offset += len(piece)
                on_bytes(len(piece))
        finally:
            if written:
                wait([written])  # before the descriptor is closed
        if offset != size:
            raise Truncated(f"{offset} bytes came instead of {size}")

    def _pieces(self, source: _Source, size: int) -> Iterator[memoryview]:
        """Yield an object's content in order: in ranges where the server has them and they are worth it."""
        if size > PART_BYTES and self._has_ranges:
            try:
                first = source.part(0, PART_BYTES)
            except BaseError as error:
                if "non-partial response" not in str(error):
                    raise
                self._has_ranges = False  # such as rclone's server, which says 200 where 206 is due
            else:
                yield first
                yield from self._parts(source, range(PART_BYTES, size, PART_BYTES), size)
                return
        if size <= CHUNK_BYTES:
            yield from source.chunks()  # another thread would cost more than it saves
        else:
            yield from self._stream(source)

    def _stream(self, source: _Source) -> Iterator[memoryview]:
        """Yield the whole content, each piece while the next is on its way."""
        chunks = source.chunks()
        following = self._pool.submit(next, chunks, None)
        while (chunk := following.result()) is not None:
            following = self._pool.submit(next, chunks, None)
            yield chunk

    def _parts(self, source: _Source, starts: range, size: int) -> Iterator[memoryview]:
        """Yield parts in order while those after are on their way: one, and more where other objects leave room."""
        ahead: deque[Future[memoryview]] = deque()
        waiting = deque(starts)
        try:
            while waiting or ahead:
                while waiting and self._slots.acquire(blocking=not ahead):
                    start = waiting.popleft()
                    ahead.append(self._pool.submit(source.part, start, min(start + PART_BYTES, size)))
                piece = ahead[0].result()
                ahead.popleft()
                self._slots.release()
                yield piece
        finally:
            for future in ahead:
                future.cancel()
                self._slots.release()


class _Source:
    """One object, as every request for it is made."""

    def __init__(self, objects: ObjectStore, key: str, options: GetOptions, check: CheckAnswer) -> None:
        self._objects, self._key, self._options, self._check = objects, key, options, check

    def part(self, start: int, end: int) -> memoryview:
        """Return the bytes from ``start`` up to ``end``."""
        content = memoryview(self._get({**self._options, "range": (start, end)}).bytes())
        if len(content) != end - start:
            raise Truncated(f"{len(content)} bytes came instead of {end - start}")
        return content

    def chunks(self) -> Iterator[memoryview]:
        """Yield the whole content."""
        for chunk in self._get(self._options).stream(min_chunk_size=CHUNK_BYTES):
            yield memoryview(chunk)

    def _get(self, options: GetOptions) -> GetResult:
        answer = obstore.get(self._objects, self._key, options=options)
        self._check(answer)
        return answer


def _write(out: int, content: memoryview, offset: int) -> None:
    """Write a piece where it belongs, however little of it the system takes at a time."""
    while content:
        size = os.pwrite(out, content, offset)
        content, offset = content[size:], offset + size
