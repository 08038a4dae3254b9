"""What a stage says: to standard output (the task's log) and to the stage's live stream in the store."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from verbatim.errors import PlatformFault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from verbatim.store import LiveWriter

FLUSH_INTERVAL_S = 1.0
PROGRESS_INTERVAL_S = 2.0
"""How often what takes long says how far it is."""


class Console:
    """Writes whole lines; the platform's own are told from the user's by their prefix.

    Safe to use from several threads. A store that does not answer never stops a stage from speaking: the stream is
    tried again at the next flush.
    """

    PREFIX = "[verbatim] "

    def __init__(self, stream: LiveWriter | None = None) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._flushed_at = 0.0

    def say(self, text: str) -> None:
        """Write a message of the platform, line by line."""
        for line in text.splitlines():
            self.line(f"{self.PREFIX}{line}")

    def line(self, text: str) -> None:
        """Write one line as it is."""
        self.lines((text,))

    def lines(self, texts: Iterable[str]) -> None:
        """Write lines as they are, at once."""
        content = "".join(f"{text}\n" for text in texts).encode(errors="replace")
        if not content:
            return
        with self._lock:
            with suppress(BrokenPipeError):  # nobody listens any more; the stream in the store is still read
                sys.stdout.buffer.write(content)
                sys.stdout.buffer.flush()
            if self._stream:
                self._pass_on(content)

    def _pass_on(self, content: bytes) -> None:
        assert self._stream is not None
        with suppress(PlatformFault):  # kept by the stream
            self._stream.write(content)
            if time.monotonic() - self._flushed_at >= FLUSH_INTERVAL_S:
                self._flushed_at = time.monotonic()
                self._stream.flush()

    def flush(self) -> None:
        """Make all that was said visible in the store.

        Raises:
            PlatformFault: The store does not answer.
        """
        with self._lock:
            if self._stream:
                self._stream.flush()


def megabytes(size: float) -> str:
    """Return bytes as people read them."""
    return f"{size / 1e6:.1f} MB"
