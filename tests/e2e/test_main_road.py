"""The main road: a conf goes into Airflow, a registered, gated model comes out; with and without Docker."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow

EXAMPLES = Path(__file__).parents[2] / "examples"
STAGES = ["pin", "extract", "prepare", "validate", "train", "evaluate", "register", "promote"]


@pytest.fixture(params=["docker", "process"])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "docker":
        request.getfixturevalue("runner_image")
    return str(request.param)


@pytest.mark.parametrize("example", ["breast-cancer", "wine-lightgbm"])
def test_an_example_becomes_a_registered_model(example: str, engine: str, platform_with_engine, tmp_path: Path) -> None:
    verbatim = platform_with_engine(engine)

    submitted = verbatim("submit", str(EXAMPLES / example / "conf.json"), "--wait", "--json")
    record = verbatim("show", submitted["run_id"], "--json")

    assert record["status"] == "succeeded"
    assert record["experiment"] == example
    assert record["engine"] == engine
    assert list(record["stages"]) == STAGES
    assert {stage["state"] for stage in record["stages"].values()} == {"succeeded"}
    assert all(stage["duration_s"] >= 0 for stage in record["stages"].values())
    assert record["gates"]
    assert all(
        gate["passed"] and gate["condition"] and gate["value"] == record["metrics"][gate["metric"]]
        for gate in record["gates"]
    )
    assert record["model"]["name"] == example
    assert record["model"]["version"] >= 1
    assert len(record["spec_digest"]) == 64
    assert len(record["code"]["digest"]) == 64
    assert len(record["environment"]["lock_digest"]) == 64
    assert record["environment"]["python"].startswith("3.")
    assert all(len(channel["digest"]) == 64 and channel["rows"] > 0 for channel in record["data"].values())

    verbatim("download", f"{example}:{record['model']['version']}", str(tmp_path / "model"), parse=False)
    for file in record["model"]["files"]:
        content = (tmp_path / "model" / file["path"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["size"], file["sha256"])

    points = verbatim("metrics", submitted["run_id"], "--json")
    assert {point["name"] for point in points} >= {gate["metric"] for gate in record["gates"]}
    assert "[verbatim]" in verbatim("logs", submitted["run_id"], "--stage", "train", parse=False)
    assert any(model["version"] == record["model"]["version"] for model in verbatim("models", example, "--json"))


def test_the_same_conf_twice_makes_the_same_model(platform_with_engine) -> None:
    verbatim = platform_with_engine("process")
    conf = str(EXAMPLES / "breast-cancer" / "conf.json")

    first, second = (
        verbatim("show", verbatim("submit", conf, "--wait", "--json")["run_id"], "--json") for _ in range(2)
    )

    assert first["run_id"] != second["run_id"]
    assert first["model"]["version"] + 1 == second["model"]["version"]
    for pinned in (("model", "digest"), ("code", "digest"), ("environment", "lock_digest")):
        assert first[pinned[0]][pinned[1]] == second[pinned[0]][pinned[1]], pinned
    assert first["data"]["train"]["digest"] == second["data"]["train"]["digest"]


def test_a_failed_gate_keeps_a_rejected_version_and_fails_the_run(platform_with_engine, tmp_path: Path) -> None:
    verbatim = platform_with_engine("process")
    example = EXAMPLES / "breast-cancer"
    conf = json.loads((example / "conf.json").read_text())
    conf |= {"experiment": "too-strict", "code": str(example), "gates": [{"metric": "val_auc", "min": 1.1}]}
    conf["data"]["train"]["file"]["uri"] = f"file://{example}/lake/"
    (tmp_path / "conf.json").write_text(json.dumps(conf))

    submitted = verbatim("submit", str(tmp_path / "conf.json"), "--wait", "--json", expect=81)
    record = verbatim("show", submitted["run_id"], "--json")

    assert record["status"] == "rejected"
    assert record["stages"]["evaluate"]["state"] == "failed"
    assert record["stages"]["register"]["state"] == "succeeded"
    assert "promote" not in record["stages"]
    assert record["model"]["status"] == "rejected"
    assert [gate["passed"] for gate in record["gates"]] == [False]
    verbatim("promote", "too-strict", str(record["model"]["version"]), expect=65, parse=False)
