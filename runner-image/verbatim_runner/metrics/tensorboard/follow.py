"""Reads the scalars of a training's own event files while they grow."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from verbatim.beneath import open_beneath
from verbatim_runner.metrics.tensorboard.events import Scalar, ScalarParser
from verbatim_runner.metrics.tensorboard.records import BrokenRecordError, read_records

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from verbatim_runner.metrics.finder import Finder
    from verbatim_runner.metrics.readings import DatedReading

MAX_FILES = 1000
MAX_POLL_RECORDS = 50_000
"""Of one file at once: its metrics must not keep the others waiting."""
PARTS = frozenset({"train", "training", "validation", "valid", "val", "eval", "evaluation", "test"})
"""Directories that Keras and others write the same tags to, one for each part of the data."""


class EventFileReader:
    """Reads every event file that the finder finds and that the training began.

    The writers of a run are told apart by their directories. A tag is a metric's name; it gets the directory in front
    where the directory is a part of the data (``train/epoch_loss``), and where another directory's writer had the tag
    before.

    Args:
        finder: Says where event files are. Files that are there already are not the training's: what they hold now is
            passed over.
    """

    source = "tensorboard"

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._files = {path: _EventFile(finder.root, path, skip=True) for path in finder.event_files}
        self._owners: dict[str, PurePosixPath] = {}

    def read_new(self) -> list[DatedReading]:
        """Return the scalars of the events that came."""
        return self._read(MAX_POLL_RECORDS)

    def read_rest(self) -> Iterable[DatedReading]:
        """Yield all that is left."""
        while readings := self._read(MAX_POLL_RECORDS):
            yield from readings

    def _read(self, limit: int) -> list[DatedReading]:
        for path in self._finder.event_files:
            if path not in self._files and len(self._files) < MAX_FILES:
                self._files[path] = _EventFile(self._finder.root, path, skip=False)
        return [
            (self._name(scalar.tag, file.directory), scalar.value, scalar.step, scalar.wall_time)
            for file in sorted(self._files.values(), key=lambda file: file.began)
            for scalar in file.read(limit)
        ]

    def _name(self, tag: str, directory: PurePosixPath) -> str:
        if directory.name in PARTS:
            return f"{directory.name}/{tag}"
        owner = self._owners.setdefault(tag, directory)
        if owner == directory:
            return tag
        common = os.path.commonpath((owner, directory))
        own = directory.relative_to(common)
        return f"{own if own.name else directory.name}/{tag}"


class _EventFile:
    """One file: how far it was read, and when it began, by its name."""

    def __init__(self, root: Path, path: str, *, skip: bool) -> None:
        self.directory = PurePosixPath(path).parent
        self.began = (_moment_in(PurePosixPath(path).name), path)
        self._root = root
        self._path = path
        self._parser = ScalarParser()
        self._offset = self._size() if skip else 0
        self._broken = False

    def read(self, limit: int) -> list[Scalar]:
        """Return the scalars of at most so many further records; none any more after one that is broken."""
        if self._broken or (file := open_beneath(self._root, self._path)) is None:
            return []
        scalars: list[Scalar] = []
        with file:
            try:
                for count, (data, offset) in enumerate(read_records(file, self._offset), start=1):
                    scalars += self._parser.parse(data)
                    self._offset = offset
                    if count == limit:
                        break
            except (BrokenRecordError, ValueError):
                self._broken = True
        return scalars

    def _size(self) -> int:
        file = open_beneath(self._root, self._path)
        if file is None:
            return 0
        with file:
            return file.seek(0, os.SEEK_END)


def _moment_in(name: str) -> int:
    """Return the seconds in ``events.out.tfevents.1700000000.host``."""
    _, _, rest = name.partition("tfevents.")
    digits = rest.split(".", 1)[0]
    return int(digits) if digits.isascii() and digits.isdigit() else 0
