"""Airflow's public REST API, as far as the CLI needs it: health, the training DAG, its runs and their tasks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import httpx

from verbatim.errors import NotFound, PlatformFault

if TYPE_CHECKING:
    from collections.abc import Mapping

DAG_ID = "train"
TIMEOUT_S = 60.0


@dataclass(frozen=True)
class TaskState:
    """One task of a DAG run, as Airflow sees it; times are None until it starts or ends."""

    name: str
    state: str | None
    started_at: datetime | None
    ended_at: datetime | None
    tries: int


class AirflowApi:
    """One Airflow.

    Methods raise ``PlatformFault`` when it does not answer or refuses.

    Args:
        url: Where its API server is, such as ``http://127.0.0.1:8080``.
        user: Whom to log in as, at the first request that needs it.
        password: The user's password.
        token: A bearer token to use in place of logging in.
    """

    def __init__(self, url: str, *, user: str, password: str, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._login = {"username": user, "password": password}
        self._token = token
        # A proxy is of no use for a platform on this machine, and loading certificates takes long.
        local = url.startswith("http://127.0.0.1:")
        self._client = httpx.Client(base_url=self.url, timeout=TIMEOUT_S, trust_env=not local, verify=not local)

    def run_url(self, run_id: str) -> str:
        """Return the page of a run in Airflow's UI."""
        return f"{self.url}/dags/{DAG_ID}/runs/{run_id}"

    def health(self) -> dict[str, Any]:
        """Return Airflow's own account of its components; needs no login."""
        return self._send("GET", "/api/v2/monitor/health", login=False)

    def has_dag(self) -> bool:
        """Return whether the training DAG is there."""
        try:
            self._send("GET", f"/api/v2/dags/{DAG_ID}")
        except NotFound:
            return False
        return True

    def import_errors(self) -> list[str]:
        """Return why DAG files could not be loaded, one text a file."""
        found = self._send("GET", "/api/v2/importErrors")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace'].strip()}" for error in found]

    def unpause(self) -> None:
        """Let the training DAG's runs start."""
        self._send("PATCH", f"/api/v2/dags/{DAG_ID}?update_mask=is_paused", json={"is_paused": False})

    def trigger(self, run_id: str, conf: Mapping[str, Any]) -> None:
        """Start a run of the training DAG.

        Args:
            run_id: Airflow's run id, which becomes Verbatim's.
            conf: The run request.

        Raises:
            NotFound: The DAG is not there.
        """
        body = {"dag_run_id": run_id, "conf": dict(conf), "logical_date": None}
        self._send("POST", f"/api/v2/dags/{DAG_ID}/dagRuns", json=body)

    def run_state(self, run_id: str) -> str:
        """Return a DAG run's state: queued, running, success or failed."""
        return str(self._send("GET", f"/api/v2/dags/{DAG_ID}/dagRuns/{run_id}")["state"])

    def tasks(self, run_id: str) -> list[TaskState]:
        """Return the tasks of a run of the training DAG."""
        found = self._send("GET", f"/api/v2/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return [
            TaskState(
                item["task_id"],
                item["state"],
                _moment(item["start_date"]),
                _moment(item["end_date"]),
                item["try_number"],
            )
            for item in found
        ]

    def _send(self, method: str, path: str, *, json: Any = None, login: bool = True) -> dict[str, Any]:
        try:
            headers = {"Authorization": f"Bearer {self._bearer()}"} if login else {}
            response = self._client.request(method, path, json=json, headers=headers)
            if response.status_code == httpx.codes.NOT_FOUND:
                raise NotFound(f"Airflow at {self.url} has no {path}")
            response.raise_for_status()
            return dict(response.json())
        except httpx.HTTPStatusError as error:
            answer = error.response
            raise PlatformFault(
                f"Airflow at {self.url} answered {answer.status_code} to {method} {path}: {answer.text[:500]}"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise PlatformFault(f"Airflow at {self.url} does not answer: {error or type(error).__name__}") from None

    def _bearer(self) -> str:
        if self._token is None:
            response = self._client.post("/auth/token", json=self._login)
            if response.status_code == httpx.codes.UNAUTHORIZED:
                raise PlatformFault(
                    f"Airflow at {self.url} refuses the user {self._login['username']!r} or the password"
                )
            self._token = str(response.raise_for_status().json()["access_token"])
        return self._token


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
