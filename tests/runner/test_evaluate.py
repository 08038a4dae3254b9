"""evaluate: gates, and a real evaluation command."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import pytest

from verbatim.documents import FileRef, now
from verbatim.metrics import MetricSummary
from verbatim.stage import (
    CodeRef,
    Entry,
    EnvironmentRef,
    EvaluateOutputs,
    Outputs,
    PrepareOutputs,
    StageResult,
    TrainOutputs,
    Usage,
)

if TYPE_CHECKING:
    from runner.conftest import Ground


def finished(outputs: Outputs) -> StageResult:
    return StageResult(
        run_id="churn-20260102T030405-abcdef", stage=outputs.stage, try_number=1, state="succeeded", started_at=now(),
        finished_at=now(), engine="process", outputs=outputs,
    )  # fmt: skip


def trained(metrics: dict[str, float], model: tuple[FileRef, ...] = ()) -> StageResult:
    summaries = {name: MetricSummary(last=value, min=None, max=None, count=1) for name, value in metrics.items()}
    usage = Usage(duration_s=1, cpu_s=1, peak_memory_bytes=1)
    log = FileRef(path="train.log", size=0, sha256="0" * 64)
    return finished(TrainOutputs(
        command=("python",), metrics=summaries, points=1, model=model, artifacts=(), log=log, usage=usage,
    ))  # fmt: skip


def evaluate(ground: Ground, metrics: dict[str, float], gates: list[dict]) -> StageResult:
    return ground.run(ground.request("evaluate", {"gates": gates}, inputs={"train": trained(metrics)}))


def test_metrics_that_meet_their_gates_pass(ground):
    result = evaluate(
        ground, {"auc": 0.9, "loss": 0.1}, [{"metric": "auc", "min": 0.9}, {"metric": "loss", "max": 0.2}]
    )
    assert isinstance(result.outputs, EvaluateOutputs)
    assert result.outputs.passed
    assert [gate.condition for gate in result.outputs.gates] == ["auc >= 0.9", "loss <= 0.2"]


def test_every_failed_gate_is_named_and_the_verdict_is_kept(ground):
    gates = [
        {"metric": "auc", "min": 0.9},
        {"metric": "nan", "min": 0},
        {"metric": "ok", "min": 0},
    ]
    result = evaluate(ground, {"auc": 0.5, "nan": float("nan"), "ok": 1}, gates)
    assert result.error.kind == "gate"
    assert result.error.message.startswith("2 gates were not met: auc >= 0.9 (auc is 0.5, below the minimum 0.9); ")
    assert "nan is nan, which never passes" in result.error.message
    assert [gate.passed for gate in result.outputs.gates] == [False, False, True]


def test_a_gate_on_a_metric_never_reported_is_a_fault_of_the_conf(ground):
    result = evaluate(ground, {"auc": 0.9}, [{"metric": "auc", "min": 0.5}, {"metric": "ouc", "min": 0.5}])
    assert (result.error.kind, result.error.field) == ("user", "gates.1.metric")
    assert result.error.message == "ouc was never reported; metrics that were: auc"
    assert [gate.passed for gate in result.outputs.gates] == [True, False]


@pytest.fixture
def evaluate_with(ground: Ground, write_tree):
    """Run an evaluation script on a model of one file, in an environment without packages."""

    def call(script: str, gates: list[dict], **conf: object) -> StageResult:
        lake = write_tree({"test.csv": "x\n1\n"})
        code = ground.store_directory(write_tree({"evaluate.py": script}))
        conf = {"data": {"test": {"file": {"uri": f"file://{lake}/"}}}, "gates": gates,
                "evaluation": {"command": "python evaluate.py"}, **conf}  # fmt: skip
        lock = ground.store.put_bytes(b"", "lock").sha256
        prepared = PrepareOutputs(
            code=CodeRef(digest=code.digest, bytes=1, commit=None, files=1),
            environment=EnvironmentRef(
                lock_digest=lock, python=platform.python_version(), packages=0, declared_by="imports", cached=False
            ),
            entry=Entry(argv=("python", "train.py"), appends_parameters=True, found_by="test"),
        )
        model = ground.store.put_bytes(b"weights", "model.bin")
        inputs = {
            "extract": ground.run(ground.request("extract", conf, code)),
            "prepare": finished(prepared),
            "train": trained({"auc": 0.5, "loss": 0.1}, (model,)),
        }
        return ground.run(ground.request("evaluate", conf, code, inputs=inputs))

    return call


SCRIPT = """
import json, os, pathlib
model = pathlib.Path(os.environ["VERBATIM_MODEL_DIR"], "model.bin").read_text()
rows = len(list(pathlib.Path(os.environ["VERBATIM_CHANNEL_TEST"]).glob("*.csv")))
report = {"auc": 0.95 if model == "weights" else 0.0, "files": rows}
pathlib.Path(os.environ["VERBATIM_OUTPUT_DIR"], "metrics.json").write_text(json.dumps(report))
"""


def test_the_commands_metrics_come_before_trainings(evaluate_with):
    result = evaluate_with(SCRIPT, [{"metric": "auc", "min": 0.9}])
    assert isinstance(result.outputs, EvaluateOutputs), result.error
    assert result.outputs.metrics == {"auc": 0.95, "loss": 0.1, "files": 1}
    assert [file.path for file in result.outputs.artifacts] == ["evaluation/data/metrics.json"]


@pytest.mark.parametrize(("script", "said"), [
    ("raise ValueError('no such model')", "no such model"),
    ("print('nothing')", "metrics.json"),
])  # fmt: skip
def test_a_command_that_fails_or_says_nothing_is_the_users_fault(evaluate_with, script, said):
    result = evaluate_with(script, [{"metric": "loss", "max": 1}])
    assert (result.error.kind, result.error.field) == ("user", "evaluation.command")
    assert said in result.error.message


def test_an_output_directory_that_became_a_link_is_the_users_fault(evaluate_with, tmp_path):
    (tmp_path / "elsewhere/data").mkdir(parents=True)
    (tmp_path / "elsewhere/data/metrics.json").write_text('{"auc": 1}')
    script = f"""
import os, pathlib, shutil
output = pathlib.Path(os.environ["VERBATIM_OUTPUT_DIR"]).parent
shutil.rmtree(output)
output.symlink_to({str(tmp_path / "elsewhere")!r})
"""
    result = evaluate_with(script, [{"metric": "loss", "max": 1}])
    assert (result.error.kind, result.error.field) == ("user", "evaluation.command")
    assert "metrics.json" in result.error.message
