"""``StageOperator``: one stage of a run as an Airflow task, in a container or, where there is no Docker, in a process.

Imported wherever DAGs are parsed: what execution needs is imported when it executes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk.exceptions import AirflowException, AirflowSkipException

from verbatim.errors import ContractError, PlatformFault
from verbatim_operators.failures import failures_told
from verbatim_operators.run_record_link import RunRecordLink
from verbatim_operators.validation_link import ValidationLink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import BaseOperatorLink, Context

    from verbatim.stage import StageName
    from verbatim_operators.engines.daemon import Client
    from verbatim_operators.stage_execution import StageExecution
    from verbatim_operators.worker import Platform


class StageOperator(DockerOperator):
    """Runs one stage of the run that its DAG's pin task pinned.

    The engine was picked when the run was pinned, the image is the spec's; what the container sees and may do is the
    docker engine's business. Of ``DockerOperator`` it keeps the connection (``docker_url``, ``tls_*``, ``timeout``).

    Args:
        stage: Which stage.
        pinned_by: The task id of the run's ``PinOperator``.
        only_after: Skip, rather than run, unless this stage left outputs (for a stage that also runs after failures).
        kwargs: As of ``DockerOperator``.
    """

    template_fields: Sequence[str] = ()
    template_ext: Sequence[str] = ()
    operator_extra_links: tuple[BaseOperatorLink, ...] = (RunRecordLink(),)
    ui_color = "#e4f0fb"

    def __init__(
        self, *, stage: StageName, pinned_by: str = "pin", only_after: StageName | None = None, **kwargs: Any
    ) -> None:
        super().__init__(image="", **kwargs)
        self.stage = stage
        if stage == "validate":
            self.operator_extra_links = (*self.operator_extra_links, ValidationLink())
        self.pinned_by = pinned_by
        self.only_after = only_after
        self.run_id: str | None = None
        self._execution: StageExecution | None = None
        self._lineage: OperatorLineage[Any, Any] | None = None

    def execute(self, context: Context) -> dict[str, Any]:  # type: ignore[override]  # DockerOperator returns log lines
        """Run the stage.

        Returns:
            The run's id, its spec's digest and a few numbers: what other tasks may read of it.

        Raises:
            AirflowFailException: The user's code, data or conf is at fault, or the run was stopped; not retried.
            PlatformFault: The platform is at fault; retried.
        """
        with failures_told(self.log):
            return self._execute(context)

    def _execute(self, context: Context) -> dict[str, Any]:
        from verbatim_operators.stage_execution import (  # noqa: PLC0415 - where DAGs are parsed it would cost time
            StageExecution,
            engine_named,
            has_outputs,
            summary_of,
        )
        from verbatim_operators.worker import open_platform  # noqa: PLC0415 - likewise

        task = context["ti"]
        pinned = task.xcom_pull(task_ids=self.pinned_by)
        if not pinned:
            if self.only_after:
                raise AirflowSkipException("the run was not pinned")
            raise ContractError(f"the task {self.pinned_by!r} left no run to work on")
        platform = open_platform()
        self.run_id = run_id = pinned["run_id"]
        if self.only_after and not has_outputs(platform.store, run_id, self.only_after, since="train"):
            raise AirflowSkipException(f"there is nothing to {self.stage}: {self.only_after} made nothing")
        self.docker_conn_id = platform.settings.docker.connection
        engine = engine_named(pinned["engine"], platform.settings, self._connect)
        self.log.info("run %s, stage %s, in %s", run_id, self.stage, engine.isolation)
        self._execution = StageExecution(platform, engine, self.log)
        try:
            result = self._execution.run(run_id, self.stage, task.try_number)
        finally:
            self._lineage = self._lineage_in(platform)
        return {"run_id": run_id, "stage": self.stage, "spec_digest": pinned["spec_digest"], **summary_of(result)}

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:  # noqa: ARG002 - OpenLineage's
        """Return the datasets that the stage read and made. When it starts nothing is known yet: no XCom is read."""
        return self._lineage

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:  # noqa: ARG002 - OpenLineage's
        """Return the datasets that the stage was to read, and what it has made of them so far."""
        return self._lineage

    def on_kill(self) -> None:
        """Stop the stage: it gets SIGTERM and a grace time, and is never a success."""
        if self._execution:
            self.log.warning("stopping the %s stage", self.stage)
            self._execution.stop()

    def _lineage_in(self, platform: Platform) -> OperatorLineage[Any, Any] | None:
        """Gather what OpenLineage is told, before it asks in a fork of this process, where the store cannot be read."""
        try:
            from airflow.providers.openlineage.conf import is_disabled  # noqa: PLC0415 - a site need not have it
        except ImportError:
            return None
        if is_disabled() or not self.run_id:
            return None
        try:
            from verbatim_operators.open_lineage import lineage_of  # noqa: PLC0415 - takes a second, and is seldom needed

            return lineage_of(platform, self.run_id, self.stage)
        except Exception as error:  # noqa: BLE001 - whatever keeps it from being told, the stage is what counts
            self.log.warning("OpenLineage is not told what the stage read and made: %s", error)
            return None

    def _connect(self) -> Client:
        try:
            return self.cli
        except AirflowException as error:
            raise PlatformFault(f"the run was pinned to containers, and no Docker daemon answers: {error}") from None
