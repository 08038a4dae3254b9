"""docs/extending.md says what works: its step, taken from its text, is added by one line and does what it says."""

from __future__ import annotations

import importlib.util
import re
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from answering import answering

from verbatim_runner.stages import train

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[3] / "docs/extending.md"
RUN = "churn-20260102T030405-abcdef"


@pytest.fixture
def send_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The page's step as a module, in the list after the step that the page names."""
    section = PAGE.read_text().partition("## A step of training")[2]
    block = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    line = re.search(r"in `STEPS`, after `(\w+)`, the line `(\w+),`", section)
    assert block
    assert line
    (tmp_path / "send_log.py").write_text(block[1])
    spec = importlib.util.spec_from_file_location("send_log", tmp_path / "send_log.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "send_log", module)
    spec.loader.exec_module(module)
    steps = list(train.STEPS)
    steps.insert([step.__name__ for step in steps].index(line[1]) + 1, getattr(module, line[2]))
    monkeypatch.setattr(train, "STEPS", tuple(steps))
    return module


@pytest.fixture
def log_server() -> Iterator[tuple[str, dict[str, bytes]]]:
    """A server that takes files, its URL and what it was given."""
    given: dict[str, bytes] = {}

    class Server(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            given[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Server) as server, answering(server):
        yield f"http://127.0.0.1:{server.server_port}", given


@pytest.mark.parametrize("script", ["print('so far')", "print('so far'); 1 / 0"])
def test_the_pages_step_sends_the_log_of_any_training(trainings, send_log, log_server, script):
    send_log.SERVER, given = log_server
    result = trainings.run(script, conf={"model": None})
    assert given == {f"/{RUN}": trainings.log(result.outputs).encode()}
    assert given[f"/{RUN}"].startswith(b"so far\n")


def test_the_pages_step_only_warns_where_no_server_answers(trainings, send_log):
    send_log.SERVER = "http://127.0.0.1:1"
    result = trainings.run("pass", conf={"model": None})
    assert result.error is None
    assert f"the log could not be sent to http://127.0.0.1:1/{RUN}" in result.warnings[0]
