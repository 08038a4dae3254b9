"""Data from S3 and a model back to S3, through Airflow connections, in containers; and no credential anywhere after."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_api import AirflowApi
    from platform_fixture import Commands, Platform

pytestmark = [pytest.mark.airflow, pytest.mark.docker, pytest.mark.s3]

SECRET = "canary-4f1d9c0b7e-never-to-be-seen"
TRAIN = (
    "import os, pathlib\n"
    "rows = sum(1 for f in pathlib.Path(os.environ['SM_CHANNEL_TRAIN']).rglob('*.csv') for _ in f.open()) - 2\n"
    "pathlib.Path(os.environ['SM_MODEL_DIR'], 'model.txt').write_text(str(rows))\n"
    "print(f'rows={rows}')\n"
    "print(sorted(os.environ.items()))\n"
)


@dataclass(frozen=True)
class Lake:
    """An S3 server that containers reach, too."""

    endpoint: str

    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id="key",
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )


@pytest.fixture(scope="module")
def lake(docker_daemon: Any) -> Iterator[Lake]:
    from moto.server import ThreadedMotoServer

    gateway = docker_daemon.networks.get("bridge").attrs["IPAM"]["Config"][0].get("Gateway", "172.17.0.1")
    server = ThreadedMotoServer(gateway, port=0, verbose=False)
    server.start()
    lake = Lake(f"http://{gateway}:{server.get_host_and_port()[1]}")
    client = lake.client()
    client.create_bucket(Bucket="e2e-lake")
    client.create_bucket(Bucket="e2e-models")
    for day in ("2026-01-01", "2026-01-02"):
        client.put_object(Bucket="e2e-lake", Key=f"churn/dt={day}/part.csv", Body=b"x,y\n1,2\n3,4\n")
    client.put_object(Bucket="e2e-lake", Key="churn-not-this/part.csv", Body=b"x,y\n9,9\n")
    yield lake
    server.stop()


@pytest.fixture
def connected(platform: Platform, api: AirflowApi, lake: Lake) -> Iterator[Commands]:
    """The platform in containers, with a connection to the lake that confs may name."""
    extra = json.dumps({"endpoint_url": lake.endpoint, "region_name": "us-east-1"})
    body = {"connection_id": "s3_lake", "conn_type": "aws", "login": "key", "password": SECRET, "extra": extra}
    api.post("connections", body)
    platform.verbatim.use_engine("docker")
    settings = json.loads(platform.verbatim.config.read_text())
    settings["connections"] = {"data": ["s3_lake"], "destinations": ["s3_lake"]}
    platform.verbatim.config.write_text(json.dumps(settings))
    yield platform.verbatim
    api.delete("connections/s3_lake")


def _conf(code: Path) -> dict[str, Any]:
    return {
        "experiment": "from-s3",
        "code": str(code),
        "data": {"train": {"s3": {"uri": "s3://e2e-lake/churn/", "connection": "s3_lake"}}},
        "gates": [{"metric": "rows", "min": 1}],
        "model": {"destination": "s3://e2e-models/churn/", "connection": "s3_lake"},
    }


def _assert_nowhere(home: Path) -> None:
    """Search every file of the platform: logs, databases, documents, blobs, caches."""
    found = subprocess.run(["grep", "-rlaF", SECRET, str(home)], capture_output=True, text=True, check=False)
    assert found.stdout == "", "the credential is in these files"
    assert found.returncode == 1


def test_a_model_is_made_of_s3_data_and_goes_to_s3_and_no_credential_stays(
    connected: Commands, runner_image: str, api: AirflowApi, lake: Lake, tmp_path: Path
) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "train.py").write_text(TRAIN)

    run = api.trigger(_conf(code))

    assert api.wait(run) == "success", {name: task["state"] for name, task in api.tasks(run).items()}
    row = next(row for row in connected("runs", "--json") if row["origin"]["airflow_run_id"] == run)
    record = connected("show", row["run_id"], "--json")
    assert record["engine"] == "docker"
    assert (record["data"]["train"]["files"], record["data"]["train"]["rows"]) == (2, 4)
    version = record["model"]["version"]
    stored = lake.client().get_object(Bucket="e2e-models", Key=f"churn/{version}/model.txt")["Body"].read()
    assert stored == b"4"
    assert record["data"]["train"]["source"]["connection"] == "s3_lake"
    log = connected("logs", row["run_id"], "--stage", "train", parse=False)
    assert SECRET not in log
    _assert_nowhere(connected.home)


def test_a_source_that_refuses_leaves_no_credential_either(
    connected: Commands, runner_image: str, api: AirflowApi, tmp_path: Path
) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "train.py").write_text(TRAIN)
    conf = _conf(code)
    conf["data"]["train"]["s3"]["uri"] = "s3://no-such-bucket/churn/"

    run = api.trigger(conf)

    assert api.wait(run) == "failed"
    first = "\n".join(api.log_lines(run, "extract")[:12])
    assert "data.train.s3.uri" in first
    assert "no-such-bucket" in first
    _assert_nowhere(connected.home)
