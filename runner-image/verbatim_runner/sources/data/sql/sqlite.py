"""Reads SQLite files. Their columns have no types, their values do: a column's type is that of all its values."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verbatim.errors import UserFault
from verbatim_runner.sources.data.sql.dialects import Table, digest_of

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Connection, Engine

    from verbatim_runner.sources.data.sql.dialects import Query

SQLITE_ARGUMENTS = 100
"""Of one function: SQLite takes 127."""
_STATEMENT_ERRORS = frozenset({"SQLITE_ERROR", "SQLITE_MISMATCH", "SQLITE_RANGE", "SQLITE_TOOBIG", "SQLITE_AUTH"})


class Sqlite:
    """A SQLite file. The sum is made here, of each row's digest, by an aggregate of our own."""

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
        return Table(schema, source_types, int(rows), digest_of(*names, str(rows), total or ""))

    def abandon(self) -> None:
        """See ``Dialect``."""

    def value(self, value: object) -> object:
        """See ``Dialect``."""
        if isinstance(value, datetime):
            return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
        if isinstance(value, date):
            return value.isoformat()
        return float(value) if isinstance(value, Decimal) else value

    def blames(self, error: Exception) -> bool:
        """See ``Dialect``."""
        return getattr(error, "sqlite_errorname", None) in _STATEMENT_ERRORS


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


def _sqlite_type(name: str, kinds: list[str], *, field: str) -> pa.DataType:
    import pyarrow as pa

    if kinds == ["integer", "real"]:
        return pa.float64()
    if len(kinds) > 1:
        raise UserFault(f"the column {name!r} holds {' and '.join(kinds)} values; cast it in the query", field=field)
    known = {"integer": pa.int64(), "real": pa.float64(), "text": pa.string(), "blob": pa.binary()}
    return known[kinds[0]] if kinds else pa.null()
