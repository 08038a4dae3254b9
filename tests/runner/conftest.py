"""Builds stage requests, and runs stages as the runner's command does, over a local store."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from answering import answering
from runner.package_index import PackageIndex, package_index

from verbatim.request import parse_request
from verbatim.spec import Image, PinnedChannel, PinnedCode, PinnedModel, PinnedSuite, RunSpec
from verbatim.stage import StageName, StageRequest, StageResult, StageSecrets
from verbatim.store import Store, layout
from verbatim.tree import pack_tree
from verbatim_runner.console import Console
from verbatim_runner.isolation import Isolation
from verbatim_runner.main import run_stage
from verbatim_runner.stage_context import StageContext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MOMENT = datetime(2100, 1, 1, tzinfo=UTC)
"""The as-of of test runs: after everything that a test makes."""


@dataclass(frozen=True)
class Ground:
    """A directory with a store, a cache and a place for stages to work."""

    root: Path
    store: Store
    cache: Path

    def store_directory(self, directory: Path) -> PinnedCode:
        """Return a plain directory's code, pinned as ``pin`` does."""
        archive = self.root / "code.tar"
        pack_tree(directory, None, archive)
        return PinnedCode(kind="directory", url=str(directory), digest=self.store.put_file(archive).sha256)

    def request(
        self,
        stage: StageName,
        conf: dict[str, Any] | None = None,
        code: PinnedCode | None = None,
        *,
        inputs: dict[StageName, StageResult] | None = None,
        try_number: int = 1,
        model_version: int | None = None,
    ) -> StageRequest:
        """Return a stage request of a run with this conf."""
        asked = parse_request({"code": "/nowhere", "experiment": "churn", **(conf or {})})
        as_of = asked.as_of or MOMENT
        model = asked.model and PinnedModel(
            name=asked.model.name or "churn",
            path=asked.model.path,
            destination=asked.model.destination,
            connection=asked.model.connection,
        )
        spec = RunSpec(
            experiment="churn",
            code=code or PinnedCode(kind="directory", url="/nowhere", digest="0" * 64),
            data={
                name: PinnedChannel(source=channel.source, as_of=as_of, sample=channel.sample)
                for name, channel in asked.data.items()
            },
            as_of=as_of,
            validation={name: PinnedSuite(**suite.model_dump()) for name, suite in asked.validation.items()},
            model=model,
            image=Image(reference="test", digest="sha256:0"),
            platform_version="0",
            **{name: getattr(asked, name) for name in (
                "command", "entry_point", "parameters", "metrics", "evaluation", "gates", "promotion", "resources",
                "environment", "seed", "retention",
            )},
        )  # fmt: skip
        return StageRequest(
            run_id="churn-20260102T030405-abcdef", stage=stage, try_number=try_number, spec=spec, inputs=inputs or {},
            store_url=self.store.url, engine="process", cache_dir=str(self.cache), model_version=model_version,
        )  # fmt: skip

    def run(self, request: StageRequest, secrets: StageSecrets | None = None) -> StageResult:
        """Run a stage in this process and return its published result."""
        given = self.root / "input"
        given.mkdir(exist_ok=True)
        (given / "request.json").write_bytes(request.canonical())
        (given / "secrets.json").write_bytes((secrets or StageSecrets()).in_clear())
        code = run_stage(given, self.root / "work")
        result = self.store.read(layout.stage_result(request.run_id, request.stage, request.try_number), StageResult)
        assert (code == 0) == (result.state == "succeeded")
        return result

    def context(self, request: StageRequest, secrets: StageSecrets | None = None) -> StageContext:
        """Return a stage's context, for what stages share."""
        work = self.root / "work"
        work.mkdir(exist_ok=True)
        given = secrets or StageSecrets()
        return StageContext(request, given, self.store, Console(), Isolation(switches=False), work)


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    """An empty index, which is the only one that packages come from."""
    with package_index() as made:
        monkeypatch.setenv("UV_DEFAULT_INDEX", made.url)
        monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
        yield made


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path, Store(f"file://{tmp_path}/store"), tmp_path / "cache")


@pytest.fixture
def write_tree(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    """Write files into a directory of their own and return it."""

    def write(files: dict[str, str]) -> Path:
        directory = tmp_path / f"tree{len(list(tmp_path.glob('tree*')))}"
        directory.mkdir()
        for name, content in files.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(content)
        return directory

    return write


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """Serve a directory over HTTP; gives its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(directory)))
    with server, answering(server):
        yield f"http://127.0.0.1:{server.server_port}/"


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes, as a full disk does."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write then fails instead
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def commit_all(directory: Path) -> str:
    """Make a directory a git repository, or add to it, and return the new commit."""
    identity = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    identity |= {f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "work"]):
        subprocess.run(["git", *arguments], cwd=directory, check=True, env=os.environ | identity)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=directory, check=True, capture_output=True, text=True)
    return head.stdout.strip()
