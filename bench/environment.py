"""Environments: how long ``prepare`` takes with nothing known, with all known, and with one requirement changed.

The peer makes a virtual environment and installs the same requirements with pip, whose cache of downloads is warm for
all but the first: what a job does that installs its dependencies when it starts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measurement import BenchmarkError, Measurement

if TYPE_CHECKING:
    from verbatim.spec import PinnedCode
    from verbatim.stage import StageRequest

ZIPAPP = Path(__file__).parents[1] / "dist" / "verbatim-runner.pyz"
REQUIREMENTS = ("pandas==2.2.3", "scikit-learn==1.5.2", "matplotlib==3.9.2")
ONE_MORE = ("tabulate==0.9.0",)
WARM_RUNS = 5
PEER_NAME = "python -m venv and pip install -r"
GOAL_S = 1.0


@dataclass
class _Ground:
    """A store, a cache and a project of one benchmark.

    Attributes:
        root: Where all of it lies.
        runs: How many stages and installations there were.
        said: What the stages said.
    """

    root: Path
    runs: int = 0
    said: list[str] = field(default_factory=list)

    def prepare_s(self, requirements: tuple[str, ...]) -> float:
        """Return the seconds that the prepare stage of a project takes, from its process's start to its end."""
        from verbatim.launch import launch_stage
        from verbatim.spec import PinnedCode
        from verbatim.stage import StageSecrets
        from verbatim.store import Store
        from verbatim.tree import pack_tree

        self.runs += 1
        project = self.root / f"project{self.runs}"
        project.mkdir()
        (project / "train.py").write_text("print('loss=1')\n")
        (project / "requirements.txt").write_text("".join(f"{line}\n" for line in requirements))
        store = Store(f"file://{self.root}/store")
        pack_tree(project, None, self.root / "code.tar")
        digest = store.put_file(self.root / "code.tar").sha256
        code = PinnedCode(kind="directory", url=str(project), digest=digest)
        request = _request(code, self.root, self.runs)
        started = time.perf_counter()
        status = launch_stage(
            request, StageSecrets(), zipapp=ZIPAPP, wheels=None, on_line=self.said.append, stop=threading.Event()
        )
        if status:
            raise BenchmarkError("prepare failed: " + " | ".join(self.said[-5:]))
        return time.perf_counter() - started

    def pip_s(self, requirements: tuple[str, ...]) -> float:
        """Return the seconds that the peer takes."""
        self.runs += 1
        home = self.root / f"venv{self.runs}"
        environment = os.environ | {"PIP_CACHE_DIR": str(self.root / "pip")}
        started = time.perf_counter()
        for command in (
            [sys.executable, "-m", "venv", home],
            [home / "bin/pip", "install", "--quiet", "--disable-pip-version-check", *requirements],
        ):
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise BenchmarkError(f"the peer failed: {done.stderr[-500:]}")
        return time.perf_counter() - started


def measure() -> list[Measurement]:
    """Run each in turn with the peer."""
    if not ZIPAPP.exists():
        raise BenchmarkError(f"{ZIPAPP} is not there; build it with: make zipapp")
    changed = (*REQUIREMENTS, *ONE_MORE)
    with tempfile.TemporaryDirectory(prefix="verbatim-bench-") as scratch:
        ground = _Ground(Path(scratch))
        cold, peer_cold = ground.prepare_s(REQUIREMENTS), ground.pip_s(REQUIREMENTS)
        warm = min(ground.prepare_s(REQUIREMENTS) for _ in range(WARM_RUNS))
        peer_warm = ground.pip_s(REQUIREMENTS)
        changed_s, peer_changed = ground.prepare_s(changed), ground.pip_s(changed)
    goal = f"at most {GOAL_S:g} s"
    return [
        Measurement("environment.warm", "s", warm, peer_warm, PEER_NAME, goal, warm <= GOAL_S),
        Measurement("environment.one_changed", "s", changed_s, peer_changed, PEER_NAME),
        Measurement("environment.cold", "s", cold, peer_cold, PEER_NAME),
    ]


def _request(code: PinnedCode, root: Path, number: int) -> StageRequest:
    from verbatim.documents import now
    from verbatim.request import parse_request
    from verbatim.spec import Image, RunSpec
    from verbatim.stage import StageRequest

    asked = parse_request(
        {"code": code.url, "experiment": "environment", "environment": {"as_of": "2025-01-01T00:00:00Z"}}
    )
    kept = (
        "command", "entry_point", "parameters", "validation", "metrics", "evaluation", "gates", "promotion",
        "resources", "environment", "seed", "retention",
    )  # fmt: skip
    spec = RunSpec(
        experiment="environment", code=code, data={}, as_of=now(), model=None, platform_version="bench",
        image=Image(reference=ZIPAPP.name, digest="sha256:0"), **{name: getattr(asked, name) for name in kept},
    )  # fmt: skip
    return StageRequest(
        run_id="environment-20260101T000000-000000", stage="prepare", try_number=number, spec=spec,
        store_url=f"file://{root}/store", engine="process", cache_dir=str(root / "cache"),
    )  # fmt: skip
