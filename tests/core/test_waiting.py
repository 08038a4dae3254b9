"""Waiting, as the books see it: what is checked first, and as of when a run that waited is pinned."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from core.conftest import MOMENT

from verbatim.errors import RequestError, UserFault
from verbatim.settings import Connections
from verbatim.store import layout

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from core.conftest import Bench

WAIT = {"s3": {"uri": "s3://lake/dt={{ interval_start | ds }}/_SUCCESS", "connection": "s3_lake"}}
LATER = MOMENT + timedelta(hours=5)


@pytest.fixture
def waiting(bench: Bench) -> Bench:
    allowed = {"connections": Connections(data=("s3_lake",))}
    bench.lifecycle._settings = bench.lifecycle._settings.model_copy(update=allowed)
    return bench


def pin(bench: Bench, awaited: Any, **changes: Any) -> None:
    from verbatim.spec import Image

    bench.lifecycle.pin(
        {**bench.conf, "wait_for": [WAIT], **changes}, run_id="churn-1", try_number=1, engine="process", actor="ada",
        image=Image(reference="test", digest="sha256:0"), origin={}, moment=MOMENT, awaited=awaited,
    )  # fmt: skip


def come(_conf: Mapping[str, Any], _moment: datetime) -> datetime:
    return LATER


def test_a_run_that_waited_is_as_of_the_end_of_waiting_and_its_templates_mean_what_they_did(waiting: Bench) -> None:
    data = {"train": {"s3": {"uri": "s3://lake/dt={{ interval_start | ts }}/", "connection": "s3_lake"}}}
    pin(waiting, come, data=data)
    spec = waiting.lifecycle.spec("churn-1")
    assert (spec.as_of, spec.interval_start) == (LATER, MOMENT)
    assert MOMENT.isoformat() in spec.data["train"].source.uri


def test_an_as_of_that_the_conf_gives_stands(waiting: Bench) -> None:
    pin(waiting, come, as_of="2026-11-01T00:00:00Z")
    spec = waiting.lifecycle.spec("churn-1")
    assert spec.as_of == spec.interval_start
    assert spec.as_of.isoformat() == "2026-11-01T00:00:00+00:00"


@pytest.mark.parametrize(("wrong", "fields"), [
    ({"data": {"train": {"hive": {"connection": "other", "query": "SELECT 1; DROP TABLE x"}}}},
     r"(?s)data\.train\.hive\.connection.*data\.train\.hive\.query"),
    ({"wait_for": [{"s3": {"uri": "s3://lake/x", "connection": "other"}}]}, r"wait_for\.0\.s3\.connection"),
])  # fmt: skip
def test_what_is_wrong_with_a_conf_is_told_before_anything_is_awaited(
    waiting: Bench, wrong: dict[str, Any], fields: str
) -> None:
    def never(*_: object) -> datetime:
        raise AssertionError("it waited")

    with pytest.raises(RequestError, match=fields):
        pin(waiting, never, **wrong)
    assert waiting.catalog.run("churn-1").status == "failed"


def test_a_file_may_come_with_what_is_awaited(waiting: Bench) -> None:
    lake = waiting.root / "lake" / "new"

    def makes_it(_conf: Mapping[str, Any], _moment: datetime) -> datetime:
        lake.mkdir()
        return LATER

    pin(waiting, makes_it, data={"train": {"file": {"uri": f"file://{lake}/"}}})
    assert waiting.store.exists(layout.spec("churn-1"))


def test_what_did_not_come_in_time_fails_the_run(waiting: Bench) -> None:
    def gives_up(*_: object) -> datetime:
        raise UserFault("s3://lake/x was not there within 24h", field="wait_for.0")

    with pytest.raises(UserFault):
        pin(waiting, gives_up)
    row = waiting.catalog.run("churn-1")
    assert (row.status, row.stage) == ("failed", "pin")
    assert "not there within 24h" in row.error


def test_a_run_that_is_given_up_to_the_triggerer_is_booked_as_under_way(waiting: Bench) -> None:
    class Deferred(BaseException):
        pass

    def defer(*_: object) -> datetime:
        raise Deferred

    with pytest.raises(Deferred):
        pin(waiting, defer)
    assert waiting.catalog.run("churn-1").status == "running"
    assert not waiting.store.exists(layout.spec("churn-1"))
