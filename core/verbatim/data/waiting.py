"""What a run waits for before it is pinned, with nothing left to fill in.

Looks for nothing itself: what can, and is no dependency of this package, is where the waiting is done.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from verbatim.data.templates import fill_text, names_in
from verbatim.errors import RequestError
from verbatim.permission import unknown_connection
from verbatim.problems import Problem
from verbatim.quantities import parse_duration

if TYPE_CHECKING:
    from verbatim.channels import HiveWait, S3Wait, WaitRequest
    from verbatim.data.templates import Values
    from verbatim.request import RunRequest
    from verbatim.settings import PlatformSettings

MIN_INTERVAL = timedelta(seconds=1)


def fill_waits(request: RunRequest, settings: PlatformSettings, values: Values) -> tuple[WaitRequest, ...]:
    """Return what a run waits for, one after the other.

    Args:
        request: The conf.
        settings: Which connections a conf may name.
        values: What its templates stand for.

    Raises:
        RequestError: A connection is not allowed, or a template cannot be filled; with every problem.
    """
    filled, problems = [], list[Problem]()
    for place, wait in enumerate(request.wait_for):
        try:
            _demand_known(request, wait, f"wait_for.{place}")
            filled.append(_filled(wait, settings, values, f"wait_for.{place}"))
        except RequestError as error:
            problems += error.problems
    if problems:
        raise RequestError(problems)
    return tuple(filled)


def described(wait: WaitRequest) -> str:
    """Return what is waited for, in words, such as ``the partition dt=2026-11-20 of lake.events``."""
    if wait.s3:
        return wait.s3.uri
    assert wait.hive is not None  # a wait has the one or the other
    partition = "/".join(f"{column}={value}" for column, value in wait.hive.partition.items())
    return f"the partition {partition} of {wait.hive.table}"


def connection_of(wait: WaitRequest) -> str:
    """Return the Airflow connection that something is looked for with."""
    place = wait.s3 or wait.hive
    assert place is not None  # a wait has the one or the other
    return place.connection


def _demand_known(request: RunRequest, wait: WaitRequest, field: str) -> None:
    """Refuse what is known only when waiting has ended: as of when data is read, where the conf does not say so."""
    texts = [wait.s3.uri] if wait.s3 else list(wait.hive.partition.values()) if wait.hive else []
    if request.as_of is None and any("as_of" in names_in(text, field=field) for text in texts):
        expected = "interval_start or interval_end, or an as_of in the conf: without one it is when waiting has ended"
        raise RequestError([Problem(field=field, expected=expected, got="{{ as_of }}")])


def _filled(wait: WaitRequest, settings: PlatformSettings, values: Values, field: str) -> WaitRequest:
    kind = "s3" if wait.s3 else "hive"
    problem = unknown_connection(
        f"{field}.{kind}.connection", connection_of(wait), settings.connections.data, "connections.data"
    )
    problems = [problem] if problem else []
    if parse_duration(wait.every) < MIN_INTERVAL:
        problems.append(Problem(field=f"{field}.every", expected="a duration of at least 1s", got=wait.every))
    changes: dict[str, S3Wait | HiveWait] = {}
    try:
        if wait.s3:
            changes["s3"] = _filled_s3(wait.s3, values, f"{field}.s3.uri")
        elif wait.hive:
            changes["hive"] = _filled_hive(wait.hive, values, f"{field}.hive.partition")
    except RequestError as error:
        problems += error.problems
    if problems:
        raise RequestError(problems)
    return wait.model_copy(update=changes)


def _filled_s3(place: S3Wait, values: Values, field: str) -> S3Wait:
    uri = fill_text(place.uri, values, field=field)
    if uri.endswith("/"):
        expected = "an object, such as s3://lake/dt=2026-11-20/_SUCCESS; for any object below a prefix end it in /*"
        raise RequestError([Problem(field=field, expected=expected, got=uri)])
    return place.model_copy(update={"uri": uri})


def _filled_hive(place: HiveWait, values: Values, field: str) -> HiveWait:
    filled = {column: fill_text(value, values, field=f"{field}.{column}") for column, value in place.partition.items()}
    return place.model_copy(update={"partition": filled})
