from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk.api.datamodels._generated import DagRun

from verbatim_operators.pin_operator import _interval_of

DAY = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "interval"),
    [
        (DAY - timedelta(days=1), DAY, (DAY - timedelta(days=1), DAY)),
        (DAY, DAY, None),
        (None, None, None),
    ],
)
def test_only_a_schedules_interval_is_one(
    start: datetime | None, end: datetime | None, interval: tuple[datetime, datetime] | None
) -> None:
    run = DagRun(
        dag_id="train", run_id="r", logical_date=start, data_interval_start=start, data_interval_end=end, run_after=DAY,
        start_date=DAY, end_date=None, run_type="scheduled", state="running", consumed_asset_events=[], partition_key=None,
    )  # fmt: skip
    assert _interval_of(run) == interval
