"""Paths of the platform's machine as confs name them: the one place where such a name becomes a path.

What is allowed is told by ``pin``; here a name only means one path, the same one to Python and to git, or none.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import unquote

SCHEME = "file://"


def local_path(name: str) -> Path:
    """Return the path that a ``file://`` URI, percent-encoded, or a plain path names.

    Raises:
        ValueError: It has a host, a query or a fragment, a ``..`` or a NUL; what is wanted, in words. Readers of URIs
            differ in what they make of these: git reads a host as the path's beginning and knows no fragment.
    """
    path = name
    if name.startswith(SCHEME):
        try:
            path = unquote(name.removeprefix(SCHEME), errors="strict")
        except UnicodeDecodeError:
            raise ValueError("a file URI whose percent-encoding is UTF-8") from None
        if not path.startswith("/") or "?" in name or "#" in name:
            raise ValueError("a file URI such as file:///data/lake/, without a host; '?' is written %3F, '#' %23")
    if "\0" in path or ".." in PurePosixPath(path).parts:
        raise ValueError("a path without '..' and NUL")
    return Path(path)


def exists(path: Path) -> bool:
    """Return whether something is there that can be reached; ``Path.exists`` raises behind a closed directory."""
    try:
        path.stat()
    except OSError:
        return False
    return True
