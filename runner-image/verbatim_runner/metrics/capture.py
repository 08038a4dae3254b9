"""Reads every line of a command's output with every reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim_runner.metrics.json_lines import JsonReader
from verbatim_runner.metrics.regex import RegexReader
from verbatim_runner.metrics.text import TextReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from verbatim.request import MetricDefinition
    from verbatim_runner.metrics.readings import LineReader
    from verbatim_runner.metrics.recorder import Recorder

BUILT_IN: tuple[type[LineReader], ...] = (JsonReader, TextReader)
"""Tried in order; the first that reads anything of a line has it."""


class Capture:
    """Reads metrics from lines of output.

    The conf's own definitions are read from every line. A metric that they name is theirs:
    no built-in reader reports it.

    Args:
        definitions: The conf's.
        recorder: Where readings go.
    """

    def __init__(self, definitions: Iterable[MetricDefinition], recorder: Recorder) -> None:
        definitions = tuple(definitions)
        self._defined = {definition.name for definition in definitions}
        self._own = RegexReader(definitions) if definitions else None
        self._readers: tuple[LineReader, ...] = tuple(reader() for reader in BUILT_IN)
        self._recorder = recorder

    def read(self, line: str) -> None:
        """Read one whole line."""
        if self._own and (readings := self._own.read(line)):
            self._recorder.add(readings, self._own.source)
        for reader in self._readers:
            readings = reader.read(line)
            if readings:
                others = [reading for reading in readings if reading[0] not in self._defined]
                self._recorder.add(others, reader.source)
                return
