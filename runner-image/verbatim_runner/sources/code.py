"""The run's code as a blob: fetched from git at its commit, or put into the store already when the run was pinned.

Runs nothing of the user's; git is hardened by ``verbatim.git``.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tarfile
from typing import TYPE_CHECKING

from verbatim import git
from verbatim.errors import NotFound, PlatformFault, UserFault
from verbatim.stage import CodeRef
from verbatim.store import layout
from verbatim.tree import list_tree, pack_tree

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim_runner.stage_context import StageContext

FETCH_TIMEOUT_S = 1800


def store_code(context: StageContext) -> CodeRef:
    """Make sure that the store holds the run's code.

    A commit that was fetched from the same URL before is not fetched again.

    Raises:
        UserFault: The repository does not have the commit any more, or holds what cannot be archived.
        PlatformFault: The repository, reachable when the run was pinned, does not answer now.
    """
    code = context.request.spec.code
    if code.digest:
        return _describe(context, code.digest)
    index = layout.index("code", hashlib.sha256(f"{code.url}\n{code.commit}".encode()).hexdigest())
    try:
        known = context.store.read(index, CodeRef)
        if context.store.exists(layout.blob(known.digest)):
            return known
    except NotFound:
        pass
    fetched = _fetch(context, code.url, str(code.commit))
    context.store.overwrite(index, fetched.canonical())
    return fetched


def _describe(context: StageContext, digest: str) -> CodeRef:
    archive = context.work_dir / "code.tar"
    context.store.fetch_blob(digest, archive)
    with tarfile.open(archive) as content:
        files = sum(1 for _ in content)
    size = archive.stat().st_size
    archive.unlink()
    return CodeRef(digest=digest, bytes=size, commit=context.request.spec.code.commit, files=files)


def _fetch(context: StageContext, url: str, commit: str) -> CodeRef:
    context.console.say(f"fetching {git.without_credentials(url)} at {commit[:12]}")
    checkout = context.work_dir / "checkout"
    checkout.mkdir()
    _git(context, checkout, "init", "--quiet", "--template=")
    _fetch_commit(context, checkout, url, commit)
    _git(context, checkout, "checkout", "--quiet", "--detach", commit)
    archive = context.work_dir / "code.tar"
    files = pack_tree(checkout, list_tree(checkout), archive)
    stored = context.store.put_file(archive)
    archive.unlink()
    return CodeRef(digest=stored.sha256, bytes=stored.size, commit=commit, files=files)


def _fetch_commit(context: StageContext, checkout: Path, url: str, commit: str) -> None:
    """Fetch one commit; from a server that gives out only what branches point to, all branches."""
    fetch = ("fetch", "--quiet", "--no-recurse-submodules", *git.local_transport(url))
    if _git_succeeds(context, checkout, *fetch, "--no-tags", "--depth=1", "--", url, commit):
        return
    try:
        _git(context, checkout, *fetch, "--tags", "--", url, "+refs/heads/*:refs/remotes/origin/*")
    except UserFault as error:
        raise PlatformFault(
            f"the code could not be fetched from {git.without_credentials(url)}: {error.message}"
        ) from None
    if not _git_succeeds(context, checkout, "cat-file", "-e", f"{commit}^{{commit}}"):
        message = f"the repository has no commit {commit} any more, which the run was pinned to. Submit the run again"
        raise UserFault(message, field="code.ref")


def _git_succeeds(context: StageContext, cwd: Path, *arguments: str) -> bool:
    try:
        _git(context, cwd, *arguments)
    except UserFault:
        return False
    return True


def _git(context: StageContext, cwd: Path, *arguments: str) -> None:
    environment = git.environment() | {"HOME": str(context.work_dir)}
    runner = context.isolation.as_runner()
    try:
        with context.isolation.as_root():
            done = subprocess.run(
                git.command(*arguments), cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                timeout=FETCH_TIMEOUT_S, check=False, **runner,
            )  # fmt: skip
    except FileNotFoundError:
        raise PlatformFault(f"git is not installed where this stage runs ({os.uname().nodename})") from None
    except subprocess.TimeoutExpired:
        raise PlatformFault(f"git {arguments[0]} did not end within {FETCH_TIMEOUT_S} s") from None
    if done.returncode != 0:
        lines = git.without_credentials(done.stderr.decode(errors="replace")).split("\n")
        raise UserFault("git says: " + " ".join(line.strip() for line in lines if line.strip())[-600:])
