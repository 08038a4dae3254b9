"""``verbatim submit``: a run through Airflow, from a conf file."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from verbatim_cli.commands.options import AsJson
from verbatim_cli.outcome import exit_code_of

if TYPE_CHECKING:
    from verbatim.lifecycle import RunLifecycle
    from verbatim_cli.airflow_api import AirflowApi
    from verbatim_cli.progress import StageProgress

POLL_S = 0.5
INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended, as shells have it."""
ENDED = {"success", "failed"}
_WORDS = {"success": "succeeded"}
"""Airflow's words for states, where Verbatim has others."""


def submit(
    conf: Annotated[Path, typer.Argument(metavar="CONF", help="A JSON file; paths in it are relative to it.")],
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Show how the run gets on; the exit code tells how it ended.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start a run on the platform. With --wait and --json the run's record is printed when it has ended."""
    from verbatim_cli.console import print_json

    if wait:
        record = run_to_end(conf)
        print_json(record) if as_json else print_outcome(record)
        raise typer.Exit(exit_code_of(record))
    run_id, url = _trigger(conf)
    if as_json:
        print_json({"run_id": run_id, "url": url})
    else:
        print(f"{run_id}\n{url}")


def run_to_end(conf: Path) -> dict[str, Any]:
    """Start a run, show how it gets on until it has ended, and return its record.

    Raises:
        VerbatimError: The conf is wrong, or no platform answers.
    """
    from verbatim.errors import NotFound, PlatformFault
    from verbatim.record import run_record
    from verbatim_cli.opening import open_airflow, open_books

    run_id, url = _trigger(conf)
    books = open_books()
    try:
        _follow(open_airflow(), books, run_id)
    except KeyboardInterrupt:
        print(f"The run goes on. `verbatim logs {run_id} --follow` follows it; {url} stops it.", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    try:
        return run_record(books.store, books.catalog, run_id)
    except NotFound:
        raise PlatformFault(f"{run_id} ended before it was recorded; its log is at {url}") from None


def print_outcome(record: dict[str, Any]) -> None:
    """Print a record for people, and where Airflow shows it."""
    from verbatim_cli.opening import open_airflow
    from verbatim_cli.summary import print_record

    print_record(record)
    print(f"{'in Airflow':<12} {open_airflow().run_url(record['run_id'])}")


def _trigger(conf: Path) -> tuple[str, str]:
    """Check a conf, start its run, and return the run's id and page."""
    from verbatim.documents import now
    from verbatim.ids import new_run_id
    from verbatim.request import parse_request
    from verbatim_cli.conf import read_conf
    from verbatim_cli.opening import open_airflow

    values = read_conf(conf)
    request = parse_request(values)
    airflow = open_airflow()
    airflow.unpause()
    run_id = new_run_id(request.experiment_name, now())
    airflow.trigger(run_id, values)
    return run_id, airflow.run_url(run_id)


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
        task.name: StageProgress(_WORDS.get(task.state, task.state.replace("_", " ")), task.started_at, task.ended_at)
        for task in airflow.tasks(run_id)
        if task.state
    }
