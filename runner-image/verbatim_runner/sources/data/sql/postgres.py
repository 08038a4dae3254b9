"""Reads PostgreSQL, through psycopg 3: a server-side cursor in a read-only transaction at REPEATABLE READ."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from verbatim_runner.sources.data.sql.dialects import CONNECT_TIMEOUT_S, Table, digest_of

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Connection, Engine

    from verbatim.stage import DatabaseLogin
    from verbatim_runner.sources.data.sql.dialects import Query

POSTGRES_EXTRAS = frozenset({
    "sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "connect_timeout", "options", "application_name",
    "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "target_session_attrs",
})  # fmt: skip
"""What of the connection's extra field goes to libpq, as with Airflow's provider; the rest is Airflow's own."""

KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 6}
"""A server that is gone without a word is noticed after a minute and a half, not after two hours."""

AS_TEXT = ("json", "jsonb", "interval", "timetz", "uuid", "inet", "cidr")
"""Types that psycopg would make into objects that say less than PostgreSQL's own text, or other than it."""
_PLATFORM_STATES = ("08", "40", "53", "55", "57", "58", "XX", "28")
"""Classes of PostgreSQL's errors that a retry or an administrator may mend (appendix A of its manual)."""
_POSTGRES_NUMERIC = (38, 20)
"""Precision and scale of a numeric that declares none, such as a sum's."""


class Postgres:
    """PostgreSQL.

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
        own = {"connect_timeout": CONNECT_TIMEOUT_S, **KEEPALIVES}
        return create_engine(url, poolclass=NullPool, connect_args=own | options, isolation_level="REPEATABLE READ")

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
        return Table(schema, types, int(rows), digest_of(*schema.names, *types.values(), str(rows), *totals))

    def abandon(self) -> None:
        """See ``Dialect``."""

    def value(self, value: object) -> object:
        """See ``Dialect``."""
        return value

    def blames(self, error: Exception) -> bool:
        """See ``Dialect``."""
        import psycopg

        state = getattr(error, "sqlstate", None)
        if state is None:  # of psycopg itself: a value that Python does not have, such as an infinite date
            return isinstance(error, psycopg.DataError)
        return not state.startswith(_PLATFORM_STATES)


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
