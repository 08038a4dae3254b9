"""A package index of a test's own: real HTTP, the simple API with upload times, a login where one is wanted."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from answering import answering

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKEND = """
import zipfile
def _wheel(directory):
    name = "{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(directory + "/" + name, "w") as out:
        out.writestr("{name}.py", "VERSION = '{version}'")
        out.writestr("{name}-{version}.dist-info/METADATA", "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
        out.writestr("{name}-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        out.writestr("{name}-{version}.dist-info/RECORD", "")
    return name
def build_wheel(directory, settings=None, metadata=None):
    return _wheel(directory)
"""


def wheel(name: str, version: str, requires: tuple[str, ...] = (), tag: str = "py3-none-any") -> tuple[str, bytes]:
    """Return a wheel's file name and content."""
    info = f"{name}-{version}.dist-info"
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {it}" for it in requires),
    ]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as out:
        out.writestr(f"{name.replace('-', '_')}.py", f"VERSION = {version!r}\n")
        out.writestr(f"{info}/METADATA", "\n".join([*lines, ""]))
        out.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        out.writestr(f"{info}/RECORD", "")
    return f"{name}-{version}-{tag}.whl", content.getvalue()


def sdist(name: str, version: str) -> tuple[str, bytes]:
    """Return the file name and content of a source distribution that needs nothing else to be built."""
    files = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": BACKEND.format(name=name, version=version),
    }
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as out:
        for file, text in files.items():
            entry = tarfile.TarInfo(f"{name}-{version}/{file}")
            entry.size = len(text)
            out.addfile(entry, io.BytesIO(text.encode()))
    return f"{name}-{version}.tar.gz", content.getvalue()


@dataclass
class PackageIndex:
    """What an index has, and what it was asked.

    Attributes:
        url: Of its simple API.
        login: User and password that it demands; None: nobody's.
        asked: The paths that were asked for, with whether a login came along.
    """

    url: str = ""
    login: tuple[str, str] | None = None
    asked: list[tuple[str, bool]] = field(default_factory=list)
    files: dict[str, dict[str, tuple[bytes, str]]] = field(default_factory=dict)

    def add(self, file: tuple[str, bytes], uploaded: str = "2020-01-01T00:00:00Z") -> None:
        """Publish a file, as of a moment."""
        name, content = file
        project = name.partition("-")[0].replace("_", "-").lower()
        self.files.setdefault(project, {})[name] = (content, uploaded)

    def page(self, project: str) -> bytes:
        """Return what the simple API says of a project (PEP 691, PEP 700)."""
        files = [
            {
                "filename": name, "url": f"/files/{project}/{name}", "size": len(content), "upload-time": uploaded,
                "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
            }
            for name, (content, uploaded) in self.files[project].items()
        ]  # fmt: skip
        return json.dumps({"meta": {"api-version": "1.1"}, "name": project, "files": files}).encode()

    def allows(self, authorization: str | None) -> bool:
        """Return whether a request's login is the right one."""
        if self.login is None:
            return True
        return authorization == "Basic " + base64.b64encode(":".join(self.login).encode()).decode()


@contextmanager
def package_index(login: tuple[str, str] | None = None) -> Iterator[PackageIndex]:
    """Run an empty index."""
    index = PackageIndex(login=login)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            authorization = self.headers.get("Authorization")
            index.asked.append((self.path, authorization is not None))
            parts = self.path.strip("/").split("/")
            if not index.allows(authorization):
                self._answer(401, b"")
            elif parts[0] == "simple" and parts[-1] in index.files:
                self._answer(200, index.page(parts[-1]), "application/vnd.pypi.simple.v1+json")
            elif parts[0] == "files" and parts[-1] in index.files.get(parts[1], {}):
                self._answer(200, index.files[parts[1]][parts[-1]][0])
            else:
                self._answer(404, b"")

        def _answer(self, status: int, content: bytes, kind: str = "application/octet-stream") -> None:
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="packages"')
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, answering(server):
        index.url = f"http://127.0.0.1:{server.server_port}/simple/"
        yield index
