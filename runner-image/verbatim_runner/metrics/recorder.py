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
    from verbatim_runner.metrics.readings import DatedReading, Reading
    from verbatim_runner.metrics.tensorboard.write import EventFileWriter

FLUSH_INTERVAL_S = 1.0
KEPT_POINTS = 100_000
MAX_NAME_CHARS = 250

Point = tuple[str, float, int | None, float, str]
"""Name, value, step, seconds since the epoch, source."""


RANKS = {"text": 0, "regex": 2, "system": 3}
"""Which source counts for a metric that several report; one that is not named here has ``RANK``."""
RANK = 1


class Recorder:
    """Takes readings from any thread; one thread alone calls ``flush``.

    A training often says the same number in several ways: it prints it, logs it through MLflow and writes it for
    TensorBoard. The first source to report a metric has it, and the others' points of that name are left out; but what
    was guessed from text yields to what was reported as a metric, and that to the conf's own pattern.

    Args:
        stream: Where the points go.
        events: Where they go as TensorBoard events too.
        defined: Metrics that only the conf's patterns report.
    """

    def __init__(self, stream: LiveWriter, events: EventFileWriter | None = None, defined: Iterable[str] = ()) -> None:
        self._stream = stream
        self._events = events
        self._defined = frozenset(defined)
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
        self.add_dated(((name, value, step, moment) for name, value, step in readings), source)

    def add_dated(self, readings: Iterable[DatedReading], source: str) -> None:
        """Take readings, each as of its own moment; one that is no time is now."""
        with self._lock:
            for name, value, step, moment in readings:
                short = name[:MAX_NAME_CHARS]
                summary = self._summary_for(short, source)
                if summary is None:
                    continue
                summary.add(value, step)
                point = (short, value, step, moment if math.isfinite(moment) else time.time(), source)
                self._pending.append(point)
                self._kept.append(point)
                self._count += 1

    def _summary_for(self, name: str, source: str) -> _Summary | None:
        """Return the summary that a source's point of a metric counts in; None where the metric is another's."""
        summary = self._summaries.get(name)
        if summary is not None and summary.source == source:
            return summary
        if name in self._defined and source != "regex":
            return None
        if summary is None or RANKS.get(source, RANK) > RANKS.get(summary.source, RANK):
            summary = self._summaries[name] = _Summary(source)
            return summary
        return None

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
            if self._events:
                self._events.write(points)
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

    __slots__ = ("count", "first_infinite", "last", "max", "min", "source", "step")

    def __init__(self, source: str) -> None:
        self.source = source
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
