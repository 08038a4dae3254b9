"""What the sources of a directory reach for above it: a path (``../../data/x.csv``), or a module that lies there.

Sources are searched, not read as programs: a mention that means nothing costs a larger code, a missed one the training.
"""

from __future__ import annotations

import re
import sys
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from verbatim.paths import exists

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_MAX_SOURCE_BYTES = 2 * 1024**2
_SOURCES = frozenset({
    ".py", ".r", ".sh", ".ipynb", ".yaml", ".yml", ".json", ".conf", ".cfg", ".toml", ".ini", ".txt", ".rmd",
})  # fmt: skip
_SOURCE_NAMES = frozenset({"mlproject", "makefile"})
_PYTHON = frozenset({".py", ".ipynb"})
_LOOKS_UP = re.compile(
    rb"""\.\./|\.\.\\\\|['"]\.\.['"]|\.parent\.parent|os\.pardir|\.parents\[|dirname\(\s*(os\.)?(path\.)?dirname\("""
)
_IMPORTS = re.compile(
    rb"""(?:^|")[ \t]*(?:from[ \t]+(?P<one>\w+)[\w.]*[ \t]+import|import[ \t]+(?P<many>\w[\w., \t]*))""", re.MULTILINE
)


def reaches_above(directory: Path, names: Iterable[str], top: Path) -> str | None:
    """Return what the sources of a directory say of what lies above it, as the end of a sentence.

    Args:
        directory: The directory.
        names: Its files, relative.
        top: The topmost directory that may count.

    Returns:
        Such as "imports churn from above it"; None where they are content with the directory.
    """
    sources = [(PurePosixPath(name), _content(directory / name)) for name in names if _is_source(name)]
    if any(_LOOKS_UP.search(content) for _, content in sources):
        return "mentions a directory above it"
    python = (content for path, content in sources if path.suffix.lower() in _PYTHON)
    wanted = {module for content in python for module in _imported(content)} - sys.stdlib_module_names
    inside = {part for name in names for part in PurePosixPath(name).with_suffix("").parts}
    for module in sorted(wanted - inside):
        if any(_provides(place, module, directory) for place in _above(directory, top)):
            return f"imports {module} from above it"
    return None


def _imported(content: bytes) -> Iterator[str]:
    for found in _IMPORTS.finditer(content):
        named = [found["one"]] if found["one"] else found["many"].split(b",")
        for name in named:
            yield name.decode(errors="replace").strip().partition(" ")[0].partition(".")[0]


def _above(directory: Path, top: Path) -> Iterator[Path]:
    for place in directory.parents:
        yield place
        if place == top:
            return


def _provides(place: Path, module: str, directory: Path) -> bool:
    roots = (place, place / "src")
    return any(exists(root / f"{module}.py") or _is_package(root / module, directory) for root in roots)


def _is_package(place: Path, directory: Path) -> bool:
    """Return whether a directory can be imported; one that the searched directory lies in has to say so itself."""
    if exists(place / "__init__.py"):
        return True
    try:
        return not directory.is_relative_to(place) and any(path.suffix == ".py" for path in place.iterdir())
    except OSError:
        return False


def _is_source(name: str) -> bool:
    path = PurePosixPath(name.lower())
    return path.suffix in _SOURCES or path.name in _SOURCE_NAMES


def _content(path: Path) -> bytes:
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _MAX_SOURCE_BYTES:
            return b""
        return path.read_bytes()
    except OSError:
        return b""
