"""Logins for git: a credential is lent to git in a private file, for one server, and taken away again.

It is never in a URL, an argument, a variable or a message. git's own ``credential-store`` hands a password only to the
scheme, host and port that it was lent for, so neither a redirect nor a submodule elsewhere gets it.
"""

from __future__ import annotations

import base64
import os
import re
import shlex
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from verbatim.errors import UserFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from verbatim.stage import Login

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TOKEN_USER = "x-access-token"  # noqa: S105 - GitHub's name for "the password is a token"; other servers take any


@dataclass(frozen=True)
class Access:
    """What git calls add to reach private code.

    Attributes:
        settings: For ``git -c``.
        variables: Of the environment.
        secrets: What must never be shown, should a server say it.
        files: The private files that whoever git runs as has to read.
    """

    settings: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    files: tuple[Path, ...] = ()

    def without_secrets(self, text: str) -> str:
        """Return text with every form of the credential in it removed."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


PUBLIC = Access()
"""To code that needs no login."""


def is_ssh_url(url: str) -> bool:
    """Return whether a code URL is read over ssh, in either of the two ways in which git writes that."""
    return urlsplit(url).scheme in {"ssh", "git+ssh"} or bool(re.match(r"^[\w.-]+@[\w.-]+:", url))


@contextmanager
def lent_access(url: str, login: Login, directory: Path) -> Iterator[Access]:
    """Lend a login to git for a repository's server, and destroy its files afterwards.

    Args:
        url: The repository.
        login: The credential.
        directory: Where its files may lie, not there yet; gone when this ends, whatever happened.

    Raises:
        UserFault: The login does not fit the URL, or the URL is no protected way for a credential to go.
    """
    directory.mkdir(mode=0o700)
    try:
        yield _over_ssh(url, login, directory) if is_ssh_url(url) else _over_https(url, login, directory)
    finally:
        for file in directory.iterdir():
            file.unlink()
        directory.rmdir()


def same_server(one: str, other: str) -> bool:
    """Return whether two URLs name the same server, so that a login for the one may be used for the other."""
    return _server(one) == _server(other)


def _server(url: str) -> tuple[str, str]:
    if is_ssh_url(url) and "://" not in url:
        return "ssh", url.partition(":")[0].rpartition("@")[2]
    parts = urlsplit(url)
    return ("ssh" if is_ssh_url(url) else parts.scheme), parts.netloc.rpartition("@")[2]


def server_of(place: str) -> tuple[str, int | None]:
    """Return the host and, where it is told, the port of a URL, of git's short form for ssh, or of a mere host name.

    Raises:
        ValueError: The port is none.
    """
    if "://" not in place and is_ssh_url(place):
        return _server(place)[1].lower(), None
    parts = urlsplit(place if "://" in place else f"//{place}")
    return parts.hostname or "", parts.port


def default_port(url: str) -> int:
    """Return the port of a URL that names none."""
    return {"http": 80, "https": 443}.get(urlsplit(url).scheme, 22)


def demand_protected(url: str) -> None:
    """Refuse to send a credential over a connection that anybody can read.

    Raises:
        UserFault: The URL is neither https, ssh, s3 nor of this machine itself.
    """
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise UserFault("a connection's password may not go over plain http; write https://", field="code.url")


def _over_https(url: str, login: Login, directory: Path) -> Access:
    demand_protected(url)
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise UserFault(
            "a connection is of use for https:// and ssh:// code alone; leave it out", field="code.connection"
        )
    if login.password is None:
        message = "the connection has no password or token, which code over https needs"
        raise UserFault(message, field="code.connection")
    user, password = login.username or _TOKEN_USER, login.password.get_secret_value()
    server = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    file = directory / "credentials"
    credential = f"{quote(user, safe='')}:{quote(password, safe='')}@"
    _write_private(file, server.replace("://", f"://{credential}", 1) + "\n")
    # git runs the helper by a shell.
    helper = f"credential.{server}.helper=store --file={shlex.quote(str(file))}"
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    secrets = (password, quote(password, safe=""), quote(password), basic)
    return Access(settings=(helper,), secrets=secrets, files=(file,))


def _over_ssh(url: str, login: Login, directory: Path) -> Access:
    if login.private_key is None:
        raise UserFault("the connection has no ssh key (private_key in its extra field)", field="code.connection")
    key, hosts = directory / "key", directory / "known_hosts"
    _write_private(key, login.private_key.get_secret_value())
    _write_private(hosts, login.known_hosts or "")
    options = [
        "-F/dev/null", f"-i{key}", "-oIdentitiesOnly=yes", "-oIdentityAgent=none", "-oBatchMode=yes",
        "-oConnectTimeout=20", f"-oUserKnownHostsFile={hosts}", "-oGlobalKnownHostsFile=/dev/null",
        f"-oStrictHostKeyChecking={'yes' if login.known_hosts else 'accept-new'}", "-oUpdateHostKeys=no",
        "-oLogLevel=ERROR",
    ]  # fmt: skip
    if "@" not in (urlsplit(url).netloc or url.partition(":")[0]):
        options.append(f"-oUser={login.username or 'git'}")
    ssh = shlex.join(["ssh", *options])
    lines = tuple(line for line in login.private_key.get_secret_value().splitlines() if not line.startswith("-----"))
    return Access(variables={"GIT_SSH_COMMAND": ssh}, secrets=tuple(filter(None, lines)), files=(key, hosts))


def _write_private(path: Path, content: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(content)
