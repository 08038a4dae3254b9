"""What differs between SQL databases for a reader: connecting, the types of columns, a sum over rows, errors.

The interface, and the list of those that have it. Knows nothing of channels and snapshots. Messages of drivers pass
through ``fault_of`` alone, which hides secrets.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from verbatim.errors import PlatformFault, UserFault, first_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa
    from sqlalchemy import Connection, Engine, TextClause
    from sqlalchemy.exc import SQLAlchemyError

    from verbatim.stage import DatabaseLogin

CONNECT_TIMEOUT_S = 30
ANSWER_TIMEOUT_S = 6 * 3600
"""How long a server may take over a query before its first row, or between two; then it is taken to hang."""


@dataclass(frozen=True)
class Table:
    """What a query gives.

    Attributes:
        schema: Its columns.
        source_types: Column to type as the database names it.
        rows: How many.
        fingerprint: A sum over the rows and the types that does not depend on their order; None where there is none.
    """

    schema: pa.Schema
    source_types: Mapping[str, str]
    rows: int
    fingerprint: str | None


@dataclass(frozen=True)
class Query:
    """A query with its values, as the driver takes them.

    Attributes:
        statement: In SQLAlchemy's form, with ``:name`` for a value.
        values: By name.
        field: The conf field that it is from, for messages.
    """

    statement: str
    values: Mapping[str, object]
    field: str

    def within(self, head: str = "", tail: str = "") -> TextClause:
        """Return it as a part of another statement; whatever comment it ends in ends with it."""
        from sqlalchemy import text

        inner = f"({self.statement}\n)" if head else self.statement
        return text(f"{head}{inner}{tail}").bindparams(**self.values)


class Dialect(Protocol):
    """One kind of database."""

    def engine(self) -> Engine:
        """Return an engine that connects anew each time."""
        ...

    def begin(self, connection: Connection) -> None:
        """Begin a transaction that sees one state of the database and changes nothing."""
        ...

    def describe(self, connection: Connection, query: Query) -> Table:
        """Return what a query gives, without its rows leaving the database.

        Raises:
            UserFault: A column has no one type.
        """
        ...

    def abandon(self) -> None:
        """Let the driver forget what it has not read yet: the connection is closed as it is."""
        ...

    def value(self, value: object) -> object:
        """Return a value as the driver takes it."""
        ...

    def blames(self, error: Exception) -> bool:
        """Return whether a driver's error blames the query or its rights, not the server or the way to it."""
        ...


def dialect_of(login: DatabaseLogin, database_file: str | None, *, field: str) -> Dialect:
    """Return the dialect of a connection.

    Args:
        login: How the database is reached.
        database_file: For SQLite, the file.
        field: The conf field that names the connection.

    Raises:
        UserFault: It is of a kind that cannot be read.
    """
    if login.kind == "postgres":
        from verbatim_runner.sources.data.sql.postgres import Postgres

        return Postgres(login)
    if login.kind == "mysql":
        from verbatim_runner.sources.data.sql.mysql import Mysql

        return Mysql(login)
    if login.kind == "sqlite" and database_file:
        from verbatim_runner.sources.data.sql.sqlite import Sqlite

        return Sqlite(database_file)
    raise UserFault(f"a connection of type postgres, mysql or sqlite is needed, not {login.kind!r}", field=field)


def fault_of(
    error: SQLAlchemyError, dialect: Dialect, name: str, secrets: Iterable[str], *, field: str
) -> UserFault | PlatformFault:
    """Return a database's error as one of ours.

    Args:
        error: As SQLAlchemy has it, with the driver's own in it.
        dialect: Who knows what it means.
        name: The source's, for the message.
        secrets: What must not be in the message.
        field: The conf field that names the query.
    """
    cause: Exception = getattr(error, "orig", None) or error
    text = str(cause.args[1] if len(cause.args) > 1 else cause)
    for secret in secrets:
        text = text.replace(secret, "***")
    said = first_line(cause, text)
    if dialect.blames(cause):
        return UserFault(f"{name} was refused, or gives what cannot be read: {said}", field=field)
    return PlatformFault(f"{name} was not answered: {said}")


def digest_of(*parts: str) -> str:
    """Return one digest of texts, in order."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
