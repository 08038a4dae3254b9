"""One notebook or script: from the platform's machine with the directory that it lies in, from elsewhere alone."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from verbatim.code.directory import keep
from verbatim.code.download import MAX_FILE_BYTES, download
from verbatim.code.extent import Extent, fits, with_surroundings
from verbatim.code.pinning import demand, scratch_directory
from verbatim.code.places import SCRIPTS, ends_in, is_local, is_nobodys_project, name_in
from verbatim.errors import RequestError
from verbatim.paths import exists, local_path
from verbatim.problems import Problem
from verbatim.spec import PinnedCode
from verbatim.tree import pack_tree

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.code.pinning import Pinning


def applies(url: str) -> bool:
    """Return whether a URL names a notebook or script."""
    return ends_in(url, SCRIPTS)


def pin(pinning: Pinning) -> PinnedCode:
    """Keep a notebook or script, with its directory where that is a project's.

    Raises:
        RequestError: It is not there, may not be read, or is not what its name says.
        UserFault: A part of its directory cannot be read or kept.
        PlatformFault: The store, or the server that it comes from, does not work as it should.
    """
    code = pinning.code
    pinning.demand_no_ref()
    if code.subdirectory != ".":
        expected = "no subdirectory, since the code is one file"
        demand(Problem(field="code.subdirectory", expected=expected, got=repr(code.subdirectory)))
    return _local(pinning, local_path(code.url)) if is_local(code.url) else _remote(pinning)


def _local(pinning: Pinning, path: Path) -> PinnedCode:
    pinning.demand_readable(path)
    pinning.demand_no_connection()
    if not exists(path) or not path.is_file():
        expected = "a notebook or script that exists and can be reached"
        raise RequestError([Problem(field="code.url", expected=expected, got=str(path))])
    _check(path, path.name)
    reason = _why_alone(pinning, path.parent)
    if reason is None:
        extent = with_surroundings(pinning, path.parent)
        if fits(extent):
            pinned = keep(pinning, _with_file(extent, path.name))
            return pinned.model_copy(update={"kind": "file", "file": path.name})
        reason = "is too large"
    pinning.warn(f"{path.name} is taken alone: its directory {path.parent} {reason}")
    digest = _keep_alone(pinning, path.parent, path.name)
    return PinnedCode(kind="file", url=str(path), file=path.name, digest=digest)


def _remote(pinning: Pinning) -> PinnedCode:
    url = pinning.code.url
    name = name_in(url)
    with scratch_directory() as scratch:
        moment = download(pinning, scratch / name, MAX_FILE_BYTES)
        _check(scratch / name, name)
        digest = _keep_alone(pinning, scratch, name)
    return PinnedCode(
        kind="file", url=url, file=name, committed_at=moment, connection=pinning.code.connection, digest=digest
    )


def _why_alone(pinning: Pinning, directory: Path) -> str | None:
    if not pinning.may_read(directory):
        return "may not be read (files.read in config/platform.yaml)"
    return "is no project's" if is_nobodys_project(directory) else None


def _with_file(extent: Extent, name: str) -> Extent:
    """Return an extent that has the file, also where git or Docker ignores it."""
    place = name if extent.subdirectory == "." else f"{extent.subdirectory}/{name}"
    return replace(extent, files=tuple(dict.fromkeys((*extent.files, place))))


def _keep_alone(pinning: Pinning, directory: Path, name: str) -> str:
    with scratch_directory() as scratch:
        pack_tree(directory, [name], scratch / "code.tar")
        return pinning.store.put_file(scratch / "code.tar").sha256


def _check(path: Path, name: str) -> None:
    """Refuse a page about a file, which is what a browser's address gives, and a notebook that is none.

    Raises:
        RequestError: It is not what its name says.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RequestError([
            Problem(field="code.url", expected="a file that can be read", got=f"{path}: {error.strerror}")
        ]) from None  # fmt: skip
    if content[:512].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        hint = "The address of a file's page is not that of the file; look for one that says 'raw'."
        demand(Problem(field="code.url", expected=f"the file {name} itself", got="an HTML page", hint=hint))
    if name.lower().endswith(".ipynb"):
        try:
            is_notebook = isinstance(json.loads(content), dict)
        except (ValueError, RecursionError):
            is_notebook = False
        if not is_notebook:
            demand(Problem(field="code.url", expected=f"a notebook in {name}", got="something that is not JSON"))
