"""docs/extending.md says what works: its data source, taken from its text, gives snapshots as any other does."""

from __future__ import annotations

import re
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from answering import answering

from verbatim_runner.sources.snapshots import take

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[2] / "docs/extending.md"
CONF = {"data": {"train": {"file": {"uri": f"file://{PAGE.parent}/"}}}, "as_of": "2026-01-01T00:00:00Z"}


class WebServer(HTTPServer):
    """A server of one file.

    Attributes:
        content: The file.
        downloads: How often it was downloaded.
    """

    content = b"x,y\n1,2\n3,4\n"
    downloads = 0
    modified_at = 0.0


class Handler(BaseHTTPRequestHandler):
    server: WebServer

    def do_HEAD(self) -> None:
        self.send_response(200 if self.path == "/lake/rows.csv" else 404)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.send_header("Last-Modified", formatdate(self.server.modified_at, usegmt=True))
        self.send_header("ETag", f'"{hash(self.server.content)}"')
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(self.server.content)
        self.server.downloads += 1

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def web_server() -> Iterator[WebServer]:
    with WebServer(("127.0.0.1", 0), Handler) as server, answering(server):
        yield server


@pytest.fixture
def path(web_server: WebServer, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where the page's source, which every channel is read from, finds its file; may be changed."""
    block = re.search(r"```python\n(.*?)```", PAGE.read_text().partition("## A data source")[2], re.DOTALL)
    assert block
    module = ModuleType("http_data")
    exec(compile(block[1], str(PAGE), "exec"), module.__dict__)
    asked_for = ["/lake/rows.csv"]

    def open_source(_context: Any, channel: str, pinned: Any) -> Any:
        url = f"http://127.0.0.1:{web_server.server_port}{asked_for[0]}"
        return module.HttpData(url, pinned.as_of, field=f"data.{channel}.http.url")

    monkeypatch.setattr(take, "open_source", open_source)
    return asked_for


def test_the_pages_source_gives_a_snapshot_and_is_not_read_again_while_it_is_unchanged(ground, path, web_server):
    first = ground.run(ground.request("extract", CONF)).outputs.snapshots["train"]
    again = ground.run(ground.request("extract", CONF, try_number=2)).outputs.snapshots["train"]

    assert (first.files, first.rows, first.reused) == (1, 2, False)
    assert (again.digest, again.reused) == (first.digest, True)
    assert web_server.downloads == 1


def test_the_pages_source_knows_what_is_newer_than_the_moment(ground, path, web_server):
    web_server.modified_at = 1.9e9
    error = ground.run(ground.request("extract", CONF)).error
    assert (error.kind, error.field) == ("user", "data.train.http.url")
    assert "nothing as old as the run's as_of" in error.message


def test_the_pages_source_says_what_is_not_there(ground, path):
    path[0] = "/lake/nothing.csv"
    error = ground.run(ground.request("extract", CONF)).error
    assert (error.kind, error.field) == ("user", "data.train.http.url")
    assert "404" in error.message
