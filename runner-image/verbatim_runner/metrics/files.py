"""Metrics from files that a training writes: ``metrics.jsonl`` as it grows, ``metrics.json`` at the end, hypertune's.

The files are the training's, so they are opened without following any link that it may have laid.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from verbatim.beneath import open_beneath
from verbatim_runner.metrics.json_lines import JsonReader, flattened, read_object
from verbatim_runner.metrics.readings import as_step, number_of

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim_runner.metrics.readings import DatedReading, Reading

METRICS_JSONL = "ml/output/data/metrics.jsonl"
"""Where a command appends its metrics as it goes, below the work directory."""
METRICS_JSON = "ml/output/data/metrics.json"
"""Where it leaves its last metrics."""
MAX_READ_BYTES = 4 * 1024 * 1024
MAX_JSON_BYTES = 64 * 1024 * 1024
_NOT_HYPERTUNED = frozenset(("timestamp", "trial", "global_step", "checkpoint_path"))


class GrowingFile:
    """Reads a text file's lines as it grows.

    Args:
        root: A directory that no training can replace.
        path: The file, relative to it; it need not be there yet.
    """

    def __init__(self, root: Path, path: str) -> None:
        self._root = root
        self._path = path
        self._offset = 0

    def read_new(self) -> list[str]:
        """Return the whole lines that came since, at most ``MAX_READ_BYTES`` of them."""
        content = self._read()
        end = content.rfind(b"\n") + 1
        if not end and len(content) == MAX_READ_BYTES:
            end = len(content)  # no line is as long as that
        self._offset += end
        return content[:end].decode("utf-8", "replace").splitlines()

    def read_rest(self) -> list[str]:
        """Return all that is left, also a last line without an end."""
        lines = []
        while new := self.read_new():
            lines += new
        return lines + self._read().decode("utf-8", "replace").splitlines()

    def _read(self) -> bytes:
        file = open_beneath(self._root, self._path)
        if file is None:
            return b""
        with file:
            file.seek(self._offset)
            return file.read(MAX_READ_BYTES)


class JsonLinesFile:
    """Reads a JSON lines file as it grows.

    Args:
        root: A directory that no training can replace.
        path: The file, relative to it; it need not be there yet.
    """

    source = "json"

    def __init__(self, root: Path, path: str) -> None:
        self._file = GrowingFile(root, path)
        self._reader = JsonReader()

    def read_new(self) -> list[DatedReading]:
        """Return the readings of the lines that came since, as of now."""
        return self._readings(self._file.read_new())

    def read_rest(self) -> list[DatedReading]:
        """Return the readings of all lines that are left."""
        return self._readings(self._file.read_rest())

    def _readings(self, lines: list[str]) -> list[DatedReading]:
        now = time.time()
        return [(*reading, now) for line in lines for reading in self._reader.read(line) or ()]


class HypertuneFile:
    """Reads the file that ``cloudml-hypertune`` writes anew with the last hundred reports at each one.

    Args:
        root: A directory that no training can replace.
        path: The file, relative to it.
    """

    source = "hypertune"

    def __init__(self, root: Path, path: str) -> None:
        self._root = root
        self._path = path
        self._last = 0.0

    def read_new(self) -> list[DatedReading]:
        """Return the reports that are younger than those of the last time."""
        file = open_beneath(self._root, self._path)
        if file is None:
            return []
        with file:
            lines = file.read(MAX_READ_BYTES).decode("utf-8", "replace").splitlines()
        readings = [reading for line in lines for reading in _hypertuned(line) if reading[3] > self._last]
        self._last = max((moment for *_, moment in readings), default=self._last)
        return readings

    def read_rest(self) -> list[DatedReading]:
        """Return the reports that are left."""
        return self.read_new()


def read_metrics_json(root: Path, path: str) -> list[Reading]:
    """Return the readings of a JSON file: one object, or a list of objects; none where it is no such file.

    Objects in objects are read too: ``{"test": {"auc": 0.9}}`` is ``test/auc``.
    """
    file = open_beneath(root, path)
    if file is None:
        return []
    with file:
        text = file.read(MAX_JSON_BYTES)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return []
    objects = content if isinstance(content, list) else [content]
    return [reading for item in objects if isinstance(item, dict) for reading in read_object(flattened(item))]


def _hypertuned(line: str) -> list[DatedReading]:
    """Return a line's report; the metric is the key that is none of the others, and all values are texts."""
    try:
        report = json.loads(line)
    except (ValueError, RecursionError):
        return []
    if not isinstance(report, dict) or (moment := number_of(report.get("timestamp"))) is None:
        return []
    step = as_step(number_of(report.get("global_step")))
    values = ((name, number_of(value)) for name, value in report.items() if name not in _NOT_HYPERTUNED)
    return [(name, value, step, moment) for name, value in values if value is not None]
