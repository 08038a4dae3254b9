"""Run the benchmarks, print a table, write ``bench/results.json``.

The exit code tells whether everything could be measured, not whether the goals are reached: those are in the results.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.measurement import BenchmarkError, Measurement
from bench.registry import BENCHMARKS

RESULTS = Path(__file__).parent / "results.json"


def main() -> None:
    """Run what the arguments name, or everything."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", choices=sorted(BENCHMARKS), help="run this benchmark alone")
    only = parser.parse_args().only
    console = Console()
    measurements: list[Measurement] = []
    unmeasured = []
    for name in [only] if only else BENCHMARKS:
        try:
            measurements += BENCHMARKS[name]()
        except BenchmarkError as reason:
            unmeasured.append(name)
            console.print(f"[red]{name} could not be measured:[/red] {reason}", highlight=False)
    RESULTS.write_text(json.dumps([measurement.row() for measurement in measurements], indent=2) + "\n")
    if measurements:
        console.print(_table(measurements))
        console.print(f"Written to {os.path.relpath(RESULTS)}", highlight=False)
    sys.exit(1 if unmeasured else 0)


def _table(measurements: list[Measurement]) -> Table:
    table = Table(title=f"Benchmarks on {os.cpu_count()} cores")
    for column in ("benchmark", "ours", "peer", "ratio"):
        table.add_column(column, justify="left" if column == "benchmark" else "right")
    for column in ("the peer is", "goal", "holds"):
        table.add_column(column)
    verdicts = {True: "[green]yes[/green]", False: "[red]no[/red]", None: ""}
    for one in measurements:
        table.add_row(
            one.name,
            f"{one.ours:.2f} {one.unit}",
            f"{one.peer:.2f} {one.unit}",
            f"{one.ratio:.2f}",
            one.peer_name,
            one.goal or "",
            verdicts[one.holds],
        )
    return table


if __name__ == "__main__":
    main()
