"""The few questions that are asked of git, always with the same hardening.

No prompts, no hooks, no transport besides https, http, ssh and file, no configuration of the machine's users; a URL or
a ref is never read as an option.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit, urlunsplit

from verbatim.errors import PlatformFault, UserFault

TIMEOUT_S = 60
SHA = re.compile(r"^[0-9a-f]{40}$")
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.allow=never",
    "protocol.https.allow=always",
    "protocol.http.allow=always",
    "protocol.ssh.allow=always",
    "protocol.file.allow=always",
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
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=20",
        "HOME": os.environ.get("HOME", "/"),
    }


def run(*arguments: str, cwd: Path | None = None, timeout_s: float = TIMEOUT_S, stdout: IO[bytes] | None = None) -> str:
    """Run git and return its output.

    Args:
        arguments: Of git, with ``--`` before anything that a user wrote.
        cwd: Where to run it.
        timeout_s: Seconds until it is given up.
        stdout: Where the output goes instead, when it is large.

    Raises:
        UserFault: git failed; with its last lines, credentials removed.
        PlatformFault: git is not installed, or did not end in time.
    """
    try:
        done = subprocess.run(
            command(*arguments), cwd=cwd, env=environment(), stdin=subprocess.DEVNULL, stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=timeout_s, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise PlatformFault("git is not installed on this machine; install it (Debian: apt install git)") from None
    except subprocess.TimeoutExpired:
        raise PlatformFault(f"git did not end within {timeout_s:g} s: git {arguments[0]}") from None
    if done.returncode != 0:
        lines = without_credentials(done.stderr.decode(errors="replace")).strip().splitlines()
        raise UserFault(
            "git says: " + " ".join(line.strip() for line in lines[-3:]) if lines else "git failed without a word"
        )
    return done.stdout.decode(errors="replace") if done.stdout is not None else ""


def local_transport(url: str) -> tuple[str, ...]:
    """Return the options that ``ls-remote`` and ``fetch`` need for a URL.

    A ``file://`` repository is served by a second git process, which does not inherit ``safe.directory``; without it
    git refuses a repository that belongs to somebody else.
    """
    return ("--upload-pack=git -c safe.directory=* upload-pack",) if url.startswith("file://") else ()


def is_git_url(url: str) -> bool:
    """Return whether a code URL names a git repository rather than a plain directory."""
    if urlsplit(url).scheme in {"http", "https", "ssh", "git+ssh"} or re.match(r"^[\w.-]+@[\w.-]+:", url):
        return True
    path = Path(local_path(url))
    return url.startswith("file://") and ((path / ".git").exists() or (path / "HEAD").is_file())


def local_path(url: str) -> str:
    """Return the path that a ``file://`` URL or a plain path names."""
    return urlsplit(url).path if url.startswith("file://") else url


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
