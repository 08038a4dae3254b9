"""``PromoteOperator``: does what the conf asks about promotion, and closes the run. Bookkeeping on the worker alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from verbatim_operators.failures import failures_told
from verbatim_operators.run_record_link import RunRecordLink

if TYPE_CHECKING:
    from airflow.sdk import Context


class PromoteOperator(BaseOperator):
    """Moves the model's alias, or says why it is not moved.

    Args:
        pinned_by: The task id of the run's ``PinOperator``.
        kwargs: As of ``BaseOperator``.
    """

    operator_extra_links = (RunRecordLink(),)
    ui_color = "#e2f5e5"

    def __init__(self, *, pinned_by: str = "pin", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pinned_by = pinned_by
        self.run_id: str | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Promote the run's model version as its spec says.

        Returns:
            The run's id, the alias that now points to its model, if any, and the reason.

        Raises:
            AirflowFailException: The version may not be promoted; not retried.
            PlatformFault: The platform is at fault; retried.
        """
        with failures_told(self.log):
            return self._promote(context)

    def _promote(self, context: Context) -> dict[str, Any]:
        from verbatim_operators.worker import open_platform  # noqa: PLC0415 - where DAGs are parsed it would cost time

        task, airflow_run = context["ti"], context["dag_run"]
        pinned = task.xcom_pull(task_ids=self.pinned_by)
        self.run_id = pinned["run_id"]
        actor = airflow_run.triggering_user_name or "airflow"
        result = open_platform().lifecycle.promote(self.run_id, task.try_number, actor)
        made = result.outputs
        self.log.info("promotion: %s", made.reason)  # type: ignore[union-attr]  # promoting returns what it did, or raises
        return {"run_id": self.run_id, "alias": made.alias, "reason": made.reason}  # type: ignore[union-attr]
