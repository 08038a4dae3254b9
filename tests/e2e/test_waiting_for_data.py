"""A run that waits for a key of S3, through Airflow's triggerer: deferred, resumed when the key comes, cancelled, timed out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from patience import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_api import AirflowApi
    from conftest import S3Server
    from platform_fixture import Commands, Platform

pytestmark = [pytest.mark.airflow, pytest.mark.s3]

BUCKET = "awaited-lake"


@pytest.fixture
def connected(platform: Platform, api: AirflowApi, s3_server: S3Server) -> Iterator[Commands]:
    """The platform, with a connection to the lake that confs may name."""
    extra = json.dumps({"endpoint_url": s3_server.endpoint_url, "region_name": "us-east-1"})
    login = {"login": s3_server.access_key, "password": s3_server.secret_key}
    api.post("connections", {"connection_id": "awaited_lake", "conn_type": "aws", "extra": extra, **login})
    platform.verbatim.use_engine("process")
    settings = json.loads(platform.verbatim.config.read_text()) | {"connections": {"data": ["awaited_lake"]}}
    platform.verbatim.config.write_text(json.dumps(settings))
    s3_server.client().create_bucket(Bucket=BUCKET)
    yield platform.verbatim
    api.delete("connections/awaited_lake")


@pytest.fixture
def conf(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "train.py").write_text("print('rows', len(open('/dev/null').read()))\n")
    return {"experiment": "patient", "code": str(tmp_path), "model": None}


def _wait_for(key: str, **more: str) -> list[dict[str, Any]]:
    return [{"s3": {"uri": f"s3://{BUCKET}/{key}", "connection": "awaited_lake"}, "every": "1s", **more}]


def _is_deferred(api: AirflowApi, run: str) -> bool:
    return bool(api.tasks(run)["pin"]["state"] == "deferred")


def _row(verbatim: Commands, run: str) -> dict[str, Any]:
    return next(row for row in verbatim("runs", "--json") if row["origin"]["airflow_run_id"] == run)


def test_a_run_holds_no_worker_until_the_key_comes_and_reads_what_came(
    connected: Commands, api: AirflowApi, s3_server: S3Server, conf: dict[str, Any]
) -> None:
    source = {"s3": {"uri": f"s3://{BUCKET}/dt=1/", "connection": "awaited_lake"}}
    run = api.trigger(conf | {"wait_for": _wait_for("dt=1/_SUCCESS"), "data": {"train": source}})
    until(lambda: _is_deferred(api, run), "the deferral")
    assert _row(connected, run)["status"] == "running"

    for name, body in (("part.csv", b"x\n1\n2\n"), ("_SUCCESS", b"")):
        s3_server.client().put_object(Bucket=BUCKET, Key=f"dt=1/{name}", Body=body)

    assert api.wait(run) == "success", api.log_lines(run, "pin")
    record = connected("show", _row(connected, run)["run_id"], "--json")
    assert record["data"]["train"]["rows"] == 2
    said = "\n".join(api.log_lines(run, "pin"))
    assert f"waiting for s3://{BUCKET}/dt=1/_SUCCESS, at most 24h" in said
    assert s3_server.secret_key not in said


def test_a_run_that_is_ended_while_it_waits_is_cancelled(
    connected: Commands, api: AirflowApi, conf: dict[str, Any]
) -> None:
    run = api.trigger(conf | {"wait_for": _wait_for("never")})
    until(lambda: _is_deferred(api, run), "the deferral")
    api.patch(f"dags/train/dagRuns/{run}", {"state": "failed"})
    until(lambda: _row(connected, run)["status"] == "cancelled", "booking the end")


def test_what_does_not_come_in_time_fails_once_and_is_named(
    connected: Commands, api: AirflowApi, conf: dict[str, Any]
) -> None:
    run = api.trigger(conf | {"wait_for": _wait_for("late", timeout="2s")})
    assert api.wait(run) == "failed"
    assert api.tasks(run)["pin"]["try_number"] == 1
    assert f"s3://{BUCKET}/late was not there within 2s" in _row(connected, run)["error"]
