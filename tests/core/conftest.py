"""Runs without Airflow and without a runner: the books as the platform keeps them, and results as stages write them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from verbatim.catalog import Catalog
from verbatim.documents import FileRef, now
from verbatim.errors import GateFailed, VerbatimError
from verbatim.lifecycle import RunLifecycle
from verbatim.manifest import ModelVersion
from verbatim.metrics import MetricSummary
from verbatim.settings import PlatformSettings
from verbatim.spec import Image
from verbatim.stage import (
    CodeRef,
    Entry,
    EnvironmentRef,
    EvaluateOutputs,
    ExtractOutputs,
    Outputs,
    PrepareOutputs,
    RegisterOutputs,
    SnapshotRef,
    StageError,
    StageName,
    StageRequest,
    StageResult,
    TrainOutputs,
    Usage,
    ValidateOutputs,
)
from verbatim.store import Store, layout

if TYPE_CHECKING:
    from pathlib import Path

MOMENT = datetime(2026, 11, 20, 4, 20, 10, tzinfo=UTC)
DIGEST = "c" * 64
MODEL_FILE = FileRef(path="model.pkl", size=7, sha256="a" * 64)


@dataclass
class Bench:
    """One platform on one machine, with code and data that its confs may name."""

    root: Path
    lifecycle: RunLifecycle
    conf: dict[str, Any] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        return self.lifecycle.store

    @property
    def catalog(self) -> Catalog:
        return self.lifecycle.catalog

    def pin(self, run_id: str = "churn-1", try_number: int = 1, **conf: Any) -> StageResult:
        return self.lifecycle.pin(
            self.conf | conf,
            run_id=run_id,
            try_number=try_number,
            image=Image(reference="verbatim-runner:latest", digest="sha256:1"),
            engine="docker",
            actor="ada",
            origin={"dag_id": "train"},
            moment=MOMENT,
        )

    def ask(self, stage: StageName, run_id: str = "churn-1", try_number: int = 1) -> StageRequest:
        return self.lifecycle.stage_request(
            run_id, stage, try_number, engine="docker", store_url="file:///verbatim/store", cache_dir="/verbatim/cache"
        )

    def answer(self, request: StageRequest, error: VerbatimError | None = None) -> StageResult:
        """Write the result that the runner would, and let the books be kept."""
        failed_without_outputs = error and not isinstance(error, GateFailed)
        result = StageResult(
            run_id=request.run_id,
            stage=request.stage,
            try_number=request.try_number,
            state="failed" if error else "succeeded",
            started_at=MOMENT,
            finished_at=now(),
            engine=request.engine,
            error=StageError.of(error) if error else None,
            outputs=None if failed_without_outputs else self._made(request, passed=error is None),
        )
        self.store.publish(layout.stage_result(request.run_id, request.stage, request.try_number), result)
        read = self.lifecycle.result_of(request)
        self.lifecycle.finish(read)
        return read

    def go_to(self, last: StageName, run_id: str = "churn-1", gate: GateFailed | None = None, **conf: Any) -> None:
        """Bring a run through its stages up to and with one of them."""
        self.pin(run_id, **conf)
        for stage in ("extract", "prepare", "validate", "train", "evaluate", "register"):
            request = self.ask(stage, run_id)
            if not self.lifecycle.not_needed(request):
                self.answer(request, gate if stage == "evaluate" else None)
            if stage == last:
                break

    def _made(self, request: StageRequest, *, passed: bool) -> Outputs:
        snapshot = SnapshotRef(digest=DIGEST, document=DIGEST, files=2, bytes=90, rows=12)
        environment = EnvironmentRef(
            lock_digest=DIGEST, python="3.11.2", packages=4, declared_by="requirements.txt", cached=False
        )
        made: dict[StageName, Outputs] = {
            "extract": ExtractOutputs(snapshots=dict.fromkeys(request.spec.data, snapshot)),
            "prepare": PrepareOutputs(
                code=CodeRef(digest=DIGEST, bytes=10240, commit=None, files=3),
                environment=environment,
                entry=Entry(argv=("python", "train.py"), appends_parameters=True, found_by="train.py"),
            ),
            "validate": ValidateOutputs(results={}),
            "train": TrainOutputs(
                command=("python", "train.py"),
                metrics={"auc": MetricSummary(last=0.9, min=0.5, max=0.9, count=5)},
                points=5,
                model=(MODEL_FILE,),
                artifacts=(),
                log=FileRef(path="train.log", size=3, sha256=DIGEST),
                usage=Usage(duration_s=1.5, cpu_s=1.2, peak_memory_bytes=1000),
            ),
            "evaluate": EvaluateOutputs(metrics={"auc": 0.9}, gates=(), passed=passed),
        }
        if request.stage == "register":
            return self._registered(request)
        return made[request.stage]

    def _registered(self, request: StageRequest) -> RegisterOutputs:
        evaluated = request.inputs["evaluate"].outputs
        assert isinstance(evaluated, EvaluateOutputs)
        status = "candidate" if evaluated.passed else "rejected"
        name, version = request.spec.model.name, request.model_version
        document = ModelVersion(
            name=name, version=version, run_id=request.run_id, spec_digest=request.spec.content_digest(), digest=DIGEST,
            files=(MODEL_FILE,), status=status, metrics={}, gates=(), destination=None, created_at=MOMENT,
        )  # fmt: skip
        self.store.publish(layout.model(name, version), document)
        return RegisterOutputs(name=name, version=version, digest=DIGEST, status=status)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    code, data = tmp_path / "churn", tmp_path / "lake"
    code.mkdir()
    data.mkdir()
    (code / "train.py").write_text("print(1)\n")
    settings = PlatformSettings(
        store_url=f"file://{tmp_path}/store",
        catalog_url=f"sqlite:///{tmp_path}/catalog.db",
        cache_dir=str(tmp_path / "cache"),
        files={"read": (str(tmp_path),), "write": ()},
    )
    catalog = Catalog(settings.catalog_url)
    catalog.migrate()
    conf = {"code": str(code), "data": {"train": {"file": {"uri": f"file://{data}/"}}}}
    return Bench(tmp_path, RunLifecycle(Store(settings.store_url), catalog, settings), conf)
