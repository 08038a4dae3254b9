"""What real repositories do, each in a small project of ours that does just that, run from its directory alone.

The finer points of each have their tests beside what does it; here all of it meets: pin, prepare and train.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_fixture import Commands

    RunProject = Callable[..., dict[str, Any]]

MLFLOW = """
import mlflow

mlflow.set_tracking_uri("{address}")
mlflow.set_experiment("churn")
with mlflow.start_run():
    mlflow.log_param("depth", 3)
    for step in range(3):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    with mlflow.start_run(nested=True, run_name="fold-1"):
        mlflow.log_metric("loss", 0.25)
    mlflow.log_dict({{"a": 1}}, "report.json")
"""


@pytest.fixture
def run_project(verbatim: Commands, tmp_path: Path) -> RunProject:
    """Write files, and run the project in the named directory of them; returns the record."""

    def run(files: dict[str, str], directory: str = ".", conf: dict[str, Any] | None = None) -> dict[str, Any]:
        tree = tmp_path / "repository"
        for name, content in files.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(content)
        subprocess.run(["git", "init", "-q", tree], check=True)
        (tmp_path / "conf.json").write_text(json.dumps({"model": None, **(conf or {})}))
        arguments = ("--conf", str(tmp_path / "conf.json"), "--json")
        record: dict[str, Any] = verbatim("run", str(tree / directory), *arguments)
        return record

    return run


def test_data_that_lies_above_the_project_is_read(run_project: RunProject) -> None:
    files = {
        "data/x.csv": "1\n2\n",
        "jobs/churn/train.py": "print('rows:', len(open('../../data/x.csv').readlines()))\n",
        "jobs/other/train.py": "1 / 0\n",
    }
    record = run_project(files, "jobs/churn")
    assert (record["metrics"]["rows"], record["code"]["subdirectory"]) == (2, "jobs/churn")


def test_an_import_that_no_declaration_covers_is_installed_and_named(run_project: RunProject) -> None:
    record = run_project({"requirements.txt": "six\n", "train.py": "import six\nimport yaml\nprint('done: 1')\n"})
    assert record["metrics"]["done"] == 1
    assert record["environment"]["added"] == ["PyYAML"]


def test_a_model_and_outputs_are_found_wherever_they_land(run_project: RunProject) -> None:
    script = """
import os, pathlib, pickle
made = pathlib.Path.home() / "results" / "2026-01-02_03-04-05"
made.mkdir(parents=True)
(made / "model.pkl").write_bytes(pickle.dumps({"weights": [1, 2]}))
pathlib.Path(os.environ["TMPDIR"], "notes.txt").write_text("n")
pathlib.Path(__file__).with_name("report.csv").write_text("a")
"""
    record = run_project({"src/train.py": script}, conf={"model": {}})
    assert [file["path"] for file in record["model"]["files"]] == ["model.pkl"]
    assert "files/src/report.csv" in {file["path"] for file in record["artifacts"]}


@pytest.mark.parametrize(
    ("requirements", "address"),
    [
        ("mlflow-skinny==2.22.*\nsqlalchemy<2.1\nalembic\n", "sqlite:///mlflow.db"),
        ("mlflow-skinny>=3,<4\n", "results/mlruns"),
    ],
)
def test_what_goes_to_mlflow_at_an_address_of_the_codes_own_is_the_runs(
    run_project: RunProject, requirements: str, address: str
) -> None:
    record = run_project({"requirements.txt": requirements, "train.py": MLFLOW.format(address=address)})
    assert record["metrics"]["loss"] == 1 / 3
    assert record["metrics"]["fold-1/loss"] == 0.25
    assert any(file["path"].endswith("report.json") for file in record["artifacts"])
