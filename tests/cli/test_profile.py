"""``verbatim profile`` by the real runner, over snapshots of runs that were really run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_fixture import Commands

    Start = Callable[..., Any]

SUITE = "expectations/train.json"
ROWS = "".join(f"{n},{('de', 'fr')[n % 2]},{20 + n}\n" for n in range(40))


@pytest.fixture(scope="module")
def start(verbatim: Commands, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Run a training over one channel, judged by a suite."""

    def call(rows: str, suite: dict[str, Any], expect: int = 0) -> Any:
        root = tmp_path_factory.mktemp("churn")
        for name, text in {
            "churn/train.py": "print('auc=0.9')\n", f"churn/{SUITE}": json.dumps(suite),
            "lake/a.csv": f"id,country,age\n{rows}",
            "conf.json": json.dumps({
                "experiment": "churn",
                "data": {"train": {"file": {"uri": f"file://{root}/lake/"}}},
                "validation": {"train": SUITE},
                "model": None,
            }),
        }.items():  # fmt: skip
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return verbatim("run", str(root / "churn"), "--conf", str(root / "conf.json"), "--json", expect=expect)

    return call


@pytest.fixture(scope="module")
def record(start: Start) -> dict[str, Any]:
    return dict(start(ROWS, {"expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": "id"}}]}))


def test_a_draft_is_a_suite_that_the_next_run_meets_and_worse_data_does_not(
    verbatim: Commands, record: dict[str, Any], start: Start
) -> None:
    suite = verbatim("profile", f"{record['run_id']}:train", parse=True)
    kinds = {(item["type"], item["kwargs"].get("column")) for item in suite["expectations"]}
    assert kinds >= {
        ("expect_column_values_to_be_unique", "id"),
        ("expect_column_values_to_be_in_set", "country"),
        ("expect_column_values_to_be_of_type", "age"),
    }
    assert start(ROWS, suite)["validation"]["train"]["passed"] is True

    failed = start(ROWS.replace("de", "xx"), suite, expect=80)
    snapshot = failed["data"]["train"]["digest"]
    done = verbatim.run("profile", snapshot, "--json")
    assert done.returncode == 65
    error = json.loads(done.stdout)["error"]["message"]
    assert "in quarantine" in error
    assert failed["run_id"] in error


def test_a_draft_is_written_where_it_is_asked_for_and_never_over_another(
    verbatim: Commands, record: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "expectations" / "train.json"
    digest = record["data"]["train"]["digest"]
    told = verbatim("profile", digest[:8], "--output", str(file))
    assert "40 rows of 3 columns" in told
    assert json.loads(file.read_text())["name"] == "train"
    assert verbatim.run("profile", digest[:8], "--output", str(file)).returncode == 65
    found = verbatim("profile", record["run_id"], "--json")
    assert found["dataset"] == {"run_id": record["run_id"], "channel": "train", "snapshot": digest}
    assert found["suite"] == json.loads(file.read_text())


@pytest.mark.parametrize(("name", "code", "said"), [
    ("nobody:train", 66, "no dataset is called"),
    ("00000000", 66, "no dataset is called"),
    ("RUN:test", 66, "it has train"),
])  # fmt: skip
def test_a_name_that_means_nothing_says_what_is_expected(
    verbatim: Commands, record: dict[str, Any], name: str, code: int, said: str
) -> None:
    done = verbatim.run("profile", name.replace("RUN", record["run_id"]), "--json")
    assert done.returncode == code
    assert said in json.loads(done.stdout)["error"]["message"]
