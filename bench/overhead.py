"""Overhead: from the trigger to the registered model of a training that does nothing, warm, every stage in a container.

The peer is a chain of as many stock DockerOperators in the same Airflow, each running ``true`` in the same image: what
Airflow and Docker cost by themselves, with nothing pinned, validated, stored or registered.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from statistics import median
from typing import Any

from rich.progress import track

from bench.measurement import BenchmarkError, Measurement
from bench.platform import Airflow, embedded_platform

IMAGE = "verbatim-runner:latest"
PROJECT = Path(__file__).parent / "projects" / "trivial"
STAGES = ("extract", "prepare", "validate", "train", "evaluate", "register")
PEER_DAG = "stock_docker_chain"
PEER_NAME = "chain of 6 stock DockerOperators running true"
RUNS = 7
GOAL_S = 6.0


def measure() -> list[Measurement]:
    """Run both alternately and return the medians: in all, and of each stage."""
    _demand_image()
    settings = {"engine": "docker", "docker": {"image": IMAGE}, "files": {"read": [str(PROJECT)]}}
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
        pairs = [
            (airflow.run("train", conf), airflow.run(PEER_DAG, {}))
            for _ in track(range(RUNS), description="overhead: ours and the peer in turn")
        ]
    ours = median(mine.until("register") for mine, _ in pairs)
    peer = median(stock.until(STAGES[-1]) for _, stock in pairs)
    goal = f"at most {GOAL_S:g} s, and below the peer"
    total = Measurement("overhead", "s", ours, peer, PEER_NAME, goal, holds=ours <= GOAL_S and ours < peer)
    stages = [
        Measurement(
            f"overhead.{stage}",
            "s",
            median(mine.durations_s[stage] for mine, _ in pairs),
            median(stock.durations_s[stage] for _, stock in pairs),
            "one of them",
        )
        for stage in STAGES
    ]
    return [total, *stages]


def _demand_image() -> None:
    docker = shutil.which("docker")
    found = docker and subprocess.run([docker, "image", "inspect", IMAGE], capture_output=True, check=False)
    if not found or found.returncode:
        raise BenchmarkError(f"it needs a Docker daemon that has the image {IMAGE}; build it with: make image")


def _warm_up(airflow: Airflow, conf: dict[str, Any]) -> None:
    """Run each once: the environment is built, page caches and the daemon are warm."""
    airflow.run("train", conf)
    airflow.run(PEER_DAG, {})
