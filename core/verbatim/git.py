"""The few questions that are asked of git, always with the same hardening.

No prompts, no hooks, no transport besides https, http, ssh and file, no configuration of the machine's users; a URL or
a ref is never read as an option.

A directory or ``file://`` repository that a conf names is hostile, and ``safe.directory`` takes away git's own guard
against it. That git runs nothing of it relies on this:

* What is run there (``rev-parse``, ``ls-tree``, ``ls-files`` without ``-m``, ``upload-pack``) compares no file with the
  index, so it calls no filter (``filter.*.clean`` and the like, which no option switches off).
* ``core.fsmonitor`` and ``core.hooksPath`` are overridden on the command line; an alias never hides a git command.
* ``uploadpack.packObjectsHook`` counts only in the configuration of the machine or the command line (git-config(1)).
* An object that is missing in a partial clone would be fetched by a command of the repository's choice
  (``remote.*.uploadpack``): ``GIT_ALLOW_PROTOCOL`` is empty there, which overrides every ``protocol.*.allow``.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from verbatim.errors import PlatformFault, UserFault
from verbatim.paths import SCHEME, exists, local_path

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S = 60
SHA = re.compile(r"^[0-9a-f]{40}$")
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "credential.helper=",
    "safe.directory=*",
    "gc.auto=0",
)
_PASSED_ON = (
    "PATH", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "SSH_AUTH_SOCK",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip


def command(*arguments: str) -> list[str]:
    """Return the argument list of a hardened git call."""
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    return ["git", *settings, *arguments]


def environment() -> dict[str, str]:
    """Return the environment of a hardened git call."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed | {
        "GIT_ALLOW_PROTOCOL": "https:http:ssh:file",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=20",
        "HOME": os.environ.get("HOME", "/"),
    }


def environment_inside() -> dict[str, str]:
    """Return the environment of a hardened git call in a directory that a conf names: it reaches nothing else."""
    return environment() | {"GIT_ALLOW_PROTOCOL": ""}


def run(*arguments: str, cwd: Path | None = None) -> str:
    """Run git and return its output.

    Args:
        arguments: Of git, with ``--`` before anything that a user wrote.
        cwd: The directory in question; None for a question to a remote.

    Raises:
        UserFault: git failed; with its last lines, credentials removed.
        PlatformFault: git is not installed, or did not end in time.
    """
    try:
        done = subprocess.run(
            command(*arguments), cwd=cwd, env=environment_inside() if cwd else environment(), stdin=subprocess.DEVNULL,
            capture_output=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise PlatformFault("git is not installed on this machine; install it (Debian: apt install git)") from None
    except subprocess.TimeoutExpired:
        raise PlatformFault(f"git did not end within {TIMEOUT_S} s: git {arguments[0]}") from None
    if done.returncode != 0:
        lines = without_credentials(done.stderr.decode(errors="replace")).strip().splitlines()
        raise UserFault(
            "git says: " + " ".join(line.strip() for line in lines[-3:]) if lines else "git failed without a word"
        )
    return os.fsdecode(done.stdout)


def local_transport(url: str) -> tuple[str, ...]:
    """Return the options that ``ls-remote`` and ``fetch`` need for a URL.

    A ``file://`` repository is served by a second git process, which does not inherit ``safe.directory``; without it
    git refuses a repository that belongs to somebody else. Nor may that process fetch anything (see above).
    """
    return ("--upload-pack=GIT_ALLOW_PROTOCOL= git -c safe.directory=* upload-pack",) if url.startswith(SCHEME) else ()


def is_ssh_url(url: str) -> bool:
    """Return whether a code URL is read over ssh, in either of the two ways in which git writes that."""
    return urlsplit(url).scheme in {"ssh", "git+ssh"} or bool(re.match(r"^[\w.-]+@[\w.-]+:", url))


def is_git_url(url: str) -> bool:
    """Return whether a code URL names a git repository rather than a plain directory."""
    if urlsplit(url).scheme in {"http", "https"} or is_ssh_url(url):
        return True
    if not url.startswith(SCHEME):
        return False
    path = local_path(url)
    return exists(path / ".git") or (exists(path / "HEAD") and (path / "HEAD").is_file())


def resolve(url: str, ref: str | None) -> str:
    """Return the commit that a ref names at the remote.

    Args:
        url: The repository.
        ref: Branch, tag or full SHA; the remote's HEAD if None.

    Raises:
        UserFault: The repository cannot be reached, or has no such ref.
    """
    listed = run("ls-remote", *local_transport(url), "--", url)
    refs = {name: sha for sha, _, name in (line.partition("\t") for line in listed.splitlines())}
    if ref is None:
        if "HEAD" not in refs:
            raise UserFault("the repository has no commit yet")
        return refs["HEAD"]
    for name in (f"refs/heads/{ref}", f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", f"{ref}^{{}}", ref):
        if name in refs:
            return refs[name]
    if SHA.match(ref):
        return ref
    known = sorted(name.removeprefix("refs/heads/") for name in refs if name.startswith("refs/heads/"))
    shown = ", ".join(known[:10]) + (" …" if len(known) > 10 else "")
    raise UserFault(
        f"the repository has no branch or tag {ref!r}; its branches: {shown or 'none'}. "
        "A commit is named by its full SHA"
    )


def without_credentials(text: str) -> str:
    """Return text with the user and password of every URL in it removed."""

    def clean(match: re.Match[str]) -> str:
        parts = urlsplit(match[0])
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    return re.sub(r"\w[\w+.-]*://[^\s'\"]*@[^\s'\"]*", clean, text)
