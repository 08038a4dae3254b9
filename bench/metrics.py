"""Metrics: a training that prints some 60,000 of them a second, read into the store by the train stage.

The peer is the same program with its output in a file: nobody reads it. Both run in turn, with the same interpreter,
the same work and unbuffered output, as every training has it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.measurement import BenchmarkError, Measurement

if TYPE_CHECKING:
    from verbatim.lifecycle import RunLifecycle
    from verbatim.settings import PlatformSettings
    from verbatim.stage import StageName

PROJECT = Path(__file__).parent / "projects" / "chatty"
ZIPAPP = Path(__file__).parents[1] / "dist" / "verbatim-runner.pyz"
LINES = 400_000
LINES_A_SECOND = 60_000
PAIRS = 3
RUN_ID = "metrics-20260101T000000-000000"
GOAL_POINTS = 50_000
GOAL = f"at least {GOAL_POINTS:,}"
GOAL_SLOWDOWN = 0.02
PEER_NAME = "the same program, its output in a file"


@dataclass(frozen=True)
class _Loop:
    """What the program says of its own loop."""

    wall_s: float
    processor_s: float


@dataclass(frozen=True)
class _Captured:
    """A watched training: its loop, how fast its points were read, how late the last one was."""

    loop: _Loop
    points_a_second: float
    lag_s: float


def measure() -> list[Measurement]:
    """Run both alternately and return the medians."""
    if not ZIPAPP.exists():
        raise BenchmarkError(f"{ZIPAPP} is not there; build it with: make zipapp")
    with tempfile.TemporaryDirectory(prefix="verbatim-bench-") as scratch:
        additions = _calibrate(Path(scratch))
        ours, peers = [], []
        for number in range(PAIRS):
            peers.append(_alone(Path(scratch), LINES, additions))
            ours.append(_watched(Path(scratch) / str(number), additions))
    rate, lag_s = median(one.points_a_second for one in ours), median(one.lag_s for one in ours)
    wall_s, peer_s = median(one.loop.wall_s for one in ours), median(peer.wall_s for peer in peers)
    used_s, peer_used_s = median(one.loop.processor_s for one in ours), median(peer.processor_s for peer in peers)
    lines_a_second, slower = "lines a second of " + PEER_NAME, f"at most {GOAL_SLOWDOWN:.0%} slower"
    return [
        Measurement("metrics", "points/s", rate, LINES / peer_s, lines_a_second, GOAL, rate >= GOAL_POINTS),
        Measurement("metrics.training", "s", wall_s, peer_s, PEER_NAME, slower, wall_s <= peer_s * (1 + GOAL_SLOWDOWN)),
        Measurement("metrics.training_processor", "s", used_s, peer_used_s, PEER_NAME),
        Measurement("metrics.lag_at_end", "s", lag_s, peer_s, "the time it printed for"),
    ]


def _calibrate(scratch: Path) -> int:
    """Return how many additions a line makes the program print ``LINES_A_SECOND``."""
    few, many = 0, 200
    lines = LINES // 20
    base_s, loaded_s = (
        min(_alone(scratch, lines, additions).wall_s for _ in range(3)) / lines for additions in (few, many)
    )
    return max(0, int((1 / LINES_A_SECOND - base_s) / ((loaded_s - base_s) / many)))


def _alone(scratch: Path, lines: int, additions: int) -> _Loop:
    """Run the program with its output in a file."""
    output = scratch / "output"
    with output.open("wb") as file:
        subprocess.run(
            [sys.executable, str(PROJECT / "train.py"), str(lines), str(additions)],
            stdout=file, check=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    said = dict(pair.split("=") for pair in output.read_text().splitlines()[-1].split())
    return _Loop(float(said["loop_seconds"]), float(said["processor_seconds"]))


def _watched(home: Path, additions: int) -> _Captured:
    """Run the program in a train stage with a store of its own."""
    from verbatim.record import metric_points

    books = _train(
        home, {"code": str(PROJECT), "command": ["python", "train.py", str(LINES), str(additions)], "model": None}
    )
    points = list(metric_points(books.store, RUN_ID))
    read_at = [point.time for point in points if point.name == "loss"]
    if len(read_at) != LINES:
        raise BenchmarkError(f"{len(read_at)} of {LINES} points came into the store")
    last = {point.name: point for point in points}
    loop = _Loop(last["loop_seconds"].value, last["processor_seconds"].value)
    printed = last["printed_at"]
    return _Captured(loop, LINES / (read_at[-1] - read_at[0]), printed.time - printed.value)


def _train(home: Path, conf: dict[str, Any]) -> RunLifecycle:
    """Prepare and train a conf; return the books that tell of it."""
    from verbatim.catalog import Catalog
    from verbatim.documents import now
    from verbatim.lifecycle import RunLifecycle
    from verbatim.settings import Files, PlatformSettings
    from verbatim.spec import Image
    from verbatim.store import Store, hash_file

    home.mkdir()
    settings = PlatformSettings(
        store_url=f"file://{home}/store", catalog_url=f"sqlite:///{home}/catalog.db", runner=str(ZIPAPP),
        cache_dir=str(home / "cache"), files=Files(read=("*",)),
    )  # fmt: skip
    catalog = Catalog(settings.catalog_url)
    catalog.migrate()
    books = RunLifecycle(Store(settings.store_url), catalog, settings)
    image = Image(reference=ZIPAPP.name, digest=f"sha256:{hash_file(ZIPAPP)[0]}")
    books.pin(conf, run_id=RUN_ID, try_number=1, image=image, engine="process", actor="bench", origin={}, moment=now())
    for stage in ("prepare", "train"):
        _run_stage(books, settings, stage)
    return books


def _run_stage(books: RunLifecycle, settings: PlatformSettings, stage: StageName) -> None:
    from verbatim.launch import launch_stage
    from verbatim.lifecycle import raise_for
    from verbatim.stage import StageSecrets

    request = books.stage_request(
        RUN_ID, stage, 1, engine="process", store_url=settings.store_url, cache_dir=settings.cache_dir
    )
    launch_stage(
        request, StageSecrets(), zipapp=ZIPAPP, wheels=None, on_line=lambda _line: None, stop=threading.Event()
    )
    result = books.result_of(request)
    books.finish(result)
    raise_for(result)
