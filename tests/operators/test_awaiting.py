"""Waiting for data: what is looked for, when the triggerer is asked, and how waiting ends."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.serialization.serialized_objects import BaseSerialization

from verbatim.channels import HiveWait, WaitRequest
from verbatim.documents import now
from verbatim.errors import PlatformFault, RequestError, UserFault
from verbatim.settings import Connections, PlatformSettings
from verbatim_operators.awaiting import Answer, Awaiting
from verbatim_operators.presence import is_there, partition_query
from verbatim_operators.triggers import PresenceTrigger

if TYPE_CHECKING:
    from conftest import S3Server
    from hive_server import HiveServer

MOMENT = datetime(2026, 11, 20, 4, tzinfo=UTC)
INTERVAL = (datetime(2026, 11, 19, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC))


class Deferred(BaseException):
    """What Airflow's own exception stands for: the task is given up."""


class Task:
    """A task that waits, and what it gave to the triggerer."""

    def __init__(self, settings: PlatformSettings) -> None:
        self.settings = settings.model_copy(update={"connections": Connections(data=("s3_lake", "hive_lake"))})
        self.deferred: list[tuple[WaitRequest, datetime, int]] = []

    def until_there(
        self, *waits: dict[str, Any], answer: Answer | None = None, interval: Any = INTERVAL, **conf: Any
    ) -> datetime:
        awaiting = Awaiting(self.settings, interval, answer, self._defer, logging.getLogger("task"))  # type: ignore[arg-type]
        return awaiting.until_there({"code": "/nowhere", "wait_for": list(waits), **conf}, MOMENT)

    def _defer(self, wait: WaitRequest, deadline: datetime, place: int) -> None:
        self.deferred.append((wait, deadline, place))
        raise Deferred


@pytest.fixture
def task(settings: PlatformSettings) -> Task:
    return Task(settings)


@pytest.fixture
def lake(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """A bucket of the test's own, behind the connection ``s3_lake``."""
    fields = {
        "conn_type": "aws", "login": s3_server.access_key, "password": s3_server.secret_key,
        "extra": {"endpoint_url": s3_server.endpoint_url, "region_name": "us-east-1"},
    }  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_S3_LAKE", json.dumps(fields))
    name = f"waiting-{abs(hash(request.node.name)) % 10**9}"
    s3_server.make_bucket(name)

    def put(key: str) -> None:
        s3_server.client().put_object(Bucket=name, Key=key, Body=b"")

    put.bucket = name  # type: ignore[attr-defined]
    return put


def s3_wait(uri: str, **more: str) -> dict[str, Any]:
    return {"s3": {"uri": uri, "connection": "s3_lake"}, **more}


def fired(trigger: PresenceTrigger) -> dict[str, Any]:
    """Run a trigger to its event, made anew from what Airflow's database would hold of it."""
    path, kwargs = trigger.serialize()
    assert path == f"{PresenceTrigger.__module__}.{PresenceTrigger.__qualname__}"
    kept = json.dumps(BaseSerialization.serialize(kwargs))

    async def first() -> dict[str, Any]:
        async for event in PresenceTrigger(**BaseSerialization.deserialize(json.loads(kept))).run():
            return event.payload
        raise AssertionError("it fired nothing")

    return asyncio.run(first())


def test_a_run_that_waits_for_nothing_keeps_its_time_and_looks_for_nothing(task: Task):
    assert task.until_there() == MOMENT


@pytest.mark.s3
class TestObjects:
    def test_what_is_there_already_is_not_deferred_and_the_run_is_as_of_now(self, task: Task, lake: Any):
        lake("dt=2026-11-19/_SUCCESS")
        uri = f"s3://{lake.bucket}/dt={{{{ interval_start | ds }}}}/_SUCCESS"
        before = now()
        assert task.until_there(s3_wait(uri)) >= before
        assert task.deferred == []

    def test_what_is_missing_is_the_triggerers_turn_with_its_template_filled_in(self, task: Task, lake: Any):
        lake("there")
        missing = s3_wait(f"s3://{lake.bucket}/dt={{{{ interval_start | ds }}}}/_SUCCESS", timeout="2h")
        with pytest.raises(Deferred):
            task.until_there(s3_wait(f"s3://{lake.bucket}/there"), missing)
        ((wait, deadline, place),) = task.deferred
        assert (place, wait.s3 and wait.s3.uri) == (1, f"s3://{lake.bucket}/dt=2026-11-19/_SUCCESS")
        assert timedelta(hours=1.9) < deadline - now() < timedelta(hours=2)

    def test_after_one_came_the_next_is_looked_for(self, task: Task, lake: Any):
        waits = [s3_wait(f"s3://{lake.bucket}/{name}") for name in ("first", "second")]
        with pytest.raises(Deferred):
            task.until_there(*waits, answer=Answer(0, {"state": "there", "said": None}))
        assert [place for _, _, place in task.deferred] == [1]
        assert task.until_there(*waits, answer=Answer(1, {"state": "there", "said": None})) > MOMENT

    def test_a_star_stands_for_any_name(self, task: Task, lake: Any):
        wait = WaitRequest.model_validate(s3_wait(f"s3://{lake.bucket}/dt=1/*.parquet"))
        assert not is_there(wait)
        lake("dt=1/part-0.parquet")
        assert is_there(wait)

    def test_the_trigger_fires_when_the_key_appears(self, lake: Any):
        wait = s3_wait(f"s3://{lake.bucket}/_SUCCESS", every="1s")
        trigger = PresenceTrigger(wait, (now() + timedelta(minutes=1)).isoformat())

        async def appearing() -> dict[str, Any]:
            events = trigger.run()
            waiting = asyncio.ensure_future(anext(events))
            await asyncio.sleep(0)
            lake("_SUCCESS")
            return (await waiting).payload

        assert asyncio.run(appearing()) == {"state": "there", "said": None}

    def test_a_deadline_that_has_passed_ends_the_wait_with_what_was_not_there(self, task: Task, lake: Any):
        wait = s3_wait(f"s3://{lake.bucket}/_SUCCESS", timeout="3h")
        event = fired(PresenceTrigger(wait, now().isoformat()))
        with pytest.raises(UserFault, match=r"/_SUCCESS was not there within 3h") as failed:
            task.until_there(wait, answer=Answer(0, event))
        assert failed.value.field == "wait_for.0"

    @pytest.mark.parametrize(("key", "said"), [("*", "NoSuchBucket"), ("dt=1/_SUCCESS", "no bucket 'no-such-bucket'")])
    def test_a_bucket_that_is_not_there_fails_at_once(self, task: Task, lake: Any, key: str, said: str):
        lake("there")
        with pytest.raises(UserFault, match=said) as refused:
            task.until_there(s3_wait(f"s3://{lake.bucket}/there"), s3_wait(f"s3://no-such-bucket/{key}"))
        assert refused.value.field == "wait_for.1"
        assert task.deferred == []

    def test_a_server_that_is_gone_is_asked_again_and_named_at_the_end(
        self, lake: Any, monkeypatch: pytest.MonkeyPatch
    ):
        nobody = {"conn_type": "aws", "login": "a", "password": "canary-secret", "extra": {
            "endpoint_url": "http://127.0.0.1:9", "config_kwargs": {"retries": {"max_attempts": 1}},
        }}  # fmt: skip
        monkeypatch.setenv("AIRFLOW_CONN_S3_LAKE", json.dumps(nobody))
        with pytest.raises(PlatformFault) as fault:
            is_there(WaitRequest.model_validate(s3_wait("s3://lake/x")))
        event = fired(PresenceTrigger(s3_wait("s3://lake/x"), now().isoformat()))
        assert (event["state"], "canary" in str(fault.value)) == ("missing", False)
        assert "EndpointConnectionError" in event["said"]

    def test_an_as_of_before_what_came_is_warned_of(self, task: Task, lake: Any, caplog: pytest.LogCaptureFixture):
        answer = Answer(0, {"state": "there", "said": None})
        task.until_there(s3_wait(f"s3://{lake.bucket}/x"), answer=answer, as_of="2026-11-19T00:00:00Z")
        assert "is no part of it" in caplog.text


@pytest.mark.parametrize(("wait", "field"), [
    ({"s3": {"uri": "s3://lake/x", "connection": "other"}}, "wait_for.0.s3.connection"),
    (s3_wait("s3://lake/{{ nothing }}/x"), "wait_for.0.s3.uri"),
    (s3_wait("s3://lake/dt=1/"), "wait_for.0.s3.uri"),
    (s3_wait("s3://lake/{{ as_of | ds }}"), "wait_for.0"),
    (s3_wait("s3://lake/x", every="0.1s"), "wait_for.0.every"),
    ({"hive": {"table": "t", "partition": {"dt": "{{ parameters.x }}"}, "connection": "hive_lake"}},
     "wait_for.0.hive.partition.dt"),
    ({"hive": {"table": "t; DROP TABLE t", "partition": {"dt": "1"}, "connection": "hive_lake"}}, "wait_for.0.hive.table"),
])  # fmt: skip
def test_a_wait_that_cannot_be_is_refused_before_anything_is_looked_for(task: Task, wait: dict[str, Any], field: str):
    with pytest.raises(RequestError) as refused:
        task.until_there(wait)
    (problem,) = refused.value.problems
    assert problem.field == field
    assert "match pattern" not in problem.expected
    assert task.deferred == []


def test_a_connection_of_another_kind_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AIRFLOW_CONN_S3_LAKE", json.dumps({"conn_type": "http", "host": "example.org"}))
    with pytest.raises(UserFault, match="expected a connection of type aws; 's3_lake' is of type 'http'"):
        is_there(WaitRequest.model_validate(s3_wait("s3://lake/x")))


@pytest.mark.hive
class TestPartitions:
    @pytest.fixture
    def table(self, hive_server: HiveServer, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setenv("AIRFLOW_CONN_HIVE_LAKE", hive_server.airflow_connection)
        hive_server.execute(
            "DROP TABLE IF EXISTS awaited",
            "CREATE TABLE awaited (x int) PARTITIONED BY (dt string, hour int) STORED AS PARQUET",
            "INSERT INTO awaited PARTITION (dt='2026-11-19', hour=7) VALUES (1)",
        )
        return "default.awaited"

    @pytest.mark.parametrize(("partition", "there"), [
        ({"dt": "2026-11-19"}, True),
        ({"dt": "2026-11-19", "hour": "7"}, True),
        ({"dt": "2026-11-19", "hour": "8"}, False),
        ({"dt": "2026-11-20"}, False),
        ({"dt": "x') OR ('1'='1"}, False),
        ({"dt": "\\"}, False),
    ])  # fmt: skip
    def test_a_partition_is_there_or_not(self, table: str, partition: dict[str, str], there: bool):
        wait = {"hive": {"connection": "hive_lake", "table": table, "partition": partition}}
        assert is_there(WaitRequest.model_validate(wait)) == there

    @pytest.mark.parametrize(("table_name", "partition", "said"), [
        ("nowhere", {"dt": "1"}, "nowhere"), ("awaited", {"nothing": "1"}, "nothing"),
    ])  # fmt: skip
    def test_a_table_or_column_that_is_not_there_fails_at_once(
        self, table: str, table_name: str, partition: dict[str, str], said: str
    ):
        wait = {"hive": {"connection": "hive_lake", "table": table_name, "partition": partition}}
        with pytest.raises(UserFault, match=said):
            is_there(WaitRequest.model_validate(wait))

    def test_a_login_that_is_refused_is_said_so_without_its_password(
        self, hive_server: HiveServer, table: str, monkeypatch: pytest.MonkeyPatch
    ):
        fields = json.loads(hive_server.airflow_connection) | {"password": "canary-wrong"}
        monkeypatch.setenv("AIRFLOW_CONN_HIVE_LAKE", json.dumps(fields))
        wait = {"hive": {"connection": "hive_lake", "table": table, "partition": {"dt": "1"}}}
        with pytest.raises(UserFault, match="refuses the login of the connection 'hive_lake'") as fault:
            is_there(WaitRequest.model_validate(wait))
        assert "canary" not in str(fault.value)


def test_a_partition_is_named_in_quotes_that_end_where_they_should():
    place = HiveWait(connection="hive_lake", table="lake.events", partition={"dt": "a'b\\", "hour": "${x}"})
    told = r"SHOW PARTITIONS `lake`.`events` PARTITION (`dt`='a\'b\\', `hour`='\u0024{x}')"
    assert partition_query(place) == told
