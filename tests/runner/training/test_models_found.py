"""Where a model is found that is not in the model directory, and what else is kept of what a training leaves."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from verbatim_runner.mlflow_store import LoggedModel, MlflowRecord
from verbatim_runner.stages import train
from verbatim_runner.training import loose_files
from verbatim_runner.training.model_files import looks_like_model

if TYPE_CHECKING:
    from pathlib import Path

WRITES = """
import os, pathlib, sys
def write(*names, text="weights"):
    for name in names:
        path = pathlib.Path(name).expanduser()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
"""


def writes(*names: str) -> str:
    """Return a training that writes these files."""
    return f"{WRITES}\nwrite(*{names!r})\n"


def artifacts(outputs) -> set[str]:
    """Return the artifacts, without the platform's own."""
    return {file.path for file in outputs.artifacts if not file.path.startswith("tensorboard/")}


def model(result) -> list[str]:
    assert result.error is None, result.error
    return [file.path for file in result.outputs.model]


@pytest.mark.parametrize(
    ("left", "found"),
    [
        (["runs/20261120-0700/model.pt"], ["model.pt"]),
        (["~/fitted.joblib"], ["fitted.joblib"]),
        (
            ["saved/1/saved_model.pb", "saved/1/variables/variables.index"],
            ["saved_model.pb", "variables/variables.index"],
        ),
        (
            ["bert/config.json", "bert/model.safetensors", "bert/tokenizer.json"],
            ["config.json", "model.safetensors", "tokenizer.json"],
        ),
        (["churn/MLmodel", "churn/model.pkl", "churn/conda.yaml"], ["MLmodel", "conda.yaml", "model.pkl"]),
        (
            ["models/model.pkl", "models/scaler.pkl", "models/features.json"],
            ["features.json", "model.pkl", "scaler.pkl"],
        ),
        (["checkpoints/1.pt", "checkpoints/2.pt", "best.pt"], ["best.pt"]),
        (["data/cached.pkl", "final.pkl"], ["final.pkl"]),
        (["checkpoints/1.pt", "checkpoints/2.pt"], ["1.pt", "2.pt"]),
        (["mlruns/0/abc/artifacts/model.pkl", "model.pkl"], ["model.pkl"]),
        (["model.pkl.gz", "results.csv.gz"], ["model.pkl.gz"]),
    ],
)
def test_a_model_is_found_wherever_it_is_left(trainings, left, found):
    result = trainings.run(writes(*left))
    assert model(result) == found
    assert "looks like the model and was taken" in result.warnings[0]


@pytest.mark.parametrize(
    ("left", "found"),
    [
        (["a.pkl", "b.pkl"], ["a.pkl", "b.pkl"]),
        (["out/a.pkl", "out/b.pkl", "out/plot.png"], ["a.pkl", "b.pkl"]),
        (["one/a.pkl", "b.pkl"], ["b.pkl", "one/a.pkl"]),
        (["old/a.pkl", "old/b.pkl"], ["a.pkl", "b.pkl"]),
    ],
)
def test_several_that_lie_in_no_directory_of_their_own_are_all_kept_with_the_line_that_decides(trainings, left, found):
    result = trainings.run(writes(*left), files={"old/notes.txt": "from before"})
    assert model(result) == found
    assert "2 things look like the model; all were taken: source/" in result.warnings[0]
    assert '"model": {"path": ' in result.warnings[0]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("exports/a.onnx", ["a.onnx"]),
        ("exports", ["a.onnx", "labels.csv"]),
        ("exports/*", ["a.onnx", "labels.csv"]),
        ("runs/*/best.pt", ["best.pt"]),
        (".", None),
    ],
)
def test_the_conf_decides_where_the_model_is(trainings, path, found):
    script = writes("exports/a.onnx", "exports/labels.csv", "runs/7/best.pt", "$VERBATIM_MODEL_DIR/no.pt")
    names = model(trainings.run(script, conf={"model": {"path": path}}))
    assert found in (names, None)


def test_a_place_that_the_training_wrote_nothing_to_is_no_model(trainings):
    script, files = writes("b.pkl"), {"pretrained/a.pkl": "from before"}
    result = trainings.run(script, files=files, conf={"model": {"path": "pretrained"}})
    assert result.error.field == "model.path"
    assert "the training did not write it" in result.error.message
    assert "these look like models: source/b.pkl" in result.error.message
    result = trainings.run(script, conf={"model": {"path": "nowhere/*.pt"}})
    assert "is nothing that the training left" in result.error.message


def test_a_named_place_that_leads_out_of_the_run_is_no_model(trainings, tmp_path):
    (tmp_path / "secret.pkl").write_text("secret")
    script = f"import os; os.symlink({str(tmp_path)!r}, 'exports')"
    result = trainings.run(script, conf={"model": {"path": "exports/secret.pkl"}})
    assert result.error.field == "model.path"


def logs(monkeypatch, *models: tuple[str, str, bool]) -> None:
    """Have the training's MLflow stores hold these models: name, directory in the project, nested."""

    def read(training) -> None:
        training.mlflow = MlflowRecord(
            models=tuple(
                LoggedModel(name, training.project / path, run="r", nested=nested, logged_at=number)
                for number, (name, path, nested) in enumerate(models)
            ),
            artifacts=(("plots/roc.png", training.project / "art/roc.png"), ("tables", training.project / "tables")),
        )

    read.__name__ = "read_stores"
    steps = list(train.STEPS)
    steps.insert(next(number for number, step in enumerate(steps) if step.__name__ == "collect_model"), read)
    monkeypatch.setattr(train, "STEPS", tuple(steps))


def test_the_last_model_that_a_run_logged_through_mlflow_is_the_model(trainings, monkeypatch):
    logs(monkeypatch, ("model", "m/1", False), ("model", "m/2", False), ("model", "m/3", True))
    result = trainings.run(writes("m/1/MLmodel", "m/2/MLmodel", "m/2/model.pkl", "m/3/MLmodel"))
    assert model(result) == ["MLmodel", "model.pkl"]
    assert result.warnings == ()
    logs(monkeypatch, ("forest", "m/1", False), ("tree", "m/2", False))
    result = trainings.run(writes("m/1/MLmodel", "m/2/MLmodel"))
    assert "'tree' that was logged through MLflow was taken, the newest of forest, tree" in result.warnings[0]


def test_what_was_logged_through_mlflow_is_kept_under_its_name(trainings, monkeypatch):
    logs(monkeypatch)
    outputs = trainings.succeed(writes("art/roc.png", "tables/a.csv", "mlruns/0/meta.yaml"))
    assert artifacts(outputs) == {"mlflow/plots/roc.png", "mlflow/tables/a.csv"}


def test_new_files_beside_the_code_are_kept_and_old_ones_and_data_are_not(trainings):
    files = {"notes.txt": "from before", "rewritten.csv": "from before"}
    script = textwrap.dedent(writes("plot.png", "rewritten.csv", "deep/table.csv", "data/raw.bin", ".cache/x", "m.db"))
    outputs = trainings.succeed(script, files=files)
    assert artifacts(outputs) == {
        "files/plot.png",
        "files/rewritten.csv",
        "files/deep/table.csv",
    }


def test_beyond_a_limit_the_smallest_files_beside_the_code_are_kept(trainings, monkeypatch, capsys):
    monkeypatch.setattr(loose_files, "MAX_FILES", 2)
    outputs = trainings.succeed(WRITES + 'write("a", text="long"); write("b", "c", text="s")')
    assert artifacts(outputs) == {"files/b", "files/c"}
    assert "1 files that the training left beside its code are not kept, such as a" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("x.PKL", "", True),
        ("x.joblib.z", "", True),
        ("x.tar.gz", "", False),
        ("x.json", '{ "learner": {}}', True),
        ("x.json", "{}", False),
        ("x.txt", "tree\nversion=v4", True),
        ("x.csv", "tree\nversion=v4", False),
    ],
)
def test_a_models_file_is_known_by_its_name_or_its_beginning(
    tmp_path: Path, name: str, text: str, expected: bool
) -> None:
    (tmp_path / name).write_text(text)
    assert looks_like_model(tmp_path / name) is expected
