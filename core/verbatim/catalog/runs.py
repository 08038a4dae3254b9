"""Runs as the catalog knows them: what the store cannot tell, since it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from verbatim.catalog.database import Database, insert_once, row_as
from verbatim.catalog.tables import RunRow, RunStatus, experiments, runs
from verbatim.documents import now
from verbatim.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from verbatim.stage import StageName

ENDED_IN_AIRFLOW = "the run was ended in Airflow before its stages were"


class Runs(Database):
    """Experiments and runs."""

    def start_run(self, run_id: str, experiment: str, *, actor: str, origin: Mapping[str, str], engine: str) -> None:
        """Enter a run as running; one that is there already (its pin is tried again) runs again.

        Args:
            run_id: The run's id.
            experiment: Its experiment; entered when it is new.
            actor: Who asked for it.
            origin: Where it was asked for, such as Airflow's DAG and run id.
            engine: Where its stages run.
        """
        moment = now()
        with self._writing() as connection:
            insert_once(connection, experiments, {"name": experiment, "created_at": moment})
            row = {
                "run_id": run_id, "experiment": experiment, "status": "running", "stage": None, "engine": engine,
                "actor": actor, "origin": dict(origin), "created_at": moment,
            }  # fmt: skip
            if not insert_once(connection, runs, row):
                again = {"status": "running", "engine": engine, "error": None, "finished_at": None}
                connection.execute(update(runs).where(runs.c.run_id == run_id).values(**again))

    def update_run(
        self,
        run_id: str,
        *,
        status: RunStatus | None = None,
        spec_digest: str | None = None,
        error: str | None = None,
        stage: str | None = None,
        resumed_from: str | None = None,
    ) -> None:
        """Change what is given of a run, and leave the rest.

        A status ends the run (``go_on`` makes it run again): it sets the time that it finished, and a run that succeeds
        has no error.

        Raises:
            NotFound: There is no such run.
        """
        given = {
            "status": status,
            "spec_digest": spec_digest,
            "error": error,
            "stage": stage,
            "resumed_from": resumed_from,
        }
        values: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        if status is not None:
            values["finished_at"] = now()
        if status == "succeeded":
            values.setdefault("error", None)
        if not values:
            return
        with self._writing() as connection:
            if not connection.execute(update(runs).where(runs.c.run_id == run_id).values(**values)).rowcount:
                raise NotFound(f"there is no run {run_id!r} in the catalog")

    def go_on(self, run_id: str, stage: StageName, *, after: Collection[StageName]) -> None:
        """Note that a run has come to a stage, and that it runs again if it had ended.

        One that ended at a stage which this one does not come after stays as it is: a branch that goes on beside a
        failed stage does not revive the run.

        Args:
            run_id: The run.
            stage: The stage that begins.
            after: The stages that have succeeded by then, and itself.

        Raises:
            NotFound: There is no such run.
        """
        revived = {"status": "running", "stage": stage, "error": None, "finished_at": None}
        ended_before = (runs.c.status != "running") & (runs.c.stage.is_(None) | runs.c.stage.in_(sorted(after)))
        with self._writing() as connection:
            if connection.execute(
                update(runs).where(runs.c.run_id == run_id, runs.c.status == "running").values(stage=stage)
            ).rowcount:
                return
            connection.execute(update(runs).where(runs.c.run_id == run_id, ended_before).values(**revived))
            if not connection.scalar(select(runs.c.run_id).where(runs.c.run_id == run_id)):
                raise NotFound(f"there is no run {run_id!r} in the catalog")

    def close_run(self, dag_id: str, airflow_run_id: str) -> str | None:
        """Close the run of an Airflow run that has ended, if it still counts as running.

        Returns:
            The run's id; None where there is nothing to close.
        """
        origin = {"dag_id": dag_id, "airflow_run_id": airflow_run_id}
        going_on = select(runs.c.run_id, runs.c.origin).where(runs.c.status == "running")
        with self._reading() as connection:
            found = next((row.run_id for row in connection.execute(going_on) if row.origin == origin), None)
        if found:
            closed = {"status": "cancelled", "error": ENDED_IN_AIRFLOW, "finished_at": now()}
            still = (runs.c.run_id == found) & (runs.c.status == "running")
            with self._writing() as connection:
                connection.execute(update(runs).where(still).values(**closed))
        return found

    def run(self, run_id: str) -> RunRow:
        """Return a run.

        Raises:
            NotFound: There is no such run.
        """
        with self._reading() as connection:
            row = connection.execute(select(runs).where(runs.c.run_id == run_id)).one_or_none()
        if row is None:
            raise NotFound(f"there is no run {run_id!r} in the catalog")
        return row_as(RunRow, row)

    def runs(self, experiment: str | None = None, limit: int = 50) -> list[RunRow]:
        """Return runs, the newest first, of one experiment or of all."""
        query = select(runs).order_by(runs.c.created_at.desc(), runs.c.run_id.desc()).limit(limit)
        if experiment is not None:
            query = query.where(runs.c.experiment == experiment)
        with self._reading() as connection:
            return [row_as(RunRow, row) for row in connection.execute(query)]

    def runs_called(self, run_ids: Collection[str]) -> list[RunRow]:
        """Return the runs of these ids, the oldest first."""
        query = select(runs).where(runs.c.run_id.in_(sorted(run_ids))).order_by(runs.c.created_at, runs.c.run_id)
        with self._reading() as connection:
            return [row_as(RunRow, row) for row in connection.execute(query)]

    def runs_after(self, run_ids: Collection[str]) -> list[RunRow]:
        """Return the runs that went on from the checkpoints of any of these, or of runs that did, the oldest first."""
        found: dict[str, RunRow] = {}
        with self._reading() as connection:
            asked = set(run_ids)
            while asked:
                query = select(runs).where(runs.c.resumed_from.in_(sorted(asked)))
                rows = [row_as(RunRow, row) for row in connection.execute(query)]
                asked = {row.run_id for row in rows} - set(found)
                found |= {row.run_id: row for row in rows}
        return sorted(found.values(), key=lambda row: (row.created_at, row.run_id))
