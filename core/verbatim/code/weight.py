"""How much there is of a directory's code: what is taken, what is warned of, and what is too much."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from verbatim.errors import RequestError
from verbatim.problems import Problem
from verbatim.tree import MAX_CODE_BYTES, MAX_CODE_FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

LARGE_BYTES = 100 * 1024**2
LARGE_FILES = 10_000
_SHOWN = 5
_MIB = 1024**2


def bytes_of(root: Path, files: Sequence[str]) -> int:
    """Return the size of files in bytes."""
    return sum(_size(root / name) for name in files)


def weigh(root: Path, files: Sequence[str], warn: Callable[[str], None]) -> None:
    """Warn of code that is large, and refuse what is too large to be handed to every stage.

    Args:
        root: The directory.
        files: Relative paths of what is taken of it.
        warn: Called with the warning.

    Raises:
        RequestError: It is too large.
    """
    entries: Counter[str] = Counter()
    for name in files:
        top, below, _ = name.partition("/")
        entries[top + below] += _size(root / name)
    size = entries.total()
    if size <= LARGE_BYTES and len(files) <= LARGE_FILES:
        return
    biggest = ", ".join(f"{name} ({amount / _MIB:.0f} MiB)" for name, amount in entries.most_common(_SHOWN))
    found = f"{size / _MIB:.0f} MiB in {len(files):,} files; the biggest: {biggest}"
    advice = ".gitignore or .dockerignore leaves out what is no code; data is named under 'data'."
    if size > MAX_CODE_BYTES or len(files) > MAX_CODE_FILES:
        expected = f"code of at most {MAX_CODE_BYTES // 1024**3} GiB in {MAX_CODE_FILES:,} files"
        raise RequestError([Problem(field="code.url", expected=expected, got=found, hint=advice)])
    warn(f"the code is large: {found}. {advice}")


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0  # packing tells of what cannot be read
