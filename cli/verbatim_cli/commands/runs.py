"""``verbatim runs``, ``show``, ``metrics``, ``logs`` and ``artifacts``: what is known of runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from verbatim_cli.commands.options import AsJson, RunName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verbatim.lifecycle import RunLifecycle
    from verbatim.stage import StageName

FOLLOW_POLL_S = 0.5


def runs(
    *,
    experiment: Annotated[str | None, typer.Option(help="Only this experiment's.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List runs, the newest first."""
    from dataclasses import asdict

    from verbatim_cli.console import human_time, plain, print_json, print_table
    from verbatim_cli.opening import open_catalog, open_settings
    from verbatim_cli.summary import coloured_state

    rows = open_catalog(open_settings()).runs(experiment, limit)
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    if not rows:
        print("No run yet; start one with: verbatim submit CONF")
        return
    print_table(
        ("run", "status", "stage", "engine", "by", "started"),
        (
            (
                row.run_id,
                coloured_state(row.status),
                row.stage or "-",
                row.engine,
                plain(row.actor),
                human_time(row.created_at),
            )
            for row in rows
        ),
    )


def show(run: RunName, *, as_json: AsJson = False) -> None:
    """Show the record of a run: stages, metrics, gates, model, and what it was made of."""
    from verbatim.record import run_record
    from verbatim_cli.console import print_json
    from verbatim_cli.opening import find_run, open_books
    from verbatim_cli.summary import print_record

    books = open_books()
    record = run_record(books.store, books.catalog, find_run(books.catalog, run))
    if as_json:
        print_json(record)
    else:
        print_record(record)


def metrics(run: RunName, *, as_json: AsJson = False) -> None:
    """Show a run's metrics with their curves; with --json every point."""
    from verbatim.metrics import MetricSummary
    from verbatim.record import metric_points
    from verbatim_cli.console import human_number, plain, print_json, print_table, sparkline
    from verbatim_cli.opening import find_run, open_books

    books = open_books()
    run_id = find_run(books.catalog, run)
    points = list(metric_points(books.store, run_id))
    if as_json:
        print_json([point.model_dump() for point in points])
        return
    curves: dict[str, list[float]] = {}
    summaries: dict[str, MetricSummary] = {}
    for point in points:
        curves.setdefault(point.name, []).append(point.value)
        so_far = summaries.get(point.name)
        summaries[point.name] = so_far.add(point) if so_far else MetricSummary.start(point)
    if not curves:
        print(f"{run_id} has reported no metric.")
        return
    print_table(
        ("metric", ">last", ">min", ">max", ">points", "curve"),
        (
            (
                plain(name),
                *map(human_number, (value.last, value.min, value.max)),
                str(value.count),
                sparkline(curves[name]),
            )
            for name, value in sorted(summaries.items())
        ),
    )


def logs(
    run: RunName,
    *,
    stage: Annotated[str | None, typer.Option(help="Only this stage's, such as `train`.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ends.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print what a run's stages wrote, stage by stage."""
    import json

    from verbatim.errors import UserFault
    from verbatim.stage import RUNNER_STAGES
    from verbatim_cli.console import print_json
    from verbatim_cli.opening import find_run, open_books

    if stage is not None and stage not in RUNNER_STAGES:
        raise UserFault(
            f"no stage with a log is called {stage!r}; there are: {', '.join(RUNNER_STAGES)}", field="--stage"
        )
    books = open_books()
    run_id = find_run(books.catalog, run)
    stages = tuple(name for name in RUNNER_STAGES if stage in {None, name})
    lines = _lines(books, run_id, stages, follow=follow)
    if as_json and not follow:
        print_json([{"stage": name, "line": line} for name, line in lines])
        return
    for name, line in lines:
        text = json.dumps({"stage": name, "line": line}, ensure_ascii=False) if as_json else line
        print(text if stage or as_json else f"{name:<9}│ {line}", flush=follow)


def artifacts(run: RunName, *, as_json: AsJson = False) -> None:
    """List what a run made besides its model, checkpoints too; `verbatim download RUN DIR` fetches it."""
    from verbatim.record import run_record
    from verbatim_cli.console import human_size, plain, print_json, print_table
    from verbatim_cli.opening import find_run, open_books

    books = open_books()
    record = run_record(books.store, books.catalog, find_run(books.catalog, run))
    checkpoints = [file | {"path": f"checkpoints/{file['path']}"} for file in record["checkpoints"]]
    files: list[dict[str, Any]] = [*record["artifacts"], *checkpoints]
    if as_json:
        print_json(files)
    elif not files:
        print("The run has made no artifacts.")
    else:
        rows = ((plain(file["path"]), human_size(file["size"]), file["sha256"][:12]) for file in files)
        print_table(("file", ">size", "sha256"), rows)


def _lines(
    books: RunLifecycle, run_id: str, stages: tuple[StageName, ...], *, follow: bool
) -> Iterator[tuple[StageName, str]]:
    """Yield stage and line: what is there, then what comes until the run ends."""
    from verbatim.store import LiveReader, layout

    readers = {stage: LiveReader(books.store, layout.log_prefix(run_id, stage)) for stage in stages}
    goes_on = True
    while goes_on:
        goes_on = follow and books.catalog.run(run_id).status == "running"
        for stage, reader in readers.items():
            for chunk in reader.read_new():
                for line in chunk.decode(errors="replace").splitlines():
                    yield stage, line
        if goes_on:
            time.sleep(FOLLOW_POLL_S)
