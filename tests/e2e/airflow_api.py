"""A user's view of Airflow through its REST API: trigger, wait, read the task's log."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import httpx

ENDED = {"success", "failed"}


@dataclass
class AirflowApi:
    """One logged-in user.

    Attributes:
        url: Such as ``http://127.0.0.1:8080``.
    """

    url: str
    user: str
    password: str
    _client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self._client = httpx.Client(base_url=self.url, timeout=30)
        answer = self._client.post("/auth/token", json={"username": self.user, "password": self.password})
        answer.raise_for_status()
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def close(self) -> None:
        self._client.close()

    def get(self, path: str) -> Any:
        answer = self._client.get(f"/api/v2/{path}")
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._client.post(f"/api/v2/{path}", json=body)
        answer.raise_for_status()
        return answer.json()

    def patch(self, path: str, body: dict[str, Any]) -> None:
        self._client.patch(f"/api/v2/{path}", json=body).raise_for_status()

    def delete(self, path: str) -> None:
        self._client.delete(f"/api/v2/{path}").raise_for_status()

    def trigger(self, conf: dict[str, Any], dag_id: str = "train", run_id: str | None = None) -> str:
        """Trigger a run as ``curl`` would; return Airflow's run id."""
        body = {"conf": conf, "logical_date": None} | ({"dag_run_id": run_id} if run_id else {})
        answer = self._client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["dag_run_id"])

    def wait(self, run_id: str, dag_id: str = "train", timeout_s: float = 300) -> str:
        """Wait for a run's end; return its state."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            state = str(self.get(f"dags/{dag_id}/dagRuns/{run_id}")["state"])
            if state in ENDED:
                return state
            time.sleep(0.5)
        raise AssertionError(f"{run_id} did not end within {timeout_s} s: {self.tasks(run_id, dag_id)}")

    def tasks(self, run_id: str, dag_id: str = "train") -> dict[str, dict[str, Any]]:
        """Return a run's task instances by task id."""
        found = self.get(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: task for task in found}

    def log_lines(self, run_id: str, task: str, try_number: int = 1, dag_id: str = "train") -> list[str]:
        """Return the lines of a task's log as its page shows them, without the grouping lines."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task}/logs/{try_number}?full_content=true"
        content = self.get(path)["content"]
        events = [entry["event"] if isinstance(entry, dict) else str(entry) for entry in content]
        return [event for event in events if not event.startswith(("::group::", "::endgroup::"))]
