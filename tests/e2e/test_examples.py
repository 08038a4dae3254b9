"""Every example, in containers through Airflow, twice: a registered model each, and the second run like the first."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from platform_fixture import Commands, Platform

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(conf.parent.name for conf in EXAMPLES.glob("*/conf.json"))
UNDER_WAY = frozenset({"queued", "running"})
TIMEOUT_S = 1200
RECORDS_ITS_TIME = frozenset({"wine-mlproject"})
"""Their models hold the time and an id, whoever makes them."""

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(2 * TIMEOUT_S)]


class Runs:
    """The runs of all examples, submitted at once: most of their time is spent on installing."""

    def __init__(self, verbatim: Commands) -> None:
        self._verbatim = verbatim
        self._ids = {name: self._submit(name) for name in NAMES}

    def first(self, name: str) -> dict[str, Any]:
        """Return the record of an example's first run, when it has ended."""
        return self._ended(self._ids[name])

    def again(self, name: str) -> dict[str, Any]:
        """Run an example once more."""
        return self._ended(self._submit(name))

    def _submit(self, name: str) -> str:
        return str(self._verbatim("submit", str(EXAMPLES / name / "conf.json"), "--json")["run_id"])

    def _ended(self, run_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            done = self._verbatim.run("show", run_id, "--json")
            record: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {"status": "queued"}
            if record["status"] not in UNDER_WAY:
                return record
            assert time.monotonic() < deadline, f"{run_id} did not end: {record}"
            time.sleep(0.5)


@pytest.fixture(scope="module")
def runs(platform: Platform, runner_image: str) -> Runs:
    assert runner_image
    platform.verbatim.use_engine("docker")
    return Runs(platform.verbatim)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_becomes_a_registered_model_twice(name: str, runs: Runs) -> None:
    first = runs.first(name)

    assert first["status"] == "succeeded", first["error"]
    assert first["engine"] == "docker"
    assert all(gate["passed"] for gate in first["gates"])
    assert first["model"]["files"]

    second = runs.again(name)

    assert second["status"] == "succeeded", second["error"]
    for part, digest in (("code", "digest"), ("environment", "lock_digest"), ("model", "digest")):
        if not (part == "model" and name in RECORDS_ITS_TIME):
            assert first[part][digest] == second[part][digest], part
    assert second["environment"]["cached"]
