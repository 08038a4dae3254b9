from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from verbatim.catalog import Catalog
from verbatim.channels import FileSource
from verbatim.checkpoints import Checkpoints
from verbatim.documents import FileRef
from verbatim.errors import ContractError, NotFound
from verbatim.gates import GateResult
from verbatim.manifest import ModelVersion
from verbatim.metrics import MetricPoint, MetricSummary
from verbatim.record import latest_results, metric_points, run_record
from verbatim.request import Evaluation
from verbatim.spec import Image, PinnedChannel, PinnedCode, PinnedModel, RunSpec
from verbatim.stage import (
    CodeRef,
    Entry,
    EnvironmentRef,
    EvaluateOutputs,
    ExtractOutputs,
    Outputs,
    PinOutputs,
    PrepareOutputs,
    PromoteOutputs,
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
from verbatim.store import LiveWriter, Store, layout

if TYPE_CHECKING:
    from pathlib import Path

RUN = "churn-20261120T042010-9f3c1a"
START = datetime(2026, 11, 20, 4, 20, 10, tzinfo=UTC)
A, B, C, D = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)
MODEL_FILE = FileRef(path="model.pkl", size=7, sha256=A)
LOG = FileRef(path="train.log", size=3, sha256=B)

SPEC = RunSpec(
    experiment="churn",
    code=PinnedCode(kind="git", url="https://git.example/churn.git", ref="main", commit="1" * 40),
    command=None,
    parameters={"epochs": 5},
    data={"train": PinnedChannel(source=FileSource(uri="file:///lake/"), as_of=START)},
    as_of=START,
    validation={},
    metrics=(),
    evaluation=Evaluation(),
    gates=(),
    model=PinnedModel(name="churn"),
    promotion="auto",
    resources={},
    environment={},
    seed=42,
    retention={},
    image=Image(reference="verbatim-runner:latest", digest="sha256:1"),
    platform_version="0.1.0",
)

OUTPUTS: dict[StageName, Outputs] = {
    "pin": PinOutputs(spec_digest=SPEC.content_digest()),
    "extract": ExtractOutputs(snapshots={"train": SnapshotRef(digest=C, document=C, files=2, bytes=90, rows=12)}),
    "prepare": PrepareOutputs(
        code=CodeRef(digest=D, bytes=10240, commit="1" * 40, files=3),
        environment=EnvironmentRef(
            lock_digest=B, lock_bytes=30, python="3.11.2", packages=4, declared_by="requirements.txt", cached=False
        ),
        entry=Entry(argv=("python", "train.py"), appends_parameters=True, found_by="train.py"),
    ),
    "validate": ValidateOutputs(results={}),
    "train": TrainOutputs(
        command=("python", "train.py"),
        metrics={"auc": MetricSummary(last=0.9, min=0.5, max=0.9, count=5),
                 "loss": MetricSummary(last=math.nan, min=1, max=2, count=5)},
        points=10, model=(MODEL_FILE,), artifacts=(LOG,), log=LOG,
        usage=Usage(duration_s=1.5, cpu_s=1.2, peak_memory_bytes=1000),
    ),
    "evaluate": EvaluateOutputs(
        metrics={"auc": 0.9, "holdout": math.inf},
        gates=(GateResult(metric="auc", condition="auc >= 0.8", value=0.9, passed=True, reason="auc is 0.9"),
               GateResult(metric="loss", condition="loss <= 1", value=math.nan, passed=False, reason="nan")),
        passed=False,
    ),
    "register": RegisterOutputs(name="churn", version=1, digest=C, status="candidate"),
    "promote": PromoteOutputs(alias="champion", reason="all gates passed"),
}  # fmt: skip

MODEL = ModelVersion(
    name="churn", version=1, run_id=RUN, spec_digest=SPEC.content_digest(), digest=C, files=(MODEL_FILE,),
    status="candidate", metrics={}, gates=(), destination=None, created_at=START,
)  # fmt: skip


class Books:
    """A store and a catalog with one run in them, written as the platform writes it."""

    def __init__(self, home: Path) -> None:
        self.store = Store(f"file://{home}/store")
        self.catalog = Catalog(f"sqlite:///{home}/catalog.db")
        self.catalog.migrate()
        self.catalog.start_run(RUN, "churn", actor="ada", origin={"dag_id": "train"}, engine="docker")

    def pin(self) -> None:
        self.store.publish(layout.spec(RUN), SPEC)
        self.catalog.update_run(RUN, spec_digest=SPEC.content_digest())

    def ask(self, stage: StageName, try_number: int = 1) -> None:
        request = StageRequest(
            run_id=RUN, stage=stage, try_number=try_number, spec=SPEC,
            store_url=self.store.url, engine="docker", cache_dir="/cache",
        )  # fmt: skip
        self.store.publish(layout.stage_request(RUN, stage, try_number), request)

    def answer(self, stage: StageName, try_number: int = 1, error: StageError | None = None, **more: Any) -> None:
        result = StageResult(
            run_id=RUN, stage=stage, try_number=try_number, state="failed" if error else "succeeded",
            started_at=START, finished_at=START + timedelta(seconds=2.5), engine="docker", error=error,
            **{"outputs": None if error else OUTPUTS[stage], **more},
        )  # fmt: skip
        self.store.publish(layout.stage_result(RUN, stage, try_number), result)

    def report(self, try_number: int, **metrics: float) -> None:
        writer = LiveWriter(self.store, layout.metrics_prefix(RUN), try_number, "jsonl")
        for name, value in metrics.items():
            writer.write(MetricPoint(name=name, value=value, time=1.0, source="text").canonical() + b"\n")
        writer.flush()

    def record(self) -> dict[str, Any]:
        record = run_record(self.store, self.catalog, RUN)
        json.dumps(record, allow_nan=False)
        return record


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(tmp_path)


def test_a_finished_run_has_a_full_record(books: Books) -> None:
    books.pin()
    for stage in OUTPUTS:
        books.answer(stage, warnings=(f"{stage} took long",))
    version = books.catalog.allot_version("churn", RUN)
    books.catalog.commit_version("churn", version, digest=C, status="candidate")
    books.catalog.set_alias("churn", "champion", version, actor="ada", reason="auto")
    books.store.publish(layout.model("churn", version), MODEL)
    books.catalog.update_run(RUN, status="succeeded", stage="promote")

    record = books.record()

    assert (record["run_id"], record["experiment"], record["status"]) == (RUN, "churn", "succeeded")
    assert record["engine"] == "docker"
    assert record["spec_digest"] == SPEC.content_digest()
    assert list(record["stages"]) == list(OUTPUTS)
    assert record["stages"]["train"]["state"] == "succeeded"
    assert record["stages"]["train"]["duration_s"] == 2.5
    assert record["metrics"] == {"auc": 0.9, "holdout": "Infinity", "loss": "NaN"}
    assert [(gate["passed"], gate["value"]) for gate in record["gates"]] == [(True, 0.9), (False, "NaN")]
    assert record["model"] | {"files": None} == {
        "name": "churn", "version": 1, "digest": C, "status": "candidate", "destination": None, "delete_after": None,
        "aliases": ["champion"], "files": None,
    }  # fmt: skip
    assert record["model"]["files"] == [{"path": "model.pkl", "size": 7, "sha256": A}]
    assert record["code"]["url"] == "https://git.example/churn.git"
    assert (record["code"]["commit"], record["code"]["digest"]) == ("1" * 40, D)
    assert {"path": "environment/requirements.lock", "size": 30, "sha256": B} in record["artifacts"]
    assert (record["environment"]["lock_digest"], record["environment"]["python"]) == (B, "3.11.2")
    train = record["data"]["train"]
    assert (train["digest"], train["rows"], train["files"], train["bytes"]) == (C, 12, 2, 90)
    assert train["source"] == {"uri": "file:///lake/"}
    assert record["promotion"] == {"asked": "auto", "did": {"alias": "champion", "reason": "all gates passed"}}
    assert "train took long" in record["warnings"]
    assert record["error"] is None


def test_a_run_that_never_got_past_its_pin_has_a_record(books: Books) -> None:
    books.answer("pin", error=StageError(kind="user", message="The conf has 1 problem"))
    books.catalog.update_run(RUN, status="failed", stage="pin", error="The conf has 1 problem")
    record = books.record()
    assert (record["status"], record["error"]) == ("failed", "The conf has 1 problem")
    assert record["stages"]["pin"]["error"]["kind"] == "user"
    assert (record["code"], record["environment"], record["data"], record["model"]) == (None, None, {}, None)
    assert (record["metrics"], record["gates"], record["spec_digest"]) == ({}, [], None)


def test_a_run_that_goes_on_shows_what_runs_and_the_metrics_so_far(books: Books) -> None:
    books.pin()
    books.answer("pin")
    books.ask("train")
    books.report(1, loss=2.0)
    books.report(1, loss=math.nan, auc=0.7)
    record = books.record()
    assert record["status"] == "running"
    assert record["stages"]["train"] == {"state": "running", "duration_s": None, "try_number": 1, "error": None}
    assert record["metrics"] == {"auc": 0.7, "loss": "NaN"}
    assert record["data"]["train"]["digest"] is None
    assert record["code"]["digest"] is None


def test_what_the_code_said_of_its_run_and_left_on_its_way_is_in_the_record(books: Books) -> None:
    books.pin()
    so_far = Checkpoints(try_number=1, files=(MODEL_FILE,), updated_at=START)
    books.store.overwrite(layout.checkpoints(RUN), so_far.canonical())
    assert books.record()["checkpoints"] == [{"path": "model.pkl", "size": 7, "sha256": A}]
    said = {"resumed_from": "try 1", "reported_parameters": {"depth": "3"}, "tags": {"team": "risk"}}
    trained = OUTPUTS["train"].model_copy(update={"checkpoints": (LOG,), **said})
    books.answer("train", outputs=trained)
    record = books.record()
    assert [file["path"] for file in record["checkpoints"]] == ["train.log"]
    assert {name: record[name] for name in said} == said


def test_a_stage_that_is_tried_again_runs_and_one_whose_run_ended_is_lost(books: Books) -> None:
    books.pin()
    books.ask("extract", 1)
    books.answer("extract", 1, error=StageError(kind="platform", message="store unreachable"))
    assert books.record()["stages"]["extract"]["state"] == "failed"
    books.ask("extract", 2)
    assert books.record()["stages"]["extract"]["state"] == "running"
    books.catalog.update_run(RUN, status="cancelled")
    assert books.record()["stages"]["extract"]["state"] == "lost"


def test_the_latest_try_counts_also_beyond_the_ninth(books: Books) -> None:
    for number in range(1, 11):
        books.ask("extract", number)
        books.answer("extract", number, error=StageError(kind="platform", message=f"try {number}"))
    books.answer("extract", 11)
    assert latest_results(books.store, RUN)["extract"].try_number == 11


def test_results_come_in_the_order_of_the_stages(books: Books) -> None:
    for stage in reversed(OUTPUTS):
        books.answer(stage)
    assert list(latest_results(books.store, RUN)) == list(OUTPUTS)
    assert latest_results(books.store, "nobody") == {}


def test_a_garbled_result_is_a_contract_error(books: Books) -> None:
    books.store.overwrite(layout.stage_result(RUN, "train", 1), b'{"state": "succ')
    with pytest.raises(ContractError, match=r"stages/train/1\.json"):
        books.record()


def test_metric_points_are_those_of_the_latest_try(books: Books) -> None:
    books.report(1, loss=3.0, auc=0.1)
    books.report(2, loss=1.0, auc=0.9)
    assert [(point.name, point.value) for point in metric_points(books.store, RUN)] == [("loss", 1.0), ("auc", 0.9)]
    assert list(metric_points(books.store, "nobody")) == []


def test_a_run_that_is_not_there_is_not_found(books: Books) -> None:
    with pytest.raises(NotFound):
        run_record(books.store, books.catalog, "nobody")
