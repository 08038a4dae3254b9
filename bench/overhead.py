"""Overhead: from the trigger to the registered model of a training that does nothing, warm, every stage in a container.

Measured twice: on the data of the run before (``overhead``: the snapshot and its validation are known), and on data
that no run has seen (``overhead.new_data``: all is extracted and judged anew).

The peer is a chain of as many stock DockerOperators in the same Airflow, each running ``true`` in the same image: what
Airflow and Docker cost by themselves, with nothing pinned, validated, stored or registered.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from rich.progress import track

from bench.measurement import BenchmarkError, Measurement
from bench.platform import Airflow, TimedRun, embedded_platform

IMAGE = "verbatim-runner:latest"
PROJECT = Path(__file__).parent / "projects" / "trivial"
STAGES = ("extract", "prepare", "validate", "train", "evaluate", "register")
PEER_DAG = "stock_docker_chain"
PEER_NAME = "chain of 6 stock DockerOperators running true"
RUNS = 7
GOAL_S = 6.0
GOAL = f"at most {GOAL_S:g} s"


def measure() -> list[Measurement]:
    """Run both alternately and return the medians: in all, and of each stage."""
    _demand_image()
    with tempfile.TemporaryDirectory(prefix="verbatim-bench-data-") as scratch:
        pairs = _run_in_turn(Path(scratch))
    stock = [peer for _, _, peer in pairs]
    peer_s = median(run.until(STAGES[-1]) for run in stock)
    known = [run for run, _, _ in pairs]
    return [
        _total("overhead", known, peer_s),
        _total("overhead.new_data", [run for _, run, _ in pairs], peer_s),
        *(
            Measurement(
                f"overhead.{stage}",
                "s",
                median(run.durations_s[stage] for run in known),
                median(run.durations_s[stage] for run in stock),
                "one of them",
            )
            for stage in STAGES
        ),
    ]


def _total(name: str, runs: list[TimedRun], peer_s: float) -> Measurement:
    ours_s = median(run.until("register") for run in runs)
    return Measurement(name, "s", ours_s, peer_s, PEER_NAME, GOAL, holds=ours_s <= GOAL_S)


def _run_in_turn(scratch: Path) -> list[tuple[TimedRun, TimedRun, TimedRun]]:
    """Return the timed runs: on known data, on new data, and the peer's."""
    settings = {"engine": "docker", "docker": {"image": IMAGE}, "files": {"read": [str(PROJECT), str(scratch)]}}
    conf: dict[str, Any] = {
        "experiment": "overhead",
        "code": str(PROJECT),
        "data": {"train": {"file": {"uri": f"file://{PROJECT / 'data'}/"}}},
        "validation": {"train": "expectations/train.json"},
        "gates": [{"metric": "loss", "max": 1}],
        "resources": {"memory": "512m"},
    }
    with embedded_platform(settings) as airflow:
        for dag in ("train", PEER_DAG):
            airflow.wait_for_dag(dag)
        _warm_up(airflow, conf)
        return [
            (
                airflow.run("train", conf),
                airflow.run("train", conf | {"data": _new_data(scratch, number)}),
                airflow.run(PEER_DAG, {}),
            )
            for number in track(
                range(RUNS), description="overhead: ours on known and on new data, and the peer in turn"
            )
        ]


def _new_data(scratch: Path, number: int) -> dict[str, Any]:
    """Return a channel whose file no run has seen."""
    directory = scratch / str(number)
    directory.mkdir()
    content = (PROJECT / "data" / "rows.csv").read_text().rstrip("\n").splitlines()
    (directory / "rows.csv").write_text("\n".join([*content, *[content[-1]] * (number + 1)]) + "\n")
    return {"train": {"file": {"uri": f"file://{directory}/"}}}


def _demand_image() -> None:
    docker = shutil.which("docker")
    found = docker and subprocess.run([docker, "image", "inspect", IMAGE], capture_output=True, check=False)
    if not found or found.returncode:
        raise BenchmarkError(f"it needs a Docker daemon that has the image {IMAGE}; build it with: make image")


def _warm_up(airflow: Airflow, conf: dict[str, Any]) -> None:
    """Run each once: the environment is built, page caches and the daemon are warm."""
    airflow.run("train", conf)
    airflow.run(PEER_DAG, {})
