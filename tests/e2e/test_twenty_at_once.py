"""Twenty runs submitted at once on one small machine, all stages in containers: all end right, with twenty distinct versions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.airflow, pytest.mark.docker]
RUNS = 20


@pytest.mark.timeout(900)
def test_twenty_runs_at_once_get_twenty_versions(platform_with_engine, runner_image: str, api, tmp_path: Path) -> None:
    verbatim = platform_with_engine("docker")
    code = tmp_path / "code"
    code.mkdir()
    (code / "train.py").write_text(
        "import os, pathlib, sys\n"
        "pathlib.Path(os.environ['SM_MODEL_DIR'], 'model.txt').write_text(' '.join(sys.argv))\n"
        "print('score=0.9')\n"
    )
    conf = {"experiment": "twenty", "code": str(code), "gates": [{"metric": "score", "min": 0.5}], "promotion": "auto"}
    (tmp_path / "conf.json").write_text(json.dumps(conf))

    runs = [api.trigger(conf | {"parameters": {"number": number}}) for number in range(RUNS)]

    states = [api.wait(run, timeout_s=800) for run in runs]
    assert states == ["success"] * RUNS
    records = [
        row for row in verbatim("runs", "--experiment", "twenty", "--json") if row["origin"]["airflow_run_id"] in runs
    ]
    assert [record["status"] for record in records] == ["succeeded"] * RUNS
    versions = list(verbatim("models", "twenty", "--json"))
    assert sorted(version["version"] for version in versions) == list(range(1, RUNS + 1))
    assert len({version["digest"] for version in versions}) == RUNS, "every run kept its own model"
    retried = [task for run in runs for task in api.tasks(run).values() if task["try_number"] > 1]
    assert not retried
