"""Showing how a run gets on, stage by stage: a table that renews itself on a terminal, else a line a change."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from rich.live import Live
from rich.table import Table

from verbatim.documents import now
from verbatim.stage import STAGES
from verbatim.store import LiveReader, Store, layout
from verbatim_cli.console import human_duration, human_number, plain
from verbatim_cli.summary import coloured_state

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from types import TracebackType

    from rich.console import Console

SHOWN_METRICS = 6


@dataclass(frozen=True)
class StageProgress:
    """How far one stage is; times are None until it starts or ends."""

    state: str
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def took_s(self) -> float | None:
        """Seconds from its start to its end, or to now."""
        return ((self.ended_at or now()) - self.started_at).total_seconds() if self.started_at else None


class RunProgress:
    """Shows one run; a context manager.

    Args:
        console: Where.
        title: What is going on.
    """

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._told: dict[str, str] = {}
        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        else:
            self._console.print(self._title)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, stages: Mapping[str, StageProgress], metrics: Mapping[str, float]) -> None:
        """Show the stages that have begun, and the last values of the metrics."""
        if self._live:
            self._live.update(self._table(stages, metrics))
            return
        for name in STAGES:
            stage = stages.get(name)
            if stage and self._told.get(name) != stage.state:
                self._told[name] = stage.state
                took = f"  {human_duration(stage.took_s)}" if stage.ended_at else ""
                self._console.print(f"  {name:<9} {coloured_state(stage.state)}{took}")

    def _table(self, stages: Mapping[str, StageProgress], metrics: Mapping[str, float]) -> Table:
        table = Table(title=self._title, title_justify="left", box=None, pad_edge=False, show_header=False)
        for name in STAGES:
            stage = stages.get(name)
            values = [
                f"{plain(metric)} {human_number(value)}" for metric, value in list(metrics.items())[-SHOWN_METRICS:]
            ]
            shown = ", ".join(values) if name == "train" else ""
            table.add_row(
                name,
                coloured_state(stage.state if stage else "-"),
                human_duration(stage.took_s if stage else None),
                shown,
            )
        return table


class LiveMetrics:
    """Follows the last value of each metric of a run while it trains."""

    def __init__(self, store: Store, run_id: str) -> None:
        self._reader = LiveReader(store, layout.metrics_prefix(run_id))
        self._last: dict[str, float] = {}

    def last(self) -> dict[str, float]:
        """Return every metric's last value, read anew, in the order in which they were first reported."""
        for chunk in self._reader.read_new():
            for line in chunk.splitlines():
                point = json.loads(line)
                self._last[point["name"]] = float(point["value"])
        return self._last
