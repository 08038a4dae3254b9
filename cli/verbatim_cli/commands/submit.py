"""``verbatim submit``: a run through Airflow, from a conf file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from verbatim_cli.commands.options import AsJson

if TYPE_CHECKING:
    from verbatim.lifecycle import RunLifecycle
    from verbatim_cli.airflow_api import AirflowApi
    from verbatim_cli.progress import StageProgress

POLL_S = 0.5
ENDED = {"success", "failed"}


def submit(
    conf: Annotated[Path, typer.Argument(metavar="CONF", help="A JSON file; paths in it are relative to it.")],
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Show how the run gets on; the exit code tells how it ended.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start a run on the platform. With --wait and --json the run's record is printed when it has ended."""
    from verbatim.documents import now
    from verbatim.ids import new_run_id
    from verbatim.request import parse_request
    from verbatim_cli.conf import read_conf
    from verbatim_cli.console import print_json
    from verbatim_cli.opening import open_airflow

    values = read_conf(conf)
    request = parse_request(values)
    airflow = open_airflow()
    airflow.unpause()
    run_id = new_run_id(request.experiment_name, now())
    airflow.trigger(run_id, values)
    if wait:
        _wait(airflow, run_id, as_json=as_json)
    elif as_json:
        print_json({"run_id": run_id, "url": airflow.run_url(run_id)})
    else:
        print(f"{run_id}\n{airflow.run_url(run_id)}")


def _wait(airflow: AirflowApi, run_id: str, *, as_json: bool) -> None:
    from verbatim.errors import NotFound, PlatformFault
    from verbatim.record import run_record
    from verbatim_cli.console import print_json
    from verbatim_cli.opening import open_books
    from verbatim_cli.outcome import exit_code_of
    from verbatim_cli.summary import print_record

    books = open_books()
    _follow(airflow, books, run_id)
    try:
        record: dict[str, Any] = run_record(books.store, books.catalog, run_id)
    except NotFound:
        raise PlatformFault(f"{run_id} ended before it was recorded; its log is at {airflow.run_url(run_id)}") from None
    if as_json:
        print_json(record)
    else:
        print_record(record)
        print(f"{'in Airflow':<12} {airflow.run_url(run_id)}")
    raise typer.Exit(exit_code_of(record))


def _follow(airflow: AirflowApi, books: RunLifecycle, run_id: str) -> None:
    """Show the run's progress until Airflow says that it has ended."""
    from verbatim_cli.console import stderr
    from verbatim_cli.progress import LiveMetrics, RunProgress

    metrics = LiveMetrics(books.store, run_id)
    with RunProgress(stderr(), f"{run_id}  {airflow.run_url(run_id)}") as progress:
        ended = False
        while not ended:
            ended = airflow.run_state(run_id) in ENDED
            progress.show(_stages(airflow, run_id), metrics.last())
            if not ended:
                time.sleep(POLL_S)


def _stages(airflow: AirflowApi, run_id: str) -> dict[str, StageProgress]:
    from verbatim_cli.progress import StageProgress

    return {
        task.name: StageProgress(task.state.replace("_", " "), task.started_at, task.ended_at)
        for task in airflow.tasks(run_id)
        if task.state
    }
