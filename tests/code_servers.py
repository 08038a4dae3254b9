"""Servers of private code, started for real: git over HTTP with a password, and git over ssh with a key."""

from __future__ import annotations

import base64
import getpass
import os
import shutil
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

import pytest
from answering import answering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

USER, PASSWORD = "ada", "canary p@ss/word%25"


def git(repository: Path, *arguments: str) -> str:
    """Run git as somebody, in a repository; local submodules are allowed."""
    settings = ["-c", "user.name=ada", "-c", "user.email=ada@example.org", "-c", "protocol.file.allow=always"]
    environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", *settings, "-C", repository, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()


def make_repository(directory: Path, files: dict[str, str]) -> str:
    """Make a repository of one commit, and return the commit."""
    directory.mkdir(parents=True, exist_ok=True)
    git(directory, "init", "-q", "-b", "main")
    return commit(directory, files)


def commit(directory: Path, files: dict[str, str]) -> str:
    """Add files in one more commit, and return it."""
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(content)
    git(directory, "add", "-A")
    git(directory, "commit", "-qm", "work", "--allow-empty")
    return git(directory, "rev-parse", "HEAD")


@dataclass
class WebServer:
    """A web server that demands a password: ``/git/`` speaks git, all else are files.

    Attributes:
        root: The directory that is served.
        url: Where.
        public: Path prefixes that need no password.
        redirects: Path to where it redirects.
        answers: Path to a status that it answers whoever asks.
        authorizations: The credentials that came, by path.
    """

    root: Path
    url: str
    public: list[str] = field(default_factory=list)
    redirects: dict[str, str] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    authorizations: list[tuple[str, str | None]] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    web: ClassVar[WebServer]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        body = self._body()
        parts, given = urlsplit(self.path), self.headers.get("Authorization")
        self.web.authorizations.append((parts.path, given))
        basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        target = next((to for path, to in self.web.redirects.items() if parts.path.startswith(path)), None)
        if parts.path in self.web.answers:
            self._say(self.web.answers[parts.path])
        elif target:
            self._say(302, {"Location": target + parts.path + (f"?{parts.query}" if parts.query else "")})
        elif not parts.path.startswith(tuple(self.web.public)) and given not in {
            f"Basic {basic}",
            f"Bearer {PASSWORD}",
        }:
            # Some servers show what they were given.
            self._say(
                401, {"WWW-Authenticate": 'Basic realm="x"', "Content-Type": "text/plain"}, f"no: {given}".encode()
            )
        elif parts.path.startswith("/git/"):
            self._serve_git(parts.path.removeprefix("/git"), parts.query, body)
        elif (file := self.web.root / parts.path.lstrip("/")).is_file():
            self._say(200, {}, file.read_bytes())
        else:
            self._say(404)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _serve_git(self, path: str, query: str, body: bytes) -> None:
        environment = os.environ | {
            "GIT_PROJECT_ROOT": str(self.web.root / "git"), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
            "QUERY_STRING": query, "REQUEST_METHOD": self.command, "REMOTE_USER": USER, "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }  # fmt: skip
        command = ["git", "-c", "safe.directory=*", "http-backend"]
        answer = subprocess.run(command, input=body, env=environment, capture_output=True, check=False).stdout
        head, _, content = answer.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self._say(int(headers.pop("Status", "200").split()[0]), headers, content)

    def _say(self, status: int, headers: dict[str, str] | None = None, content: bytes = b"") -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def make_web_server(tmp_path: Path) -> Iterator[Callable[[str], WebServer]]:
    """Start a web server over a directory of the test's own; ``name`` becomes the directory's."""
    with ExitStack() as servers:

        def start(name: str) -> WebServer:
            handler = type("Handler", (_Handler,), {})
            server = servers.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), handler))
            handler.web = WebServer(tmp_path / name, f"http://127.0.0.1:{server.server_port}")
            (tmp_path / name).mkdir(exist_ok=True)
            servers.enter_context(answering(server))
            return handler.web

        yield start


@pytest.fixture
def web_server(make_web_server: Callable[[str], WebServer]) -> WebServer:
    """A web server of the test's own."""
    return make_web_server("web")


@dataclass(frozen=True)
class SshServer:
    """An ssh server that lets one key in.

    Attributes:
        root: What ``url`` names on it.
        url: ``ssh://user@host:port`` and the root.
        private_key: The key that it lets in.
        known_hosts: The line that its own key is checked against.
    """

    root: Path
    url: str
    private_key: str
    known_hosts: str


@pytest.fixture
def ssh_server(tmp_path: Path, free_port: Callable[[], int], unavailable: Callable[..., Any]) -> Iterator[SshServer]:
    """An ssh server of the test's own, on loopback."""
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))
    if sshd is None:
        unavailable("ssh server", "sshd is not installed", "Install it (Debian: apt install openssh-server)")
    home, port = tmp_path / "ssh", free_port()
    home.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", home / name], check=True)
    (home / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {home}/host\nAuthorizedKeysFile {home}/user.pub\nPidFile none\n"
        "StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (home / "log").open("wb") as log:
        server = subprocess.Popen([sshd, "-D", "-e", "-f", home / "config"], stdout=log, stderr=log)
    try:
        while b"Server listening" not in (home / "log").read_bytes():
            if server.poll() is not None:
                unavailable("ssh server", f"it does not start: {(home / 'log').read_text()[-300:]}", "See its message")
            time.sleep(0.01)
        host_key = (home / "host.pub").read_text().rsplit(" ", 1)[0]
        yield SshServer(
            tmp_path / "ssh-root", f"ssh://{getpass.getuser()}@127.0.0.1:{port}{tmp_path}/ssh-root",
            (home / "user").read_text(), f"[127.0.0.1]:{port} {host_key}\n",
        )  # fmt: skip
    finally:
        server.terminate()
        server.wait(30)
