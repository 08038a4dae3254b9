"""``verbatim lineage`` and ``verbatim audit`` over a run that was really run."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from platform_fixture import Commands

TRAIN = """
import os, pathlib
rows = list(pathlib.Path(os.environ["SM_CHANNEL_TRAIN"]).glob("*.csv"))
pathlib.Path(os.environ["SM_MODEL_DIR"], "model.txt").write_text(str(len(rows)))
print("auc=0.9")
"""


@pytest.fixture(scope="module")
def record(verbatim: Commands, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The record of a run over two files."""
    root = tmp_path_factory.mktemp("churn")
    (root / "churn").mkdir()
    (root / "churn/train.py").write_text(TRAIN)
    (root / "lake").mkdir()
    for name in ("a", "b"):
        (root / f"lake/{name}.csv").write_text("user_id,label\n1,0\n2,1\n")
    conf = {
        "experiment": "churn",
        "data": {"train": {"file": {"uri": f"file://{root}/lake/"}}},
        "model": {"name": "churn"},
    }
    (root / "conf.json").write_text(json.dumps(conf))
    return verbatim("run", str(root / "churn"), "--conf", str(root / "conf.json"), "--json")


def uri(record: dict[str, Any]) -> str:
    return record["data"]["train"]["source"]["uri"]


def test_a_model_goes_back_to_its_run_and_the_files_that_it_was_made_of(
    verbatim: Commands, record: dict[str, Any]
) -> None:
    found = verbatim("lineage", "churn", "--kind", "model", "--json")

    assert (found["kind"], found["model"]["run_id"]) == ("model", record["run_id"])
    assert found["run"]["lock"]["lock_digest"] == record["environment"]["lock_digest"]
    channel = found["run"]["data"]["train"]
    assert (channel["snapshot"], channel["sources"]) == (record["data"]["train"]["digest"], [uri(record)])
    assert [item["path"] for item in channel["objects"]] == ["a.csv", "b.csv"]


def test_data_goes_forward_to_the_model_by_place_file_digest_and_channel(
    verbatim: Commands, record: dict[str, Any]
) -> None:
    digest = record["data"]["train"]["digest"]
    for name in (uri(record), f"{uri(record)}a.csv", digest[:8], f"{record['run_id']}:train"):
        found = verbatim("lineage", name, "--json")
        assert [(model["name"], model["version"]) for model in found["models"]] == [("churn", 1)], name


def test_the_trees_name_what_they_lead_to(verbatim: Commands, record: dict[str, Any]) -> None:
    digest = record["data"]["train"]["digest"][:12]
    for name in ("churn:1", "latest", uri(record)):
        told = verbatim("lineage", name)
        assert all(part in told for part in ("churn version 1", record["run_id"], digest, uri(record))), told


def test_a_query_is_told_to_its_end_with_the_values_that_it_was_given(
    offline: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(tmp_path / "lake.db")) as lake:
        lake.execute("CREATE TABLE people (name TEXT)")
        lake.execute("INSERT INTO people VALUES ('ada')")
        lake.commit()
    monkeypatch.setenv("AIRFLOW_CONN_LITE", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "lake.db")}))
    (tmp_path / "code").mkdir()
    (tmp_path / "code/train.py").write_text("")
    query = f"SELECT name FROM people WHERE name = {{{{ parameters.who }}}} AND name NOT IN ({', '.join(['1'] * 99)})"
    source = {"sql": {"connection": "lite", "query": f"{query} ORDER BY name"}}
    conf = {"data": {"train": source}, "parameters": {"who": "ada"}, "model": None}
    (tmp_path / "conf.json").write_text(json.dumps(conf))

    run = offline("run", str(tmp_path / "code"), "--conf", str(tmp_path / "conf.json"), "--json")

    told = offline("lineage", run["run_id"])
    assert "ORDER BY name" in told
    assert re.search(r"v1 = ada$", told, re.MULTILINE)


def test_a_name_that_means_nothing_tells_what_there_is(verbatim: Commands, record: dict[str, Any]) -> None:
    done = verbatim.run("lineage", "lake.clicks", "--json")
    assert done.returncode == 66
    error = json.loads(done.stdout)["error"]
    assert error["kind"] == "not_found"
    assert "models: churn" in error["message"]
    assert uri(record).rstrip("/") in error["message"]


def test_the_audit_lists_the_extraction_of_a_run(verbatim: Commands, record: dict[str, Any]) -> None:
    (entry,) = verbatim("audit", "--run", record["run_id"], "--json")
    assert (entry["action"], entry["subject"]) == ("extract", record["run_id"])
    assert (entry["details"]["sources"], entry["details"]["files"]) == ([uri(record)], 2)
    told = verbatim("audit")
    assert "extract" in told
    assert record["run_id"] in told
