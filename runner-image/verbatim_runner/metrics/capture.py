"""Reads every line of a command's output with every reader."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from verbatim_runner.metrics.blocks import JsonBlockReader, TwoLineReader, WrappedLogReader
from verbatim_runner.metrics.json_lines import JsonReader
from verbatim_runner.metrics.keras import KerasReader
from verbatim_runner.metrics.python_dicts import DictReader
from verbatim_runner.metrics.tables import EpochTableReader, LightningTableReader, ReportReader
from verbatim_runner.metrics.text import TextReader, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from verbatim.request import MetricDefinition
    from verbatim_runner.metrics.readings import LineReader, Reading
    from verbatim_runner.metrics.recorder import Recorder
    from verbatim_runner.metrics.regex import RegexReader

BUILT_IN: tuple[Callable[[], LineReader], ...] = (
    JsonBlockReader,
    JsonReader,
    DictReader,
    KerasReader,
    WrappedLogReader,
    LightningTableReader,
    ReportReader,
    EpochTableReader,
    TwoLineReader,
    TextReader,
)
"""Tried in order; the first that knows a line has it."""

_EPOCH = re.compile(r"\W*epoch\W*(\d+)(?:\s*(?:/|of)\s*\d+)?\W*", re.IGNORECASE)
_EPOCH_CHARS = 80


class Capture:
    """Reads metrics from lines of output.

    The conf's own definitions are read from every line. A line that says nothing but ``Epoch 3`` gives its number to
    the lines after it, as far as they name no step.

    Args:
        definitions: The conf's.
        recorder: Where readings go.
        warn: Told what the user should know.
    """

    def __init__(
        self, definitions: Iterable[MetricDefinition], recorder: Recorder, warn: Callable[[str], None]
    ) -> None:
        definitions = tuple(definitions)
        self._own = _reader_of(definitions, warn) if definitions else None
        self._readers: tuple[LineReader, ...] = tuple(reader() for reader in BUILT_IN)
        self._recorder = recorder
        self._epoch: int | None = None

    def read(self, line: str) -> None:
        """Read one whole line."""
        if self._own and (readings := self._own.read(line)):
            self._recorder.add(readings, self._own.source)
        text = plain(line)
        if len(text) < _EPOCH_CHARS and (epoch := _EPOCH.fullmatch(text)):
            self._epoch = int(epoch[1])
        for reader in self._readers:
            found = reader.read(text)
            if found is not None:
                if found:
                    self._recorder.add(self._at_epoch(found, reader.source), reader.source)
                return

    def read_progress(self, state: str) -> None:
        """Read one state of a line that is rewritten: a progress bar."""
        if not KerasReader.is_progress(plain(state)):
            self.read(state)

    def _at_epoch(self, readings: list[Reading], source: str) -> list[Reading]:
        if self._epoch is None or source != "text":
            return readings
        return [(name, value, self._epoch if step is None else step) for name, value, step in readings]


def _reader_of(definitions: Iterable[MetricDefinition], warn: Callable[[str], None]) -> RegexReader:
    from verbatim_runner.metrics.regex import RegexReader  # slow to import, and few confs have patterns

    return RegexReader(definitions, warn)
