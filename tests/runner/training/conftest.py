"""Runs real trainings through the train stage: a project, an empty lock, data, over a local store."""

from __future__ import annotations

import json
import platform
import textwrap
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from verbatim.channels import FileSource
from verbatim.documents import now, tree_digest
from verbatim.metrics import MetricPoint
from verbatim.snapshot import DatasetSnapshot, SourceObject
from verbatim.stage import (
    CodeRef,
    Entry,
    EnvironmentRef,
    ExtractOutputs,
    Outputs,
    PrepareOutputs,
    SnapshotRef,
    StageName,
    StageRequest,
    StageResult,
    TrainOutputs,
)
from verbatim.store import LiveReader, Store, layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


class Ground(Protocol):
    """What the runner's tests share; see the conftest above."""

    root: Path
    store: Store

    def store_directory(self, directory: Path) -> Any: ...
    def request(
        self, stage: StageName, conf: Any = None, code: Any = None, *, inputs: Any = None, try_number: int = 1
    ) -> StageRequest: ...
    def run(self, request: StageRequest) -> StageResult: ...
    def context(self, request: StageRequest) -> Any: ...


@dataclass(frozen=True)
class Trainings:
    """Makes train requests and runs them."""

    ground: Ground
    write_tree: Callable[[dict[str, str]], Path]
    tries: Iterator[int] = field(default_factory=lambda: count(1))

    def request(
        self,
        script: str = "",
        *,
        conf: Mapping[str, Any] | None = None,
        argv: tuple[str, ...] = ("python", "train.py"),
        files: Mapping[str, str] | None = None,
        data: Mapping[str, Mapping[str, str]] | None = None,
    ) -> StageRequest:
        """Return a request to run ``train.py`` with this text; ``data`` is channel to file to content."""
        project = self.write_tree({"train.py": textwrap.dedent(script), **(files or {})})
        code = self.ground.store_directory(project)
        conf = {**(conf or {}), "data": {channel: {"file": {"uri": "file:///somewhere/"}} for channel in data or {}}}
        assert code.digest is not None
        prepared = PrepareOutputs(
            code=CodeRef(digest=code.digest, bytes=0, commit=None, files=len(files or {}) + 1),
            environment=EnvironmentRef(
                lock_digest=self.ground.store.put_bytes(b"", "lock").sha256, python=platform.python_version(),
                packages=0, declared_by="nothing", cached=False,
            ),
            entry=Entry(argv=argv, appends_parameters=True, found_by="the test"),
        )  # fmt: skip
        inputs = {"prepare": _done("prepare", prepared), "extract": _done("extract", self._extracted(data or {}))}
        return self.ground.request("train", conf, code, inputs=inputs, try_number=next(self.tries))

    def run(self, script: str = "", **options: Any) -> StageResult:
        """Run a training to its end."""
        return self.ground.run(self.request(script, **options))

    def succeed(self, script: str = "", **options: Any) -> TrainOutputs:
        """Run a training that makes no model and must succeed; return what it made."""
        options["conf"] = {"model": None, **options.get("conf", {})}
        result = self.run(script, **options)
        assert result.error is None, result.error
        assert isinstance(result.outputs, TrainOutputs)
        return result.outputs

    def points(self) -> list[MetricPoint]:
        """Return all points in the store."""
        prefix = layout.metrics_prefix("churn-20260102T030405-abcdef")
        lines = b"".join(LiveReader(self.ground.store, prefix).read_new()).splitlines()
        return [MetricPoint.parse(line, source="metrics") for line in lines]

    def artifacts(self, outputs: TrainOutputs) -> list[str]:
        """Return the artifacts' names, but that of the run's own event file."""
        return [file.path for file in outputs.artifacts if not file.path.startswith("tensorboard/verbatim/")]

    def seen(self, outputs: TrainOutputs) -> Any:
        """Return what the training printed as JSON on its last line."""
        return json.loads(self.log(outputs).splitlines()[-1])

    def log(self, outputs: TrainOutputs) -> str:
        """Return the stored log."""
        return self.ground.store.get_blob(outputs.log.sha256).decode()

    def _extracted(self, data: Mapping[str, Mapping[str, str]]) -> ExtractOutputs:
        return ExtractOutputs(snapshots={channel: self._snapshot(files) for channel, files in data.items()})

    def _snapshot(self, files: Mapping[str, str]) -> SnapshotRef:
        refs = tuple(self.ground.store.put_bytes(content.encode(), name) for name, content in sorted(files.items()))
        snapshot = DatasetSnapshot(
            source=FileSource(uri="file:///somewhere/"), as_of=now(), files=refs,
            objects=tuple(SourceObject(path=ref.path, size=ref.size, modified_at=now()) for ref in refs),
        )  # fmt: skip
        document = self.ground.store.put_bytes(snapshot.canonical(), "snapshot").sha256
        return SnapshotRef(
            digest=tree_digest(refs), document=document, files=len(refs), bytes=sum(ref.size for ref in refs)
        )


def _done(stage: StageName, outputs: Outputs) -> StageResult:
    return StageResult(
        run_id="churn-20260102T030405-abcdef", stage=stage, try_number=1, state="succeeded", started_at=now(),
        finished_at=now(), engine="process", outputs=outputs,
    )  # fmt: skip


@pytest.fixture
def trainings(ground: Ground, write_tree: Callable[[dict[str, str]], Path]) -> Trainings:
    return Trainings(ground, write_tree)
