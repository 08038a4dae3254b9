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
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from verbatim.errors import PlatformFault, UserFault
from verbatim.git_login import PUBLIC, is_ssh_url
from verbatim.paths import SCHEME, exists, local_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from verbatim.git_login import Access

TIMEOUT_S = 60
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "credential.helper=",
    "safe.directory=*",
    "gc.auto=0",
)
_SAYS_NOTHING = frozenset({"", "Please make sure you have the correct access rights", "and the repository exists."})
_PASSED_ON = (
    "PATH", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "SSH_AUTH_SOCK",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip


def command(*arguments: str, access: Access = PUBLIC) -> list[str]:
    """Return the argument list of a hardened git call."""
    settings = [part for setting in (*_SETTINGS, *access.settings) for part in ("-c", setting)]
    return ["git", *settings, *arguments]


def environment(access: Access = PUBLIC) -> dict[str, str]:
    """Return the environment of a hardened git call."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed | {
        "GIT_ALLOW_PROTOCOL": "https:http:ssh:file",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=20",
        "HOME": os.devnull,  # nor its .netrc, .config/git/ignore and the like; ssh finds its own files without
        "LC_ALL": "C.UTF-8",  # what git says is read (verbatim.git_faults)
        **access.variables,
    }


def environment_inside() -> dict[str, str]:
    """Return the environment of a hardened git call in a directory that a conf names: it reaches nothing else."""
    return environment() | {"GIT_ALLOW_PROTOCOL": ""}


def run(*arguments: str, cwd: Path | None = None, access: Access = PUBLIC, timeout_s: float = TIMEOUT_S) -> str:
    """Run git and return its output.

    Args:
        arguments: Of git, with ``--`` before anything that a user wrote.
        cwd: A directory that is asked about itself, and reaches nothing else; None for a question to a remote.
        access: To a remote's private code.
        timeout_s: Seconds after which git is ended.

    Raises:
        UserFault: git failed; with its last lines, credentials removed.
        PlatformFault: git is not installed, or did not end in time.
    """
    try:
        done = subprocess.run(
            command(*arguments, access=access), cwd=cwd, env=environment_inside() if cwd else environment(access),
            stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise PlatformFault("git is not installed on this machine; install it (Debian: apt install git)") from None
    except subprocess.TimeoutExpired:
        raise PlatformFault(f"git did not end within {timeout_s:g} s: git {arguments[0]}") from None
    if done.returncode != 0:
        raise UserFault(said(done.stderr, access))
    return os.fsdecode(done.stdout)


def said(stderr: bytes, access: Access = PUBLIC) -> str:
    """Return in one line why git failed, without any credential."""
    text = access.without_secrets(without_credentials(stderr.decode(errors="replace")))
    lines = [line.strip() for line in text.replace("\r", "\n").splitlines() if line.strip() not in _SAYS_NOTHING]
    return f"git says: {' '.join(lines[-3:])[-600:]}" if lines else "git failed without a word"


def committed_at(ask: Callable[..., str], commit: str) -> datetime | None:
    """Return when a commit was made, by its committer; None for a date that is none.

    Args:
        ask: Runs git in a repository that holds the commit; takes git's arguments and returns its output.
        commit: The commit.
    """
    header = ask("cat-file", "commit", commit).partition("\n\n")[0]
    found = re.search(r"^committer .*> (\d+) [+-]\d{4}$", header, re.MULTILINE)
    try:
        return datetime.fromtimestamp(int(found[1]), UTC) if found else None
    except (ValueError, OverflowError, OSError):
        return None


def local_transport(url: str) -> tuple[str, ...]:
    """Return the options that ``ls-remote`` and ``fetch`` need for a URL.

    A ``file://`` repository is served by a second git process, which does not inherit ``safe.directory``; without it
    git refuses a repository that belongs to somebody else. Nor may that process fetch anything (see above).
    """
    return ("--upload-pack=GIT_ALLOW_PROTOCOL= git -c safe.directory=* upload-pack",) if url.startswith(SCHEME) else ()


def is_git_url(url: str) -> bool:
    """Return whether a code URL names a git repository rather than a plain directory."""
    if urlsplit(url).scheme in {"http", "https"} or is_ssh_url(url):
        return True
    if not url.startswith(SCHEME):
        return False
    path = local_path(url)
    return exists(path / ".git") or (exists(path / "HEAD") and (path / "HEAD").is_file())


def without_credentials(text: str) -> str:
    """Return text with the user and password of every URL in it removed."""

    def clean(match: re.Match[str]) -> str:
        parts = urlsplit(match[0])
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    return re.sub(r"\w[\w+.-]*://[^\s'\"]*@[^\s'\"]*", clean, text)
