"""Keeps a run's metric points: into the store as they come, for the live server, and as summaries.

Points are written as JSON lines in the canonical form of ``MetricPoint``; they do not pass through pydantic one by one,
so that a training may report tens of thousands a second.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections import deque
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from verbatim.errors import PlatformFault
from verbatim.metrics import MetricSummary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from verbatim.store import LiveWriter
    from verbatim_runner.metrics.readings import Reading

FLUSH_INTERVAL_S = 1.0
KEPT_POINTS = 100_000
MAX_NAME_CHARS = 250

Point = tuple[str, float, int | None, float, str]
"""Name, value, step, seconds since the epoch, source."""


class Recorder:
    """Takes readings from any thread; one thread alone calls ``flush``.

    Args:
        stream: Where the points go.
    """

    def __init__(self, stream: LiveWriter) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._pending: list[Point] = []
        self._kept: deque[Point] = deque(maxlen=KEPT_POINTS)
        self._summaries: dict[str, _Summary] = {}
        self._names: dict[str, str] = {}
        self._count = 0
        self._flushed_at = time.monotonic()

    @property
    def count(self) -> int:
        """Points taken so far."""
        return self._count

    def add(self, readings: Iterable[Reading], source: str) -> None:
        """Take readings, as of now."""
        moment = time.time()
        with self._lock:
            for name, value, step in readings:
                short = name[:MAX_NAME_CHARS]
                point = (short, value, step, moment, source)
                self._pending.append(point)
                self._kept.append(point)
                self._count += 1
                summary = self._summaries.get(short)
                if summary is None:
                    summary = self._summaries[short] = _Summary()
                summary.add(value, step)

    def since(self, sequence: int, limit: int) -> tuple[list[Point], int]:
        """Return points after a sequence number.

        Args:
            sequence: How many points the caller has seen; 0 for all that are kept (the last ``KEPT_POINTS``).
            limit: At most so many points.

        Returns:
            The points, and the sequence number to ask for next.
        """
        with self._lock:
            oldest = self._count - len(self._kept)
            start = min(max(sequence, oldest), self._count)
            points = list(islice(self._kept, start - oldest, start - oldest + limit))
            return points, start + len(points)

    def last_values(self) -> dict[str, float]:
        """Return each metric's last value."""
        with self._lock:
            return {name: summary.last for name, summary in self._summaries.items()}

    def summaries(self) -> dict[str, MetricSummary]:
        """Return each metric's summary, by name."""
        with self._lock:
            return {name: self._summaries[name].document() for name in sorted(self._summaries)}

    def turned_infinite(self) -> list[tuple[str, float, int | None]]:
        """Return the first value of each metric that is no finite number, with its step."""
        with self._lock:
            found = ((name, summary.first_infinite) for name, summary in self._summaries.items())
            return [(name, *first) for name, first in found if first]

    def flush_if_due(self) -> bool:
        """Write what came, about once a second; a store that does not answer is tried again the next time.

        Returns:
            Whether it was time.
        """
        if time.monotonic() - self._flushed_at < FLUSH_INTERVAL_S:
            return False
        with suppress(PlatformFault):
            self.flush()
        self._flushed_at = time.monotonic()
        return True

    def flush(self) -> None:
        """Make all points visible in the store.

        Raises:
            PlatformFault: The store does not answer; no point is lost by that.
        """
        with self._lock:
            points, self._pending = self._pending, []
        if points:
            self._stream.write("".join(map(self._as_line, points)).encode())
        self._stream.flush()

    def _as_line(self, point: Point) -> str:
        name, value, step, moment, source = point
        quoted = self._names.get(name) or self._names.setdefault(name, _quoted(name))
        number = repr(value) if math.isfinite(value) else _INFINITE[str(value)]
        at = "null" if step is None else step
        return f'{{"name":{quoted},"source":"{source}","step":{at},"time":{moment!r},"value":{number}}}\n'


_INFINITE = {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}


def _quoted(name: str) -> str:
    return json.dumps(name.encode(errors="replace").decode(), ensure_ascii=False)


class _Summary:
    """``MetricSummary`` in the making, without an object a point."""

    __slots__ = ("count", "first_infinite", "last", "max", "min", "step")

    def __init__(self) -> None:
        self.last = math.nan
        self.min: float | None = None
        self.max: float | None = None
        self.count = 0
        self.step: int | None = None
        self.first_infinite: tuple[float, int | None] | None = None

    def add(self, value: float, step: int | None) -> None:
        self.last, self.step = value, step
        self.count += 1
        if not math.isfinite(value):
            self.first_infinite = self.first_infinite or (value, step)
        elif self.min is None or self.max is None:
            self.min = self.max = value
        elif value < self.min:
            self.min = value
        elif value > self.max:
            self.max = value

    def document(self) -> MetricSummary:
        return MetricSummary(last=self.last, min=self.min, max=self.max, count=self.count, step=self.step)
