"""The link from a task to the page of its run's record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

PAGES_PREFIX = "/verbatim"


class RunRecordLink(BaseOperatorLink):
    """Opens the page of the run's record. Made in the task's process, when the task ends."""

    name = "Run record"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - the interface's
        """Return the page's address, or nothing for a task that never learnt its run."""
        run_id = getattr(operator, "run_id", None)
        base = conf.get("api", "base_url", fallback="").rstrip("/")
        return f"{base}{PAGES_PREFIX}/runs/{run_id}/page" if run_id else ""
