"""A commit with its submodules, fetched from git into a directory. Nothing of it is run, no filter or hook obeyed.

In a container git runs as the runner, or, over ssh, which wants a user that the system knows, as ``builder``; the files
of a login are that user's alone while they are there.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from verbatim import git
from verbatim.errors import PlatformFault, UserFault
from verbatim.git_faults import fault_of, is_absence, is_refusal
from verbatim.git_login import PUBLIC, is_ssh_url, lent_access, same_server
from verbatim.git_submodules import submodules_of
from verbatim.paths import SCHEME, local_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from verbatim.git_login import Access
    from verbatim.git_submodules import Submodule
    from verbatim.spec import PinnedCode
    from verbatim_runner.stage_context import StageContext

FETCH_TIMEOUT_S = 1800
MAX_SUBMODULES = 100


def fetch_checkout(context: StageContext, target: Path) -> datetime | None:
    """Fetch the run's commit and its submodules, all the way down, into a directory.

    Args:
        context: The stage's; its spec names a git repository.
        target: A directory that is not there yet.

    Returns:
        When the commit was made.

    Raises:
        UserFault: The repository does not have the commit any more, the login is refused, or a submodule cannot be had.
        PlatformFault: The repository, reachable when the run was pinned, does not answer now.
    """
    code = context.request.spec.code
    with _access(context, code) as access:
        checkout = _Checkout(context, code, access)
        target.mkdir()
        checkout.give(target)
        checkout.fetch(code.url, str(code.commit), target)
    return git.committed_at(partial(checkout.ask, target), str(code.commit))


def fetch_dependency(context: StageContext, url: str, ref: str | None, target: Path) -> str:
    """Fetch a repository that the code depends on, from the code's own server and with its login, over https.

    Args:
        context: The stage's.
        url: The repository.
        ref: Branch, tag or commit; the remote's HEAD if None.
        target: A directory that is not there yet.

    Returns:
        The commit.

    Raises:
        UserFault: The repository cannot be had, or has no such ref.
        PlatformFault: It does not answer.
    """
    code = context.request.spec.code.model_copy(update={"url": url})
    with _access(context, code) as access:
        target.mkdir()
        return _Checkout(context, code, access).fetch_ref(url, ref or "HEAD", target)


@contextmanager
def _access(context: StageContext, code: PinnedCode) -> Iterator[Access]:
    """Give what git calls need to reach the code; the login's files are gone afterwards."""
    if code.connection is None:
        yield PUBLIC
        return
    directory, login = context.work_dir / "login", context.login(code.connection)
    if is_ssh_url(code.url) and not login.known_hosts:
        context.console.say("the server's key is taken as it comes: the connection has no known_hosts or host_key")
    with lent_access(code.url, login, directory) as access:
        if is_ssh_url(code.url) and context.isolation.switches:
            directory.chmod(0o711)  # still the runner's, so that it can remove what is in it
            for file in access.files:
                context.isolation.give_to_builder(file)
        yield access


class _Checkout:
    """One commit's fetching: as whom, with which login, and how many submodules so far."""

    def __init__(self, context: StageContext, code: PinnedCode, access: Access) -> None:
        self._context, self._code, self._access = context, code, access
        self._over_ssh = is_ssh_url(code.url)
        self._submodules = 0

    def give(self, directory: Path) -> None:
        if self._over_ssh:
            self._context.isolation.give_to_builder(directory)

    def fetch(self, url: str, commit: str, target: Path) -> None:
        self._context.console.say(f"fetching {git.without_credentials(url)} at {commit[:12]}")
        self.ask(target, "init", "--quiet", "--template=")
        self._fetch_commit(url, commit, target)
        self._check_out(url, commit, target)

    def fetch_ref(self, url: str, ref: str, target: Path) -> str:
        """Fetch what a branch, tag or commit, also a short one, names now, and return the commit."""
        self._context.console.say(f"fetching {git.without_credentials(url)} at {ref}")
        self.ask(target, "init", "--quiet", "--template=")
        fetch = ("fetch", "--quiet", "--no-recurse-submodules")
        found = "FETCH_HEAD"
        try:
            self._reach(target, url, *fetch, "--no-tags", "--depth=1", "--", url, ref)
        except UserFault as error:
            if is_refusal(error.message):
                raise self._fault(error, url) from None
            found = ref
        try:
            if found == ref:
                self._reach(target, url, *fetch, "--tags", "--", url, "+refs/heads/*:refs/remotes/origin/*")
            commit = self.ask(target, "rev-parse", "--verify", "--end-of-options", f"{found}^{{commit}}").strip()
        except UserFault as error:
            message = f"{ref} of the dependency {url} cannot be had: {error.message}"
            raise UserFault(message, field="environment") from None
        self._check_out(url, commit, target)
        return commit

    def _check_out(self, url: str, commit: str, target: Path) -> None:
        self.ask(target, "checkout", "--quiet", "--detach", commit)
        for submodule in submodules_of(partial(self.ask, target), commit, url):
            self._fetch_submodule(submodule, target)

    def ask(self, cwd: Path, *arguments: str) -> str:
        """Run git in a checkout, which reaches nothing else."""
        return self._run(cwd, arguments, git.environment_inside(), PUBLIC)

    def _fetch_commit(self, url: str, commit: str, target: Path) -> None:
        """Fetch one commit; from a server that gives out only what branches point to, all branches."""
        fetch = ("fetch", "--quiet", "--no-recurse-submodules", *git.local_transport(url))
        try:
            self._reach(target, url, *fetch, "--no-tags", "--depth=1", "--", url, commit)
        except UserFault as error:
            if is_refusal(error.message):
                raise self._fault(error, url) from None
        else:
            return
        try:
            self._reach(target, url, *fetch, "--tags", "--", url, "+refs/heads/*:refs/remotes/origin/*")
        except UserFault as error:
            raise self._fault(error, url) from None
        try:
            self.ask(target, "cat-file", "-e", f"{commit}^{{commit}}")
        except UserFault:
            message = f"{git.without_credentials(url)} has no commit {commit} any more. Submit the run again"
            raise UserFault(message, field="code.ref") from None

    def _fetch_submodule(self, submodule: Submodule, parent: Path) -> None:
        path, url = submodule.path, submodule.url
        if url is None:
            self._context.warn(f"the submodule {path!r} stays empty: .gitmodules does not say where it comes from")
            return
        self._submodules += 1
        if self._submodules > MAX_SUBMODULES:
            raise UserFault(f"the code has more than {MAX_SUBMODULES} submodules", field="code.url")
        if url.startswith(SCHEME) and str(local_path(url)) not in self._code.local_submodules:
            raise UserFault(
                f"the submodule {path!r} is at {url}, which this run may not read; an administrator allows directories "
                "under files.read in config/platform.yaml", field="code.url",
            )  # fmt: skip
        target = parent / path
        if target.resolve() != parent.resolve() / path or not target.is_dir():
            raise UserFault(f"the submodule {path!r} lies behind a link", field="code.url")
        try:
            self.fetch(url, submodule.commit, target)
        except (UserFault, PlatformFault) as error:
            message = f"the submodule {path!r} cannot be had: {error.message}"
            if isinstance(error, UserFault) or is_absence(error.message):
                raise UserFault(message, field=error.field or "code.url") from None
            raise PlatformFault(message) from None

    def _fault(self, error: UserFault, url: str) -> Exception:
        lent = self._code.connection if same_server(url, self._code.url) else None
        return fault_of(error.message, url, lent)

    def _reach(self, cwd: Path, url: str, *arguments: str) -> None:
        """Run git with a remote; the login goes to the server alone that it was lent for."""
        access = self._access if same_server(url, self._code.url) else PUBLIC
        self._run(cwd, arguments, git.environment(access) | {"HOME": str(self._context.work_dir)}, access)

    def _run(self, cwd: Path, arguments: tuple[str, ...], environment: dict[str, str], access: Access) -> str:
        isolation = self._context.isolation
        identity = isolation.as_builder() if self._over_ssh else isolation.as_runner()
        try:
            with isolation.as_root():
                done = subprocess.run(
                    git.command(*arguments, access=access), cwd=cwd, env=environment, stdin=subprocess.DEVNULL,
                    capture_output=True, timeout=FETCH_TIMEOUT_S, check=False, umask=0o022, **identity,
                )  # fmt: skip
        except FileNotFoundError:
            raise PlatformFault(f"git is not installed where this stage runs ({os.uname().nodename})") from None
        except subprocess.TimeoutExpired:
            raise PlatformFault(f"git {arguments[0]} did not end within {FETCH_TIMEOUT_S} s") from None
        if done.returncode != 0:
            raise UserFault(git.said(done.stderr, access))
        return os.fsdecode(done.stdout)
