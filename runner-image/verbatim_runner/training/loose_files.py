"""The files that a training leaves beside its code: plots, tables, reports, written where its script ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.problems import printable
from verbatim_runner.training.watch import made_since

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim_runner.training.outputs import Named
    from verbatim_runner.training.state import Training

MAX_FILES = 1000
MAX_BYTES = 2 * 1024**3
_SKIPPED = frozenset((
    "build", "cache", "data", "dataset", "datasets", "env", "mlartifacts", "mlruns", "nltk_data", "scikit_learn_data",
    "venv", "wandb",
))  # fmt: skip
"""Directories of data that a training fetched, of caches, and of what is read in another way."""
_DATABASES = frozenset((".db", ".db-shm", ".db-wal", ".sqlite", ".sqlite3"))


def loose_files(training: Training) -> list[Named]:
    """Return the files below the code that the training made, smallest first, at most so many; the rest is named.

    Left out are directories of data and caches, and databases, which may be as large as they like.
    """
    source = training.places.source
    sizes: dict[Path, int] = {}
    for path in made_since(training.before, [source]):
        folders = path.relative_to(source).parts[:-1]
        if _SKIPPED.isdisjoint(folders) and path.suffix not in _DATABASES and printable(str(path)) == str(path):
            sizes[path] = path.lstat().st_size
    kept: list[Path] = []
    total = 0
    for path in sorted(sizes, key=lambda path: (sizes[path], path)):
        total += sizes[path]
        if len(kept) == MAX_FILES or total > MAX_BYTES:
            break
        kept.append(path)
    _say_what_is_left_out(training, sizes.keys() - set(kept))
    return [(f"files/{path.relative_to(source).as_posix()}", path) for path in sorted(kept)]


def _say_what_is_left_out(training: Training, left_out: set[Path]) -> None:
    if left_out:
        first = min(left_out).relative_to(training.places.source)
        training.context.console.say(
            f"{len(left_out)} files that the training left beside its code are not kept, such as {first}: at most "
            f"{MAX_FILES} and {MAX_BYTES / 1024**3:g} GiB are. All of $VERBATIM_OUTPUT_DIR is kept"
        )
