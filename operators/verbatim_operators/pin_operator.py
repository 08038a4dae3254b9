"""``PinOperator``: turns an Airflow run's conf into a pinned run, on the worker. Nothing of the user's runs in it.

Before it pins, it waits for what the conf waits for; meanwhile the task is the triggerer's and holds no worker slot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from verbatim.documents import now
from verbatim.ids import run_id_for
from verbatim_operators.failures import failures_told
from verbatim_operators.run_record_link import RunRecordLink

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.sdk import Context
    from airflow.sdk.types import DagRunProtocol

    from verbatim.channels import WaitRequest
    from verbatim_operators.awaiting import Answer


class PinOperator(BaseOperator):
    """Validates the conf, picks the engine, resolves everything that moves and freezes the run's spec."""

    operator_extra_links = (RunRecordLink(),)
    ui_color = "#fdf3d8"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run_id: str | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Pin the run.

        Returns:
            The run's id, its spec's digest and the engine: what the other tasks go by.

        Raises:
            AirflowFailException: The conf cannot be run; all its problems are in the log.
            PlatformFault: The platform is at fault; retried.
            TaskDeferred: It waits for something; ``resume`` goes on.
        """
        with failures_told(self.log):
            return self._pin(context, None)

    def resume(self, context: Context, event: dict[str, Any], place: int) -> dict[str, Any]:
        """Go on after waiting.

        Args:
            context: As of ``execute``.
            event: What the triggerer found.
            place: Which of the conf's waits that was.

        Raises:
            AirflowFailException: It was not there in time; else as of ``execute``.
        """
        from verbatim_operators.awaiting import Answer  # noqa: PLC0415 - where DAGs are parsed it would cost time

        with failures_told(self.log):
            return self._pin(context, Answer(place, event))

    def _pin(self, context: Context, answer: Answer | None) -> dict[str, Any]:
        from verbatim.lifecycle import experiment_of  # noqa: PLC0415 - where DAGs are parsed it would cost time
        from verbatim_operators.awaiting import Awaiting  # noqa: PLC0415 - likewise
        from verbatim_operators.credentials import read_connection  # noqa: PLC0415 - likewise
        from verbatim_operators.engines.choice import choose_engine  # noqa: PLC0415 - likewise
        from verbatim_operators.worker import open_platform  # noqa: PLC0415 - likewise

        airflow_run, task = context["dag_run"], context["ti"]
        conf = airflow_run.conf or {}
        moment = airflow_run.run_after or now()
        self.run_id = run_id_for(experiment_of(conf), airflow_run.dag_id, airflow_run.run_id, moment)
        platform = open_platform()
        platform.catalog.migrate()
        choice = choose_engine(platform.settings)
        interval = _interval_of(airflow_run)
        awaiting = Awaiting(platform.settings, interval, answer, self._defer_for, self.log)
        result = platform.lifecycle.pin(
            conf,
            run_id=self.run_id,
            try_number=task.try_number,
            image=choice.image,
            engine=choice.engine.name,
            actor=airflow_run.triggering_user_name or "airflow",
            origin={"dag_id": airflow_run.dag_id, "airflow_run_id": airflow_run.run_id},
            moment=moment,
            interval=interval,
            read_connection=read_connection,
            awaited=awaiting.until_there,
        )
        for warning in result.warnings:
            self.log.warning("%s", warning)
        self.log.info("run %s is pinned", self.run_id)
        self.log.info("its stages run in %s (%s)", choice.engine.isolation, choice.reason)
        digest = result.outputs.spec_digest  # type: ignore[union-attr]  # pinning returns what it made, or raises
        return {"run_id": self.run_id, "spec_digest": digest, "engine": choice.engine.name}

    def _defer_for(self, wait: WaitRequest, deadline: datetime, place: int) -> None:
        from verbatim_operators.triggers import PresenceTrigger  # noqa: PLC0415 - where DAGs are parsed it would cost time

        trigger = PresenceTrigger(wait.model_dump(mode="json"), deadline.isoformat())
        self.defer(trigger=trigger, method_name="resume", kwargs={"place": place})


def _interval_of(airflow_run: DagRunProtocol) -> tuple[datetime, datetime] | None:
    """Return the data interval of a scheduled or backfilled run; None where it has none, or one of no length.

    The latter is what Airflow gives a run that was started by hand with a logical date, as its page does.
    """
    start, end = airflow_run.data_interval_start, airflow_run.data_interval_end
    return (start, end) if start and end and start < end else None
