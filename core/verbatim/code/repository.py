"""A git repository, at a commit: over https, ssh, or ``file://`` on the platform's machine. Fetched by prepare."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from verbatim import git
from verbatim.code.pinning import demand, scratch_directory
from verbatim.errors import PlatformFault, RequestError, UserFault
from verbatim.git_faults import is_absence, is_overload, is_refusal, login_hint
from verbatim.git_login import PUBLIC, is_ssh_url, lent_access
from verbatim.git_refs import resolve
from verbatim.git_submodules import submodules_of
from verbatim.paths import SCHEME, exists, local_path
from verbatim.problems import Problem
from verbatim.spec import PinnedCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verbatim.code.pinning import Pinning
    from verbatim.git_login import Access

MAX_DEPTH = 10


def applies(url: str) -> bool:
    """Return whether a URL names a git repository."""
    return git.is_git_url(url)


def pin(pinning: Pinning) -> PinnedCode:
    """Resolve the ref to the commit that it names now.

    Raises:
        RequestError: The repository cannot be read, or has no such ref.
        PlatformFault: The server does not work as it should.
    """
    code, submodules = pinning.code, frozenset[str]()
    demand(_ssh_problem(pinning))
    if code.url.startswith(SCHEME):
        pinning.demand_no_connection()
        pinning.demand_readable(local_path(code.url))
    with _access(pinning) as access:
        commit = _resolved(pinning, access)
    if code.url.startswith(SCHEME):
        submodules = frozenset(_local_submodules(pinning, code.url, commit, MAX_DEPTH))
    return PinnedCode(
        kind="git", url=code.url, ref=code.ref, commit=commit, subdirectory=code.subdirectory,
        connection=code.connection, local_submodules=tuple(sorted(submodules)),
    )  # fmt: skip


def _ssh_problem(pinning: Pinning) -> Problem | None:
    code = pinning.code
    if pinning.engine != "docker" or code.connection or not is_ssh_url(code.url):
        return None
    hint = "Containers hold no ssh key; a connection brings one, see docs/code.md."
    expected = "a code.connection with an ssh key, an https:// or file:// URL, or a directory"
    return Problem(field="code.url", expected=expected, got=git.without_credentials(code.url), hint=hint)


@contextmanager
def _access(pinning: Pinning) -> Iterator[Access]:
    login = pinning.login()
    if login is None:
        yield PUBLIC
        return
    with scratch_directory() as scratch, lent_access(pinning.code.url, login, scratch / "login") as access:
        yield access


def _resolved(pinning: Pinning, access: Access) -> str:
    code, shown = pinning.code, git.without_credentials(pinning.code.url)
    try:
        return resolve(code.url, code.ref, access)
    except UserFault as error:
        said = error.message
        if is_overload(said):
            raise PlatformFault(f"{shown} does not work as it should: {said}") from None
        if error.field == "code.ref":
            problem = Problem(field="code.ref", expected="a branch, tag or commit", got=f"{shown}: {said}")
        elif is_refusal(said) or (is_absence(said) and not code.url.startswith(SCHEME)):
            field = "code.connection" if code.connection else "code.url"
            hint = login_hint(code.connection)
            problem = Problem(field=field, expected="a repository that may be read", got=f"{shown}: {said}", hint=hint)
        else:
            problem = Problem(field="code.url", expected="a repository that can be read", got=f"{shown}: {said}")
    except PlatformFault as error:
        if "did not end" not in error.message:
            raise
        got = f"{shown}: no answer within {git.TIMEOUT_S} s"
        problem = Problem(field="code.url", expected="a repository that answers", got=got)
    raise RequestError([problem])


def _local_submodules(pinning: Pinning, url: str, commit: str, depth: int) -> Iterator[str]:
    """Find the repositories of this machine that a commit's submodules come from, which the run has to read, too.

    Raises:
        RequestError: One is not there, or may not be read.
    """
    try:
        found = submodules_of(partial(git.run, cwd=local_path(url)), commit, url)
    except UserFault as error:
        if error.field:
            raise
        return  # the commit is not there, which prepare tells of
    for submodule in found:
        if submodule.url is None or not submodule.url.startswith(SCHEME):
            continue
        path = local_path(submodule.url)
        pinning.demand_readable(path)
        if not exists(path) or not depth:
            expected = "a repository whose submodules can be reached"
            got = f"the submodule {submodule.path!r} at {path}, which is not there"
            raise RequestError([Problem(field="code.url", expected=expected, got=got)])
        yield str(path)
        yield from _local_submodules(pinning, submodule.url, submodule.commit, depth - 1)
