"""An embedded platform of a benchmark's own, and Airflow's REST API as a client sees it.

It has a home in a temporary directory, so that nothing measured touches the user's ``.verbatim/``, and the peers' DAGs
beside our own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from bench.measurement import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).parents[1]
RUN_TIMEOUT_S = 180
PARSE_TIMEOUT_S = 60
POLL_S = 0.5


@dataclass(frozen=True)
class TimedRun:
    """A finished DAG run.

    Attributes:
        queued_at: When it was triggered.
        ended_at: When each task ended.
        durations_s: What each task took, by Airflow's own measure: from its start in the worker to its end.
    """

    queued_at: datetime
    ended_at: dict[str, datetime]
    durations_s: dict[str, float]

    def until(self, task: str) -> float:
        """Return the seconds from the trigger to the end of a task."""
        return (self.ended_at[task] - self.queued_at).total_seconds()


class Airflow:
    """A logged-in client of Airflow's REST API.

    Args:
        url: Such as ``http://127.0.0.1:8080``.
        user: Its name.
        password: Its password.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=30, trust_env=False)
        token = self._client.post("/auth/token", json={"username": user, "password": password})
        token.raise_for_status()
        self._client.headers["Authorization"] = f"Bearer {token.json()['access_token']}"

    def wait_for_dag(self, dag_id: str) -> None:
        """Wait until a DAG has been parsed."""
        deadline = time.monotonic() + PARSE_TIMEOUT_S
        while self._client.get(f"/api/v2/dags/{dag_id}").status_code != httpx.codes.OK:
            if time.monotonic() > deadline:
                errors = self._get("importErrors")["import_errors"]
                raise BenchmarkError(
                    f"the DAG {dag_id} was not parsed within {PARSE_TIMEOUT_S} s; import errors: {errors}"
                )
            time.sleep(POLL_S)

    def run(self, dag_id: str, conf: dict[str, Any]) -> TimedRun:
        """Trigger a DAG and wait for its end.

        Raises:
            BenchmarkError: It did not succeed.
        """
        answer = self._client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"conf": conf, "logical_date": None})
        answer.raise_for_status()
        path = f"dags/{dag_id}/dagRuns/{answer.json()['dag_run_id']}"
        deadline = time.monotonic() + RUN_TIMEOUT_S
        while (run := self._get(path))["state"] not in {"success", "failed"} and time.monotonic() < deadline:
            time.sleep(POLL_S)
        tasks = self._get(f"{path}/taskInstances")["task_instances"]
        if run["state"] != "success":
            states = ", ".join(f"{task['task_id']} {task['state']}" for task in tasks)
            raise BenchmarkError(f"a run of {dag_id} ended as {run['state']}: {states}")
        return TimedRun(
            queued_at=datetime.fromisoformat(run["queued_at"]),
            ended_at={task["task_id"]: datetime.fromisoformat(task["end_date"]) for task in tasks},
            durations_s={task["task_id"]: task["duration"] for task in tasks},
        )

    def _get(self, path: str) -> Any:
        answer = self._client.get(f"/api/v2/{path}")
        answer.raise_for_status()
        return answer.json()


@contextmanager
def embedded_platform(settings: dict[str, Any]) -> Iterator[Airflow]:
    """Bring a platform up, with the peers' DAGs beside ours, and take it down at the end.

    Args:
        settings: What ``config/platform.yaml`` would hold.

    Raises:
        BenchmarkError: It did not come up.
    """
    with tempfile.TemporaryDirectory(prefix="verbatim-bench-", ignore_cleanup_errors=True) as scratch:
        home = Path(scratch) / "home"
        config = Path(scratch) / "platform.yaml"
        config.write_text(json.dumps(settings))  # JSON is YAML
        bundles = [_bundle("ours", CHECKOUT / "dags"), _bundle("peers", CHECKOUT / "bench" / "dags")]
        environment = os.environ | {
            "VERBATIM_HOME": str(home),
            "VERBATIM_CONFIG": str(config),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
        }
        try:
            _verbatim(environment, "up")
            url = json.loads(_verbatim(environment, "status", "--json"))["url"]
            ((user, password),) = json.loads((home / "airflow" / "passwords.json").read_text()).items()
            yield Airflow(url, user, password)
        finally:
            _verbatim(environment, "down")


def _bundle(name: str, folder: Path) -> dict[str, Any]:
    return {
        "name": name,
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(folder)},
    }


def _verbatim(environment: dict[str, str], *arguments: str) -> str:
    command = [str(Path(sys.executable).parent / "verbatim"), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(
            f"verbatim {arguments[0]} ended with {done.returncode}: {(done.stderr or done.stdout)[-2000:]}"
        )
    return done.stdout
