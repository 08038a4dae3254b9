"""What every reader returns, and how text becomes a number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

Reading = tuple[str, float, int | None]
"""A metric's name, its value, and the step it belongs to where one was told."""

DatedReading = tuple[str, float, int | None, float]
"""A reading, and when it was taken where it comes from: seconds since the epoch."""

STEP_NAMES = ("step", "global_step", "iteration", "iter", "round", "epoch")
"""Names that say when, not how well; the finest comes first and wins."""

NOT_METRICS = frozenset((
    "args", "argv", "asctime", "code", "created", "date", "datetime", "duration", "elapsed", "eta", "exit_code", "id",
    "dur", "level", "line", "lineno", "pid", "port", "ppid", "python", "random_state", "rank", "runtime", "seed",
    "status", "tid", "time", "timestamp", "took", "ts", "uid", "v_num", "version", "world_size",
))  # fmt: skip
"""Lower-case names whose numbers tell about the process, not about the model."""


class LineReader(Protocol):
    """Reads metrics from lines of output, one after the other."""

    source: str

    def read(self, line: str) -> list[Reading] | None:
        """Return the readings of a whole line; None where the line is for another reader to read."""


class FileReader(Protocol):
    """Reads metrics from files that a training writes."""

    source: str

    def read_new(self) -> Iterable[DatedReading]:
        """Return what came since the last time, with little delay; called about once a second."""

    def read_rest(self) -> Iterable[DatedReading]:
        """Return all that is left; called once, when nothing can write the files any more."""


def as_number(value: Any) -> float | None:
    """Return a JSON value as a number; text is taken only for ``NaN``, ``Infinity`` and the like."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _float(value)
    if isinstance(value, str) and value.strip().lower().lstrip("+-") in {"nan", "inf", "infinity"}:
        return float(value)
    return None


def as_step(value: Any) -> int | None:
    """Return a JSON value as a step; only whole numbers are."""
    number = as_number(value)
    return int(number) if number is not None and math.isfinite(number) and number == int(number) else None


def number_of(text: Any) -> float | None:
    """Return a number written as text, or a JSON number; None where it is none."""
    if not isinstance(text, str):
        return as_number(text)
    try:
        return float(text)
    except ValueError:
        return None


def is_metric_name(name: str) -> bool:
    """Return whether a name may be a metric's: a number of the process (a time, a port, a version) is none."""
    lower = name.lower()
    return lower not in NOT_METRICS and lower not in STEP_NAMES


def _float(value: float) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None
