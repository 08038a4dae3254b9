"""The link from the validate task to what the suites said of the run's data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

from verbatim_operators.run_record_link import RunRecordLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class ValidationLink(BaseOperatorLink):
    """Opens the Data Docs of the run's channels. Made in the task's process, when the task ends."""

    name = "Validation"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the page's address, or nothing for a task that never learnt its run."""
        record = RunRecordLink().get_link(operator, ti_key=ti_key)
        return f"{record.removesuffix('/page')}/validation" if record else ""
