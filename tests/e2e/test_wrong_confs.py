"""Ten confs that cannot work: each ends in a clear message first in the task's log, is not retried, and registers nothing."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from airflow_api import AirflowApi

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_fixture import Commands, Platform

pytestmark = pytest.mark.airflow

TRAIN = "import os, pathlib\npathlib.Path(os.environ['SM_MODEL_DIR'], 'model.txt').write_text('m')\nprint('loss=0.5')\n"
SUITE = '{"name": "s", "expectations": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "x"}}]}'


@dataclass(frozen=True)
class Project:
    """A tiny training project in a git repository, and data beside it."""

    code: Path
    data: Path
    empty: Path


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("wrong")
    code, data, empty = root / "code", root / "data", root / "empty"
    for folder in (code, data, empty):
        folder.mkdir()
    (code / "train.py").write_text(TRAIN)
    (code / "suite.json").write_text(SUITE)
    (code / "malformed.json").write_text(
        '{"name": "s", "expectations": [{"type": "expect_the_unexpected", "kwargs": {}}]}'
    )
    (data / "part.csv").write_text("x\n1\n2\n")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(code)]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "start"], check=True)
    return Project(code, data, empty)


@dataclass(frozen=True)
class Case:
    """A wrong conf: what makes it, which task fails, and what its message must say."""

    conf: Callable[[Project], dict[str, Any]]
    task: str
    says: tuple[str, ...]


def _with(project: Project, **more: Any) -> dict[str, Any]:
    return {"experiment": "wrong", "code": str(project.code), **more}


CASES = {
    "unknown key": Case(lambda p: _with(p, parametres={}), "pin", ("parametres", "unknown key", "docs/conf.md")),
    "wrong type": Case(lambda p: _with(p, parameters=[1, 2]), "pin", ("parameters", "[1, 2]")),
    "negative memory": Case(lambda p: _with(p, resources={"memory": "-1g"}), "pin", ("resources.memory", "-1g", "positive")),
    "unknown connection": Case(
        lambda p: _with(p, data={"train": {"s3": {"uri": "s3://lake/x/", "connection": "nobody"}}}),
        "pin", ("data.train.s3.connection", "nobody", "config/platform.yaml"),
    ),
    "nonexistent ref": Case(
        lambda p: _with(p, code={"url": f"file://{p.code}", "ref": "no-such-branch"}),
        "pin", ("code.ref", "no-such-branch", "main"),
    ),
    "unreachable URL": Case(
        lambda p: _with(p, code="https://127.0.0.1:9/team/churn.git"), "pin", ("code.url", "https://127.0.0.1:9/team/churn.git"),
    ),
    "empty data prefix": Case(
        lambda p: _with(p, data={"train": {"file": {"uri": f"file://{p.empty}/"}}}), "extract", ("data.train.file.uri",),
    ),
    "gate on a metric never reported": Case(
        lambda p: _with(p, gates=[{"metric": "val_auc", "min": 0.5}]), "evaluate", ("val_auc", "never reported", "loss"),
    ),
    "malformed suite": Case(
        lambda p: _with(p, data={"train": {"file": {"uri": f"file://{p.data}/"}}}, validation={"train": "malformed.json"}),
        "validate", ("validation.train", "malformed.json", "expect_the_unexpected"),
    ),
    "command not found": Case(lambda p: _with(p, command="trian --epochs 5"), "train", ("command", "not found", "trian")),
}  # fmt: skip


@pytest.fixture(scope="module")
def runs(project: Project, platform: Platform) -> dict[str, str]:
    """Airflow's run of each case, all triggered at once."""
    platform.verbatim.use_engine("process")
    api = AirflowApi(platform.url, platform.user, platform.password)
    triggered = {name: api.trigger(case.conf(project)) for name, case in CASES.items()}
    api.close()
    return triggered


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_conf_ends_in_a_clear_message_first_in_the_log(
    name: str, runs: dict[str, str], api: AirflowApi, verbatim: Commands
) -> None:
    case, run = CASES[name], runs[name]

    state = api.wait(run)

    assert state == "failed"
    tasks = api.tasks(run)
    assert tasks[case.task]["state"] == "failed", tasks
    assert tasks[case.task]["try_number"] == 1, "a user's fault is not retried"
    lines = api.log_lines(run, case.task)
    first = "\n".join(lines[:12])
    for words in case.says:
        assert words in first, f"{words!r} is not in the first lines:\n{first}"
    assert "Traceback" not in "\n".join(lines)
    record = next(row for row in verbatim("runs", "--json") if row["origin"].get("airflow_run_id") == run)
    assert record["status"] == "failed"
    assert case.says[0] in verbatim("show", record["run_id"], "--json")["error"]


def test_nothing_of_wrong_confs_is_registered(runs: dict[str, str], api: AirflowApi, verbatim: Commands) -> None:
    for run in runs.values():
        api.wait(run)
    of_wrong = {
        row["run_id"] for row in verbatim("runs", "--json") if row["origin"].get("airflow_run_id") in runs.values()
    }

    assert len(of_wrong) == len(CASES)
    assert not [model for model in verbatim("models", "--json") if model["run_id"] in of_wrong]
    assert not list((verbatim.home / "store").glob("models/wrong/**/model.json"))
