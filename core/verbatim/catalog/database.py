"""The catalog's database: its connections, transactions, faults and migrations. Knows none of the tables.

Every change is one transaction: on SQLite writers queue for the database (``BEGIN IMMEDIATE``), on PostgreSQL for the
row that they change.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import create_engine, event, func, inspect, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from verbatim.catalog.tables import HEAD
from verbatim.errors import PlatformFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import URL, Connection, Engine, Row, Table

BUSY_TIMEOUT_S = 60
_MIGRATION_LOCK = 0x7665726261  # any constant; names the migration among PostgreSQL's advisory locks

R = TypeVar("R")


class Database:
    """An SQLite file or a PostgreSQL database.

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


def row_as(kind: type[R], row: Row[Any]) -> R:
    """Return a row as the dataclass that has its columns."""
    return kind(**{field.name: row._mapping[field.name] for field in fields(kind)})  # type: ignore[arg-type]  # noqa: SLF001 - public in spite of its name


def insert_once(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless one of its key is there; return whether it was inserted."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return bool(connection.execute(dialect.insert(table).values(**values).on_conflict_do_nothing()).rowcount)
