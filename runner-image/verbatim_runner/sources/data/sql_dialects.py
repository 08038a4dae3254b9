"""What differs between SQL databases for a reader: connecting, the types of columns, a sum over rows, errors.

Knows nothing of channels and snapshots. Messages of drivers pass through ``fault_of`` alone, which hides secrets.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from verbatim.errors import PlatformFault, UserFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa
    from sqlalchemy import Connection, Engine, TextClause
    from sqlalchemy.exc import SQLAlchemyError

    from verbatim.stage import DatabaseLogin

CONNECT_TIMEOUT_S = 30
POSTGRES_EXTRAS = frozenset({
    "sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "connect_timeout", "options", "application_name",
    "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "target_session_attrs",
})  # fmt: skip
"""What of the connection's extra field goes to libpq, as with Airflow's provider; the rest is Airflow's own."""

AS_TEXT = ("json", "jsonb", "interval", "timetz", "uuid", "inet", "cidr")
"""Types that psycopg would make into objects that say less than PostgreSQL's own text, or other than it."""
_PLATFORM_STATES = ("08", "40", "53", "55", "57", "58", "XX", "28")
"""Classes of PostgreSQL's errors that a retry or an administrator may mend (appendix A of its manual)."""
SQLITE_ARGUMENTS = 100
"""Of one function: SQLite takes 127."""
_STATEMENT_ERRORS = frozenset({"SQLITE_ERROR", "SQLITE_MISMATCH", "SQLITE_RANGE", "SQLITE_TOOBIG", "SQLITE_AUTH"})
_POSTGRES_NUMERIC = (38, 20)
"""Precision and scale of a numeric that declares none, such as a sum's."""


@dataclass(frozen=True)
class Table:
    """What a query gives.

    Attributes:
        schema: Its columns.
        source_types: Column to type as the database names it.
        rows: How many.
        fingerprint: A sum over the rows and the types that does not depend on their order.
    """

    schema: pa.Schema
    source_types: Mapping[str, str]
    rows: int
    fingerprint: str


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

    def value(self, value: object) -> object:
        """Return a value as the driver takes it."""
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
        return Postgres(login)
    if login.kind == "sqlite" and database_file:
        return Sqlite(database_file)
    raise UserFault(f"a connection of type postgres or sqlite is needed; this one is {login.kind!r}", field=field)


def fault_of(error: SQLAlchemyError, name: str, secrets: Iterable[str], *, field: str) -> UserFault | PlatformFault:
    """Return a database's error as one of ours: a statement that is wrong is the user's, all else the platform's."""
    cause: Any = getattr(error, "orig", None) or error
    said = (str(cause).strip().splitlines() or [type(cause).__name__])[0][:300]
    for secret in secrets:
        said = said.replace(secret, "***")
    state, code = getattr(cause, "sqlstate", None), getattr(cause, "sqlite_errorname", None)
    if (state and not state.startswith(_PLATFORM_STATES)) or code in _STATEMENT_ERRORS:
        return UserFault(f"{name} was refused: {said}", field=field)
    if state is None and code is None and type(cause).__name__ in {"DataError", "ProgrammingError"}:
        return UserFault(f"{name} gives what cannot be read: {said}. Cast it in the query", field=field)
    return PlatformFault(f"{name} was not answered: {said}")


class Postgres:
    """PostgreSQL, through psycopg 3: a server-side cursor in a read-only transaction at REPEATABLE READ.

    The sum is made by the server: of ``hashtextextended`` of each row's text, twice with different seeds.
    """

    def __init__(self, login: DatabaseLogin) -> None:
        self._login = login

    def engine(self) -> Engine:
        """See ``Dialect``."""
        from sqlalchemy import URL, create_engine
        from sqlalchemy.pool import NullPool

        login = self._login
        extra = json.loads(login.extra.get_secret_value()) if login.extra else {}
        options = {name: str(value) for name, value in extra.items() if name in POSTGRES_EXTRAS}
        url = URL.create(
            "postgresql+psycopg", login.username, login.password.get_secret_value() if login.password else None,
            login.host, login.port, login.database,
        )  # fmt: skip
        arguments = {"connect_timeout": CONNECT_TIMEOUT_S, **options}
        return create_engine(url, poolclass=NullPool, connect_args=arguments, isolation_level="REPEATABLE READ")

    def begin(self, connection: Connection) -> None:
        """See ``Dialect``."""
        from psycopg.types.string import TextLoader

        connection.execution_options(postgresql_readonly=True)
        connection.exec_driver_sql("SET LOCAL TimeZone TO 'UTC'")
        connection.exec_driver_sql("SET LOCAL DateStyle TO 'ISO'")
        driver: Any = connection.connection.driver_connection
        for name in AS_TEXT:
            driver.adapters.register_loader(name, TextLoader)

    def describe(self, connection: Connection, query: Query) -> Table:
        """See ``Dialect``."""
        import pyarrow as pa

        source = " AS verbatim_row"
        with connection.execute(query.within("SELECT * FROM ", f"{source} LIMIT 0")) as described:
            columns: Any = described.cursor.description
        schema = pa.schema([pa.field(column.name, _postgres_type(column)) for column in columns])
        types = {column.name: column.type_display for column in columns}
        sums = ", ".join(
            f"coalesce(sum(hashtextextended(verbatim_row\\:\\:text, {seed})), 0)\\:\\:text" for seed in (0, 1)
        )
        counting = query.within(f"SELECT count(*), {sums} FROM ", source)  # noqa: S608 - nothing of it is a value
        rows, *totals = connection.execute(counting).one()
        return Table(schema, types, int(rows), _digest(*schema.names, *types.values(), str(rows), *totals))

    def value(self, value: object) -> object:
        """See ``Dialect``."""
        return value


class Sqlite:
    """A SQLite file. Its columns have no types, its values do: a column's type is that of all its values."""

    def __init__(self, path: str) -> None:
        self._path = path

    def engine(self) -> Engine:
        """See ``Dialect``."""
        from sqlalchemy import URL, create_engine
        from sqlalchemy.pool import NullPool

        url = URL.create("sqlite", database=Path(self._path).as_uri(), query={"mode": "ro", "uri": "true"})
        return create_engine(url, poolclass=NullPool)

    def begin(self, connection: Connection) -> None:
        """See ``Dialect``."""
        driver: Any = connection.connection.driver_connection
        driver.create_function("verbatim_digest", -1, _digest_of_values, deterministic=True)
        driver.create_aggregate("verbatim_sum", -1, _RowSum)
        connection.exec_driver_sql("BEGIN")

    def describe(self, connection: Connection, query: Query) -> Table:
        """See ``Dialect``."""
        import pyarrow as pa

        with connection.execute(query.within()) as described:
            names = [column[0] for column in described.cursor.description]
        quoted = ['"' + name.replace('"', '""').replace(":", r"\:") + '"' for name in names]
        kinds = ", ".join(f"group_concat(DISTINCT typeof({name}))" for name in quoted)
        parts = [quoted[start : start + SQLITE_ARGUMENTS] for start in range(0, len(quoted), SQLITE_ARGUMENTS)]
        digests = ", ".join(f"verbatim_digest({', '.join(part)})" for part in parts)
        counting = query.within(f"SELECT count(*), verbatim_sum({digests}), {kinds} FROM ")  # noqa: S608 - likewise
        rows, total, *found = connection.execute(counting).one()
        types = [sorted(set((text or "null").split(",")) - {"null"}) for text in found]
        columns = zip(names, types, strict=True)
        schema = pa.schema([pa.field(name, _sqlite_type(name, kinds, field=query.field)) for name, kinds in columns])
        source_types = {name: " or ".join(kinds) or "null" for name, kinds in zip(names, types, strict=True)}
        return Table(schema, source_types, int(rows), _digest(*names, str(rows), total or ""))

    def value(self, value: object) -> object:
        """See ``Dialect``."""
        if isinstance(value, datetime):
            return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
        if isinstance(value, date):
            return value.isoformat()
        return float(value) if isinstance(value, Decimal) else value


class _RowSum:
    """An aggregate for SQLite: the sum of the rows' digests, modulo 2**128."""

    def __init__(self) -> None:
        self._total = 0

    def step(self, *digests: bytes) -> None:
        self._total = (self._total + int.from_bytes(_digest_of_values(*digests))) % 2**128

    def finalize(self) -> str:
        return f"{self._total:032x}"


def _digest_of_values(*values: object) -> bytes:
    return hashlib.blake2b(repr(values).encode(errors="surrogatepass"), digest_size=16).digest()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _sqlite_type(name: str, kinds: list[str], *, field: str) -> pa.DataType:
    import pyarrow as pa

    if kinds == ["integer", "real"]:
        return pa.float64()
    if len(kinds) > 1:
        raise UserFault(f"the column {name!r} holds {' and '.join(kinds)} values; cast it in the query", field=field)
    known = {"integer": pa.int64(), "real": pa.float64(), "text": pa.string(), "blob": pa.binary()}
    return known[kinds[0]] if kinds else pa.null()


def _postgres_type(column: Any) -> pa.DataType:
    """Return the Arrow type of a column; what has none of its own is text, as PostgreSQL writes it."""
    import psycopg
    import pyarrow as pa

    info = psycopg.adapters.types.get(column.type_code)
    if info and info.oid != column.type_code:
        return pa.list_(_scalar_type(info.name, None, None))
    return _scalar_type(info.name if info else "", column.precision, column.scale)


def _scalar_type(name: str, precision: int | None, scale: int | None) -> pa.DataType:
    import pyarrow as pa

    if name == "numeric":
        if precision is None or scale is None:
            precision, scale = _POSTGRES_NUMERIC
        if scale < 0:
            precision, scale = precision - scale, 0
        return pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)
    types = {
        "bool": pa.bool_(), "int2": pa.int16(), "int4": pa.int32(), "int8": pa.int64(), "oid": pa.int64(),
        "float4": pa.float32(), "float8": pa.float64(), "bytea": pa.binary(), "date": pa.date32(),
        "time": pa.time64("us"), "timestamp": pa.timestamp("us"), "timestamptz": pa.timestamp("us", "UTC"),
    }  # fmt: skip
    return types.get(name, pa.string())
