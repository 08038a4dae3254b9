"""From what a user calls a state of a repository (branch, tag, commit, short commit) to the one commit it names now.

The remote is asked; nothing is checked out.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from verbatim import git
from verbatim.errors import UserFault
from verbatim.git_login import PUBLIC

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verbatim.git_login import Access

HISTORY_TIMEOUT_S = 600
_SHA = re.compile(r"^[0-9a-f]{40}$")
_SHORT_SHA = re.compile(r"^[0-9a-f]{4,39}$")


def resolve(url: str, ref: str | None, access: Access = PUBLIC) -> str:
    """Return the commit that a ref names at the remote.

    Args:
        url: The repository.
        ref: Branch, tag or SHA, also a short one; the remote's HEAD if None.
        access: To private code.

    Raises:
        UserFault: The repository cannot be reached (field ``code.url``), or has no such ref (``code.ref``).
        PlatformFault: It does not answer in time.
    """
    refs = _advertised(url, access)
    if ref is None:
        if "HEAD" not in refs:
            raise UserFault("the repository has no commit yet", field="code.url")
        return refs["HEAD"]
    for name in (f"refs/heads/{ref}", f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", f"{ref}^{{}}", ref):
        if name in refs:
            return refs[name]
    if _SHA.match(ref.lower()):
        return ref.lower()
    if _SHORT_SHA.match(ref.lower()) and (commit := _lengthened(url, ref.lower(), refs, access)):
        return commit
    known = sorted(name.removeprefix("refs/heads/") for name in refs if name.startswith("refs/heads/"))
    shown = ", ".join(known[:10]) + (" …" if len(known) > 10 else "")
    raise UserFault(
        f"the repository has no branch, tag or commit {ref!r}; its branches: {shown or 'none'}", field="code.ref"
    )


def _advertised(url: str, access: Access) -> dict[str, str]:
    listed = git.run("ls-remote", *git.local_transport(url), "--", url, access=access)
    return {name: sha for sha, _, name in (line.partition("\t") for line in listed.splitlines())}


def _lengthened(url: str, short: str, refs: Mapping[str, str], access: Access) -> str | None:
    """Return the one commit that a short SHA begins: at the tip of a branch or tag, else anywhere in their history."""
    tips = {sha for name, sha in refs.items() if sha.startswith(short) and f"{name}^{{}}" not in refs}
    if len(tips) > 1:
        raise _ambiguous(short, tips)
    if tips:
        return tips.pop()
    with tempfile.TemporaryDirectory(prefix="verbatim-refs-") as scratch:
        bare = Path(scratch)
        git.run("init", "--quiet", "--bare", "--template=", cwd=bare)
        wanted = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        fetch = ("fetch", "--quiet", "--no-tags", "--filter=tree:0", *git.local_transport(url), "--", url, *wanted)
        git.run("-C", scratch, *fetch, access=access, timeout_s=HISTORY_TIMEOUT_S)
        history = git.run("rev-list", "--all", cwd=bare, timeout_s=HISTORY_TIMEOUT_S).split()
    commits = {sha for sha in history if sha.startswith(short)}
    if len(commits) > 1:
        raise _ambiguous(short, commits)
    return commits.pop() if commits else None


def _ambiguous(short: str, commits: set[str]) -> UserFault:
    shown = ", ".join(sorted(commits)[:5])
    return UserFault(f"{len(commits)} commits begin with {short!r} ({shown}); write more digits", field="code.ref")
