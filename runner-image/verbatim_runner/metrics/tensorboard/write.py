"""Writes a run's scalars as an event file, so that TensorBoard shows every run, whatever its framework."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from verbatim_runner.metrics.tensorboard.events import prefix_of, scalar_event, version_event
from verbatim_runner.metrics.tensorboard.records import framed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from verbatim_runner.metrics.recorder import Point

_prefix_of = lru_cache(4096)(prefix_of)


class EventFileWriter:
    """Appends points to one event file, which is made with the first.

    Args:
        directory: The file's; it must be out of the training's reach, and is made where it is not there.
        began_at: Seconds since the epoch, for the file's name.
    """

    def __init__(self, directory: Path, began_at: float) -> None:
        self.path = directory / f"events.out.tfevents.{int(began_at)}.verbatim"
        self._began_at = began_at

    def write(self, points: Iterable[Point]) -> None:
        """Append points; the file is whole at every return."""
        records = [
            framed(scalar_event(_prefix_of(name), value, step, moment)) for name, value, step, moment, _ in points
        ]
        if not records:
            return
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            records.insert(0, framed(version_event(self._began_at)))
        with self.path.open("ab") as file:
            file.write(b"".join(records))
