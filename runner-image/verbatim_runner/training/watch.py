"""Which files a training made: the state of the directories that it may write, before and after."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from verbatim_runner.training.outputs import lies_within, system_temporary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from verbatim_runner.stage_context import StageContext
    from verbatim_runner.training.places import Places

State = dict[Path, tuple[int, int, int]]
"""File to its inode, size and time of change of its content, in ns."""

_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages"})


def watched(context: StageContext, places: Places) -> tuple[Path, ...]:
    """Return the directories where outputs land although nobody named them; none that leads out of the run's."""
    directories = (places.source, places.output, places.workspace, places.home, places.temporary)
    inside = tuple(directory for directory in directories if lies_within(directory, places.work))
    return (*inside, *system_temporary(context))


def state_of(directories: Iterable[Path]) -> State:
    """Return the state of all regular files; hidden directories and caches are left out."""
    state: State = {}
    for directory in directories:
        for folder, names, files in os.walk(directory):
            names[:] = [name for name in names if not name.startswith(".") and name not in _SKIPPED]
            for name in files:
                path = Path(folder, name)
                with suppress(FileNotFoundError):  # gone meanwhile, as lock files in /tmp are
                    found = path.lstat()
                    if stat.S_ISREG(found.st_mode):
                        state[path] = (found.st_ino, found.st_size, found.st_mtime_ns)
    return state


def made_since(before: State, directories: Iterable[Path]) -> list[Path]:
    """Return the files that are new or rewritten since, sorted."""
    return sorted(path for path, found in state_of(directories).items() if before.get(path) != found)
