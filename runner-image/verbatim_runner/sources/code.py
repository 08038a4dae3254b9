"""The run's code as a blob: fetched from git at its commit, or put into the store already when the run was pinned.

Runs nothing of the user's.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from verbatim.code.contents import contents_of
from verbatim.errors import ContractError, NotFound
from verbatim.links import leading_out, words_for
from verbatim.stage import CodeRef
from verbatim.store import layout
from verbatim.tree import pack_tree, walk_tree
from verbatim_runner.sources.checkout import fetch_checkout

if TYPE_CHECKING:
    from verbatim_runner.stage_context import StageContext

_INDEX_VERSION = 2
"""Of what is remembered of a commit; a change to what is kept of one makes what is remembered stale."""
_NAMED = 3


def store_code(context: StageContext) -> CodeRef:
    """Make sure that the store holds the run's code, and say what of it is not there (git LFS).

    A commit that was fetched from the same URL before is not fetched again.

    Raises:
        UserFault: The repository does not have the commit any more, refuses its login, lacks a submodule, or holds what
            cannot be archived.
        PlatformFault: The repository, reachable when the run was pinned, does not answer now.
    """
    code = _packed(context) if context.request.spec.code.digest else _of_commit(context)
    if code.lfs_pointers:
        count, named = len(code.lfs_pointers), ", ".join(code.lfs_pointers[:_NAMED])
        context.warn(
            f"{count} of the code's files are git LFS pointers, whose content is not fetched: {named}"
            f"{', …' if count > _NAMED else ''}. Where training reads one, name the file itself under 'data'"
        )
    return code


def _packed(context: StageContext) -> CodeRef:
    """Describe what pinning put into the store."""
    code, archive = context.request.spec.code, context.work_dir / "code.tar"
    context.store.fetch_blob(str(code.digest), archive)
    contents, size = contents_of(archive), archive.stat().st_size
    archive.unlink()
    return CodeRef(
        digest=str(code.digest), bytes=size, commit=code.commit, files=contents.files, committed_at=code.committed_at,
        lfs_pointers=contents.lfs_pointers,
    )  # fmt: skip


def _of_commit(context: StageContext) -> CodeRef:
    code = context.request.spec.code
    index = layout.index("code", hashlib.sha256(f"{_INDEX_VERSION}\n{code.url}\n{code.commit}".encode()).hexdigest())
    try:
        known = context.store.read(index, CodeRef)
        if context.store.exists(layout.blob(known.digest)):
            return known
    except (NotFound, ContractError):
        pass
    fetched = _fetched(context)
    context.store.overwrite(index, fetched.canonical())
    return fetched


def _fetched(context: StageContext) -> CodeRef:
    checkout, archive = context.work_dir / "checkout", context.work_dir / "code.tar"
    committed_at = fetch_checkout(context, checkout)
    files = walk_tree(checkout)
    if links := leading_out(checkout, files):
        context.warn(words_for(links))
    pack_tree(checkout, [name for name in files if name not in links], archive)
    stored, contents = context.store.put_file(archive), contents_of(archive)
    archive.unlink()
    return CodeRef(
        digest=stored.sha256, bytes=stored.size, commit=context.request.spec.code.commit, files=contents.files,
        committed_at=committed_at, lfs_pointers=contents.lfs_pointers,
    )  # fmt: skip
