"""Finds the files of metrics that a training leaves where it pleases: TensorBoard's and MLflow's.

It looks again and again while the training runs, as rarely as a large tree demands, and follows no link.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

INTERVAL_S = 2.0
WORK_SHARE = 0.01
"""Looking takes at most this share of the time."""
MAX_ENTRIES = 200_000
DATABASE_SUFFIXES = (".db", ".sqlite", ".sqlite3", ".db3")
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages"})


class Finder:
    """Looks for files below some directories of one root.

    Args:
        root: A directory that no training can replace.
        tops: Where to look: paths relative to it.
        left_out: Directories not to look into, relative to it: inputs.
    """

    def __init__(self, root: Path, tops: Iterable[str], left_out: Iterable[str]) -> None:
        self.root = root
        self._tops = tuple(tops)
        self._left_out = frozenset(left_out)
        self._due_at = 0.0
        self.event_files: tuple[str, ...] = ()
        self.databases: tuple[str, ...] = ()
        self.meta_files: tuple[str, ...] = ()

    def look_if_due(self) -> None:
        """Look again if it is time."""
        if time.monotonic() >= self._due_at:
            self.look()

    def look(self) -> None:
        """Find all files there are now; in each list they are sorted."""
        started_at = time.monotonic()
        events, databases, metas = [], [], []
        for path, name in self._walk():
            if "tfevents" in name:
                events.append(path)
            elif name == "meta.yaml":
                metas.append(path)
            elif name.endswith(DATABASE_SUFFIXES):
                databases.append(path)
        self.event_files, self.databases, self.meta_files = (tuple(sorted(x)) for x in (events, databases, metas))
        now = time.monotonic()
        self._due_at = now + max(INTERVAL_S, (now - started_at) / WORK_SHARE)

    def _walk(self) -> Iterator[tuple[str, str]]:
        """Yield the path, relative to the root, and the name of each regular file that is not hidden."""
        waiting = list(self._tops)
        left = MAX_ENTRIES
        while waiting and left > 0:
            folder = waiting.pop()
            try:
                with os.scandir(self.root / folder) as entries:
                    for entry in entries:
                        left -= 1
                        path = f"{folder}/{entry.name}"
                        if entry.is_dir(follow_symlinks=False):
                            if not (entry.name.startswith(".") or entry.name in _SKIPPED or path in self._left_out):
                                waiting.append(path)
                        elif entry.is_file(follow_symlinks=False):
                            yield path, entry.name
            except OSError:  # gone meanwhile, or closed to us until the training has ended
                continue
