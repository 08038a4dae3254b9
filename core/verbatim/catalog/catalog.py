"""The catalog: the relational index over the store, and the one place of mutable state.

Runs on the worker, in the command and in pages, never in a stage's container. Every change is one transaction: on
SQLite writers queue for the database (``BEGIN IMMEDIATE``), on PostgreSQL for the row that they change.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import create_engine, event, func, insert, inspect, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from verbatim.catalog.tables import (
    HEAD,
    AuditRow,
    RunRow,
    RunStatus,
    VersionRow,
    VersionStatus,
    aliases,
    audit,
    experiments,
    model_versions,
    models,
    runs,
)
from verbatim.documents import now
from verbatim.errors import NotFound, PlatformFault, UserFault

ENDED_IN_AIRFLOW = "the run was ended in Airflow before its stages were"

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sqlalchemy import URL, Connection, Engine, Row, Table

    from verbatim.stage import StageName

BUSY_TIMEOUT_S = 60
_MIGRATION_LOCK = 0x7665726261  # any constant; names the migration among PostgreSQL's advisory locks

R = TypeVar("R", RunRow, VersionRow, AuditRow)


class Catalog:
    """Experiments, runs, model versions, aliases and the audit.

    Every method raises ``PlatformFault`` when the database does not answer; its messages never hold the password.

    Args:
        url: SQLAlchemy URL: ``sqlite:////path`` or ``postgresql+psycopg2://…``.
    """

    def __init__(self, url: str) -> None:
        try:
            self._url = make_url(url)
            self._engine = _open(self._url)
        except ArgumentError:
            raise PlatformFault(
                "the catalog's URL cannot be read; expected sqlite:////path or postgresql://…"
            ) from None
        except (NoSuchModuleError, ImportError) as error:
            raise PlatformFault(f"the catalog's database driver is not there: {error}") from None

    def migrate(self) -> None:
        """Bring the tables to the newest form; cheap when they have it, safe when several processes do it at once."""
        embedded = self._url.drivername.startswith("sqlite")
        if not embedded or Path(self._url.database or "").exists():
            with self._reading() as connection:
                if _revision(connection) == HEAD:
                    return
        if embedded:
            self._prepare_file()
        with self._writing() as connection:
            if not embedded:
                connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            if _revision(connection) != HEAD:
                _upgrade(connection)

    # Runs

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
            self._insert_once(connection, experiments, {"name": experiment, "created_at": moment})
            row = {
                "run_id": run_id, "experiment": experiment, "status": "running", "stage": None, "engine": engine,
                "actor": actor, "origin": dict(origin), "created_at": moment,
            }  # fmt: skip
            if not self._insert_once(connection, runs, row):
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
    ) -> None:
        """Change what is given of a run, and leave the rest.

        A status ends the run (``go_on`` makes it run again): it sets the time that it finished, and a run that succeeds
        has no error.

        Raises:
            NotFound: There is no such run.
        """
        given = {"status": status, "spec_digest": spec_digest, "error": error, "stage": stage}
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
        return _as(RunRow, row)

    def runs(self, experiment: str | None = None, limit: int = 50) -> list[RunRow]:
        """Return runs, the newest first, of one experiment or of all."""
        query = select(runs).order_by(runs.c.created_at.desc(), runs.c.run_id.desc()).limit(limit)
        if experiment is not None:
            query = query.where(runs.c.experiment == experiment)
        with self._reading() as connection:
            return [_as(RunRow, row) for row in connection.execute(query)]

    # Model versions

    def allot_version(self, name: str, run_id: str) -> int:
        """Return the version that a run's model gets: the next free one, the same whenever the run asks again.

        Raises:
            NotFound: There is no such run.
        """
        table = model_versions
        mine = select(table.c.version).where(table.c.name == name, table.c.run_id == run_id)
        with self._writing() as connection:
            if not connection.scalar(select(runs.c.run_id).where(runs.c.run_id == run_id)):
                raise NotFound(f"there is no run {run_id!r} in the catalog")
            self._insert_once(connection, models, {"name": name, "last_version": 0})
            model = models.c.name == name
            connection.execute(select(models).where(model).with_for_update())
            allotted: int | None = connection.scalar(mine)
            if allotted is None:
                following = update(models).where(model).values(last_version=models.c.last_version + 1)
                allotted = int(connection.execute(following.returning(models.c.last_version)).scalar_one())
                row = {"name": name, "version": allotted, "run_id": run_id, "created_at": now()}
                connection.execute(insert(table).values(row))
        return allotted

    def commit_version(self, name: str, version: int, *, digest: str, status: VersionStatus) -> None:
        """Make an allotted version visible; the same once more is fine.

        Args:
            name: The model.
            version: What ``allot_version`` gave.
            digest: Tree digest of the model's files.
            status: ``rejected`` can never be promoted.

        Raises:
            NotFound: The version was never allotted.
            PlatformFault: It is committed already, with another digest or status.
        """
        table = model_versions
        this = (table.c.name == name) & (table.c.version == version)
        with self._writing() as connection:
            connection.execute(
                update(table)
                .where(this, table.c.status.is_(None))
                .values(digest=digest, status=status, created_at=now())
            )
            row = connection.execute(select(table.c.digest, table.c.status).where(this)).one_or_none()
        if row is None:
            raise NotFound(f"version {version} of the model {name!r} was never allotted")
        if (row.digest, row.status) != (digest, status):
            raise PlatformFault(f"version {version} of the model {name!r} is there already; a version never changes")

    def versions(self, name: str | None = None) -> list[VersionRow]:
        """Return the committed versions of one model or of all, by name, the newest first."""
        table = model_versions
        query = select(table).where(table.c.status.is_not(None)).order_by(table.c.name, table.c.version.desc())
        if name is not None:
            query = query.where(table.c.name == name)
        with self._reading() as connection:
            return [_as(VersionRow, row) for row in connection.execute(query)]

    def aliases(self, name: str) -> dict[str, int]:
        """Return a model's aliases and the versions that they stand for."""
        query = select(aliases.c.alias, aliases.c.version).where(aliases.c.name == name).order_by(aliases.c.alias)
        with self._reading() as connection:
            return {row.alias: row.version for row in connection.execute(query)}

    def resolve(self, name: str, selector: str | None = None) -> VersionRow:
        """Return the version that a selector names.

        Args:
            name: The model.
            selector: ``3``, ``@champion``, or None for the latest candidate.

        Raises:
            NotFound: There is none; the message tells what there is.
        """
        versions = {row.version: row for row in self.versions(name)}
        if not versions:
            raise NotFound(f"there is no model {name!r} in the catalog")
        if selector is None:
            candidates = [version for version, row in versions.items() if row.status == "candidate"]
            if not candidates:
                raise NotFound(f"the model {name!r} has no candidate: all its {len(versions)} versions were rejected")
            return versions[max(candidates)]
        known: Mapping[str, int] = {str(version): version for version in versions}
        if selector.startswith("@"):
            known = {f"@{alias}": version for alias, version in self.aliases(name).items()}
        if selector not in known:
            there = ", ".join(list(known)[:20]) or "none"
            what = "alias" if selector.startswith("@") else "version"
            raise NotFound(f"the model {name!r} has no {what} {selector!r}; there are: {there}")
        return versions[known[selector]]

    def set_alias(self, name: str, alias: str, version: int, *, actor: str, reason: str) -> None:
        """Let an alias stand for a version, and note in the audit who did it and why.

        Raises:
            NotFound: There is no such version.
            UserFault: The version is no candidate.
        """
        table = model_versions
        with self._writing() as connection:
            connection.execute(select(models).where(models.c.name == name).with_for_update())
            row = connection.execute(
                select(table).where(table.c.name == name, table.c.version == version, table.c.status.is_not(None))
            ).one_or_none()
            if row is None:
                raise NotFound(f"the model {name!r} has no version {version}")
            if row.status != "candidate":
                raise UserFault(
                    f"version {version} of the model {name!r} is {row.status}; only a candidate gets an alias"
                )
            this = (aliases.c.name == name) & (aliases.c.alias == alias)
            before = connection.scalar(select(aliases.c.version).where(this))
            if before is None:
                connection.execute(insert(aliases).values(name=name, alias=alias, version=version))
            else:
                connection.execute(update(aliases).where(this).values(version=version))
            details = {"alias": alias, "version": version, "before": before, "digest": row.digest, "reason": reason}
            _note(connection, actor, "set_alias", name, details)

    # Audit

    def record(self, *, actor: str, action: str, subject: str, details: Mapping[str, Any]) -> None:
        """Add to the audit; what is there can never be changed.

        Args:
            actor: Who.
            action: Did what, as a verb.
            subject: To what: a run id, a model.
            details: JSON; no secrets.
        """
        with self._writing() as connection:
            _note(connection, actor, action, subject, details)

    def audit(self, limit: int = 100) -> list[AuditRow]:
        """Return what was done, the newest first."""
        with self._reading() as connection:
            return [
                _as(AuditRow, row) for row in connection.execute(select(audit).order_by(audit.c.id.desc()).limit(limit))
            ]

    # Connections

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise self._fault(error) from None

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            with self._engine.connect().execution_options(verbatim_writes=True) as connection, connection.begin():
                yield connection
        except DBAPIError as error:
            raise self._fault(error) from None

    def _insert_once(self, connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        return bool(connection.execute(dialect.insert(table).values(**values).on_conflict_do_nothing()).rowcount)

    def _prepare_file(self) -> None:
        """Make the SQLite file in write-ahead mode, in which readers never wait for the writer; it stays so."""
        path = Path(self._url.database or "")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
        except (OSError, sqlite3.Error) as error:
            raise self._fault(error) from None

    def _fault(self, error: Exception) -> PlatformFault:
        shown = self._url.set(query={}).render_as_string(hide_password=True)
        cause = error.orig if isinstance(error, DBAPIError) else error
        reason = " ".join(str(cause).split())[:300]
        if self._url.password:
            reason = reason.replace(str(self._url.password), "***")
        return PlatformFault(f"the catalog {shown} does not answer as it should: {reason}")


def _open(url: URL) -> Engine:
    """Return an engine that keeps no connection between calls: nothing to share by accident across forks."""
    if not url.drivername.startswith("sqlite"):
        return create_engine(url, poolclass=NullPool)
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin below, not in the driver
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begins(connection: Connection) -> None:
        writes = connection.get_execution_options().get("verbatim_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _revision(connection: Connection) -> str | None:
    """Return the migration that the tables are at; None where there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - takes half a second, and is seldom needed
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    command.upgrade(config, "head")


def _note(connection: Connection, actor: str, action: str, subject: str, details: Mapping[str, Any]) -> None:
    row = {"at": now(), "actor": actor, "action": action, "subject": subject, "details": dict(details)}
    connection.execute(insert(audit).values(row))


def _as(kind: type[R], row: Row[Any]) -> R:
    return kind(**{field.name: row._mapping[field.name] for field in fields(kind)})  # noqa: SLF001 - public in spite of its name
