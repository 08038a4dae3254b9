"""Metrics from files that a training writes: ``metrics.jsonl`` as it grows, ``metrics.json`` at the end.

The files are the training's, so they are opened without following any link that it may have laid.
"""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, BinaryIO

from verbatim_runner.metrics.json_lines import JsonReader, read_object

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim_runner.metrics.readings import Reading

METRICS_JSON = "ml/output/data/metrics.json"
"""Where a command leaves its last metrics, below the work directory."""
MAX_READ_BYTES = 4 * 1024 * 1024
MAX_JSON_BYTES = 64 * 1024 * 1024


class GrowingFile:
    """Reads a JSON lines file as it grows.

    Args:
        root: A directory that no training can replace.
        path: The file, relative to it; it need not be there yet.
    """

    def __init__(self, root: Path, path: str) -> None:
        self._root = root
        self._path = path
        self._offset = 0
        self._reader = JsonReader()

    def read_new(self) -> list[Reading]:
        """Return the readings of the whole lines that came since, at most ``MAX_READ_BYTES`` of them."""
        file = open_beneath(self._root, self._path)
        if file is None:
            return []
        with file:
            file.seek(self._offset)
            content = file.read(MAX_READ_BYTES)
        end = content.rfind(b"\n") + 1
        if not end and len(content) == MAX_READ_BYTES:
            end = len(content)  # no line is as long as that
        self._offset += end
        return [
            reading
            for line in content[:end].decode("utf-8", "replace").splitlines()
            for reading in self._reader.read(line)
        ]

    def read_rest(self) -> list[Reading]:
        """Return the readings of all that is left, also of a last line without an end."""
        readings = []
        while new := self.read_new():
            readings += new
        file = open_beneath(self._root, self._path)
        if file is None:
            return readings
        with file:
            file.seek(self._offset)
            return readings + self._reader.read(file.read(MAX_READ_BYTES).decode("utf-8", "replace"))


def read_metrics_json(root: Path, path: str) -> list[Reading]:
    """Return the readings of a JSON file: one object, or a list of objects; none where it is no such file."""
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
    return [reading for item in objects if isinstance(item, dict) for reading in read_object(item)]


def open_beneath(root: Path, path: str) -> BinaryIO | None:
    """Open a regular file below a directory, following no link; None where there is none that may be read."""
    *folders, name = path.split("/")
    held: list[int] = []
    try:
        held.append(os.open(root, os.O_RDONLY | os.O_DIRECTORY))
        for folder in folders:
            held.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=held[-1]))
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=held[-1])
    except OSError:
        return None
    finally:
        for folder_descriptor in held:
            os.close(folder_descriptor)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return os.fdopen(descriptor, "rb")
