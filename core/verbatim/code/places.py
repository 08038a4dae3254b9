"""What the end of a code URL says it is, and the places of the platform's machine that are nobody's project."""

from __future__ import annotations

import os
import pwd
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from verbatim.paths import SCHEME, local_path

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
SCRIPTS = (".ipynb", ".py", ".sh", ".r")
_FIRST_USER = 1000
"""The lowest uid of a person on Debian (login.defs)."""


def is_local(url: str) -> bool:
    """Return whether a code URL names a path of the platform's machine."""
    return url.startswith((SCHEME, "/"))


def is_remote_file(url: str) -> bool:
    """Return whether a code URL names an object that is downloaded."""
    return urlsplit(url).scheme in {"http", "https", "s3"}


def name_in(url: str) -> str:
    """Return the last part of a code URL's path."""
    return local_path(url).name if is_local(url) else unquote(urlsplit(url).path).rpartition("/")[2]


def ends_in(url: str, suffixes: tuple[str, ...]) -> bool:
    """Return whether a code URL names a file of one of the kinds, by its end; a directory of that name is none."""
    if not name_in(url).lower().endswith(suffixes):
        return False
    return not local_path(url).is_dir() if is_local(url) else is_remote_file(url)


def is_nobodys_project(directory: Path) -> bool:
    """Return whether a directory holds all sorts of things: the root, a home, a place for temporary files."""
    people = {entry.pw_dir for entry in pwd.getpwall() if entry.pw_uid == 0 or entry.pw_uid >= _FIRST_USER}
    shared = {"/", "/tmp", "/var/tmp", "/home", tempfile.gettempdir(), str(Path.home())}  # noqa: S108 - not written to
    return os.path.realpath(directory) in {os.path.realpath(place) for place in people | shared}
