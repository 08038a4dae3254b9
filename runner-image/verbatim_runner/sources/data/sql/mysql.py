"""Reads MySQL and MariaDB, through PyMySQL: rows as they come in a read-only transaction with a consistent snapshot.

Of tables that keep no versions (MyISAM) a snapshot is not to be had; there the count of rows is all that is checked.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from verbatim_runner.sources.data.sql.dialects import ANSWER_TIMEOUT_S, CONNECT_TIMEOUT_S, Table, digest_of

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Connection, Engine

    from verbatim.stage import DatabaseLogin
    from verbatim_runner.sources.data.sql.dialects import Query

BINARY_CHARSET = 63
HALF = 15
"""Hexadecimal digits of a row's MD5 that fit a 64-bit integer with room to spare."""
_REFUSED = frozenset({1044, 1049, 1054, 1060, 1142, 1143, 1305, 1370, 1792})
"""Errors that PyMySQL calls operational, and that another query or more rights would mend."""


class Mysql:
    """MySQL. The sum is made by the server: of two halves of the MD5 of each row's text."""

    def __init__(self, login: DatabaseLogin) -> None:
        self._login = login
        self._driver: Any = None

    def engine(self) -> Engine:
        """See ``Dialect``."""
        from sqlalchemy import URL, create_engine
        from sqlalchemy.pool import NullPool

        login = self._login
        extra = json.loads(login.extra.get_secret_value()) if login.extra else {}
        arguments = {"connect_timeout": CONNECT_TIMEOUT_S, "read_timeout": ANSWER_TIMEOUT_S, "charset": "utf8mb4"}
        if tls := extra.get("ssl"):
            arguments["ssl"] = json.loads(tls) if isinstance(tls, str) else tls
        if socket := extra.get("unix_socket"):
            arguments["unix_socket"] = socket
        url = URL.create(
            "mysql+pymysql", login.username, login.password.get_secret_value() if login.password else None, login.host,
            login.port, login.database,
        )  # fmt: skip
        return create_engine(url, poolclass=NullPool, connect_args=arguments, isolation_level="REPEATABLE READ")

    def begin(self, connection: Connection) -> None:
        """See ``Dialect``."""
        self._driver = connection.connection.driver_connection
        connection.exec_driver_sql("SET time_zone = '+00:00'")
        connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def describe(self, connection: Connection, query: Query) -> Table:
        """See ``Dialect``."""
        import pyarrow as pa

        source = " AS verbatim_row"
        with connection.execute(query.within("SELECT * FROM ", f"{source} LIMIT 0")) as described:
            fields = _fields(described.cursor)
        schema = pa.schema([pa.field(field.name, _type(field)) for field in fields])
        row = f"md5(concat_ws(',', {', '.join(_text(field) for field in fields)}))"
        halves = ", ".join(
            f"sum(CAST(conv(substring({row}, {start}, {HALF}), 16, 10) AS unsigned))" for start in (1, HALF + 1)
        )
        counting = query.within(f"SELECT count(*), count({row}), {halves} FROM ", source)  # noqa: S608 - nothing of it is a value
        rows, summed, *totals = connection.execute(counting).one()
        types = {field.name: _name(field) for field in fields}
        parts = (*schema.names, *map(str, schema.types), str(rows), *map(str, totals))
        return Table(schema, types, int(rows), digest_of(*parts) if rows == summed else None)

    def abandon(self) -> None:
        """See ``Dialect``; PyMySQL would read all rows that are left, also of a connection that is lost."""
        result = getattr(self._driver, "_result", None)
        if result is not None:
            result.unbuffered_active = False

    def value(self, value: object) -> object:
        """See ``Dialect``."""
        return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value

    def blames(self, error: Exception) -> bool:
        """See ``Dialect``."""
        import pymysql

        code = error.args[0] if error.args else None
        return code in _REFUSED or isinstance(error, pymysql.ProgrammingError | pymysql.DataError)


def _fields(cursor: Any) -> list[Any]:
    """Return what the server says of the columns: the cursor's description leaves out signs and character sets."""
    return list(cursor._result.fields)  # noqa: SLF001


def _text(field: Any) -> str:
    """Return an expression for a column's value as text of which no digit and no null is lost."""
    from pymysql.constants import FIELD_TYPE

    column = "`" + field.name.replace("`", "``").replace(":", r"\:") + "`"
    if field.type_code == FIELD_TYPE.FLOAT:
        return f"quote({column} + 0e0)"
    return f"quote({column})" if _is_number_or_time(field) else f"coalesce(hex({column}), 'N')"


def _is_number_or_time(field: Any) -> bool:
    from pymysql.constants import FIELD_TYPE

    return bool(field.type_code <= FIELD_TYPE.YEAR or field.type_code == FIELD_TYPE.NEWDECIMAL)


def _name(field: Any) -> str:
    from pymysql.constants import FIELD_TYPE, FLAG

    names = {code: name.lower() for name, code in vars(FIELD_TYPE).items() if isinstance(code, int)}
    unsigned = " unsigned" if _is_number_or_time(field) and field.flags & FLAG.UNSIGNED else ""
    return f"{names.get(field.type_code, str(field.type_code))}{unsigned}"


def _type(field: Any) -> pa.DataType:
    import pyarrow as pa
    from pymysql.constants import FIELD_TYPE, FLAG

    unsigned = bool(field.flags & FLAG.UNSIGNED)
    integers = {
        FIELD_TYPE.TINY: (pa.int8(), pa.uint8()), FIELD_TYPE.SHORT: (pa.int16(), pa.uint16()),
        FIELD_TYPE.INT24: (pa.int32(), pa.uint32()), FIELD_TYPE.LONG: (pa.int32(), pa.uint32()),
        FIELD_TYPE.LONGLONG: (pa.int64(), pa.uint64()), FIELD_TYPE.YEAR: (pa.int16(), pa.uint16()),
    }  # fmt: skip
    if field.type_code in integers:
        return integers[field.type_code][unsigned]
    if field.type_code == FIELD_TYPE.NEWDECIMAL:
        precision = field.length - (field.scale > 0) - (not unsigned)
        return pa.decimal128(precision, field.scale) if precision <= 38 else pa.decimal256(precision, field.scale)
    others = {
        FIELD_TYPE.FLOAT: pa.float32(), FIELD_TYPE.DOUBLE: pa.float64(), FIELD_TYPE.NULL: pa.null(),
        FIELD_TYPE.TIMESTAMP: pa.timestamp("us", "UTC"), FIELD_TYPE.DATETIME: pa.timestamp("us"),
        FIELD_TYPE.DATE: pa.date32(), FIELD_TYPE.TIME: pa.duration("us"), FIELD_TYPE.BIT: pa.binary(),
        FIELD_TYPE.JSON: pa.string(),
    }  # fmt: skip
    return others.get(field.type_code) or (pa.binary() if field.charsetnr == BINARY_CHARSET else pa.string())
