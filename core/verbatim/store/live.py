"""Live streams: bytes that grow while a run goes on, readable by others as they come; log lines and metric points.

Object stores cannot append. A stream is a row of segments: the last one is rewritten as it grows, and closed at
``SEGMENT_BYTES``, so that little is written twice and a follower reads only what is new. One writer a stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verbatim.store.store import Store

SEGMENT_BYTES = 256 * 1024


class LiveWriter:
    """Appends to one stream of a try.

    Args:
        store: Where.
        prefix: The stream's prefix (``layout.log_prefix``, ``layout.metrics_prefix``).
        try_number: Tries never write into each other's segments.
        suffix: ``log`` or ``jsonl``.
    """

    def __init__(self, store: Store, prefix: str, try_number: int, suffix: str) -> None:
        self._store = store
        self._stem = f"{prefix}/{try_number:03d}"
        self._suffix = suffix
        self._segment = 0
        self._content = bytearray()
        self._flushed = 0

    def write(self, content: bytes) -> None:
        """Add bytes; they are visible to others after ``flush``. A segment ends only where a line does."""
        self._content += content
        if len(self._content) >= SEGMENT_BYTES and self._content.endswith(b"\n"):
            self.flush()
            self._segment += 1
            self._content.clear()
            self._flushed = 0

    def flush(self) -> None:
        """Make all that was written visible."""
        if len(self._content) > self._flushed:
            self._store.overwrite(f"{self._stem}-{self._segment:06d}.{self._suffix}", bytes(self._content))
            self._flushed = len(self._content)


class LiveReader:
    """Reads a stream from its beginning, and what is new each time after."""

    def __init__(self, store: Store, prefix: str) -> None:
        self._store = store
        self._prefix = prefix
        self._seen: dict[str, int] = {}
        self._closed: set[str] = set()

    def read_new(self) -> Iterator[bytes]:
        """Yield whole lines that were not read before, as one chunk a segment.

        A line that a try left unfinished when it died is given as it is, once a later segment is there.
        """
        keys = self._store.keys(self._prefix)
        for key in keys:
            if key in self._closed:
                continue
            offset = self._seen.get(key, 0)
            content = self._store.read_bytes(key)
            closed = key != keys[-1]
            end = len(content) if closed else content.rfind(b"\n") + 1
            if end > offset:
                chunk = content[offset:end]
                yield chunk if chunk.endswith(b"\n") else chunk + b"\n"
            self._seen[key] = end
            if closed:
                self._closed.add(key)
