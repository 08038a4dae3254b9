"""Data from a SQL database: the rows of one query, through SQLAlchemy.

State and rows are read in one read-only transaction, so that the one is the other's. What differs between databases
(how to connect, what types columns have, a sum over rows) is a ``Dialect``: one module each, see ``dialects``.
"""

from __future__ import annotations

import weakref
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from verbatim.errors import PlatformFault, UserFault, first_line
from verbatim.snapshot import SourceState
from verbatim_runner.sources.data.sql.dialects import Query, dialect_of, fault_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa
    from sqlalchemy import Connection

    from verbatim.channels import SqlSource
    from verbatim.spec import BoundQuery, BoundValue
    from verbatim.stage import DatabaseLogin
    from verbatim_runner.sources.data.interface import DataSink
    from verbatim_runner.sources.data.sql.dialects import Table

FIRST_ROWS, MAX_ROWS = 50, 20_000
BATCH_BYTES = 16 * 1024 * 1024
"""What a batch aims at, as Arrow holds it: few rows at once where they are wide."""


class SqlData:
    """The rows of a query.

    Args:
        source: The connection and the query as it was asked.
        query: What is run.
        login: How the database is reached.
        database_file: For SQLite, the file; pinning has checked that it may be read.
        channel: The channel's name, for messages.

    Raises:
        UserFault: The connection is of a kind that cannot be read.
    """

    def __init__(
        self, source: SqlSource, query: BoundQuery, login: DatabaseLogin, database_file: str | None, *, channel: str
    ) -> None:
        self.name = f"the query on {source.connection}"
        self.field = f"data.{channel}.sql.query"
        self._dialect = dialect_of(login, database_file, field=f"data.{channel}.sql.connection")
        self._made_by = f"{login.kind}-sums-1"  # another word where the same rows would have other sums
        self._secrets = [secret.get_secret_value() for secret in (login.password, login.extra) if secret]
        values = {name: self._dialect.value(_plain(value)) for name, value in query.values.items()}
        self._query = Query(query.statement, values, self.field)
        self._table: Table | None = None
        self._close: Callable[[], object] = lambda: None

    def state(self) -> SourceState:
        """Return the number of rows and a sum over them; the transaction stays open for ``fetch``."""
        self._close()
        with self._faults():
            connection = self._begin()
            self._table = table = self._dialect.describe(connection, self._query)
            _demand_names(table.schema, field=self.field)
            fingerprint = table.fingerprint and f"{self._made_by}:{table.fingerprint}"
            return SourceState(rows=table.rows, fingerprint=fingerprint)

    def fetch(self, state: SourceState, sink: DataSink) -> None:
        """Read the rows in the state's own transaction, a few thousand at a time.

        Raises:
            PlatformFault: The connection was lost, or not all rows came.
            UserFault: A value does not fit its column's type.
        """
        table = self._table
        if table is None:
            raise ValueError("fetch follows state")
        taken = 0
        try:
            with sink.take_table(table.schema, table.source_types) as take, self._faults():
                for rows in self._batches(table):
                    taken += rows.num_rows
                    take(rows)
                self._demand_rows(taken, state)
        except BaseException:
            self._dialect.abandon()
            if not self._connection.closed:
                self._connection.invalidate()
            raise
        finally:
            self._close()

    def _begin(self) -> Connection:
        """Open a connection with a transaction; it ends with ``_close``, at the latest when nobody holds the source."""
        engine = self._dialect.engine()
        connection = engine.connect()
        self._connection, self._close = connection, weakref.finalize(self, connection.close)
        self._dialect.begin(connection)
        return connection

    def _batches(self, table: Table) -> Iterator[pa.RecordBatch]:
        with self._connection.execution_options(stream_results=True).execute(self._query.within()) as result:
            count = FIRST_ROWS
            while rows := result.fetchmany(count):
                batch = _batch(rows, table.schema, field=self.field)
                yield batch
                count = max(1, min(MAX_ROWS, 4 * count, len(rows) * BATCH_BYTES // max(batch.nbytes, 1)))

    def _demand_rows(self, taken: int, state: SourceState) -> None:
        if taken != state.rows:
            raise PlatformFault(f"{self.name} gave {taken} rows instead of {state.rows}")

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Turn the database's errors into ours; what they hold of the connection's secrets is hidden."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except SQLAlchemyError as error:
            self._dialect.abandon()
            self._close()
            raise fault_of(error, self._dialect, self.name, self._secrets, field=self.field) from None


def _plain(value: BoundValue) -> object:
    """Return a bound value as Python has it."""
    match value.kind:
        case "timestamp":
            return datetime.fromisoformat(value.text)
        case "date":
            return date.fromisoformat(value.text)
        case "integer":
            return int(value.text)
        case "number":
            return Decimal(value.text)
        case "boolean":
            return value.text == "true"
        case "null":
            return None
        case "text":
            return value.text


def _demand_names(schema: pa.Schema, *, field: str) -> None:
    if not schema.names:
        raise UserFault("the query gives no columns", field=field)
    doubled = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if doubled:
        raise UserFault(f"the query gives several columns named {', '.join(doubled)}; name each with AS", field=field)


def _batch(rows: Sequence[Sequence[Any]], schema: pa.Schema, *, field: str) -> pa.RecordBatch:
    """Return rows in columns."""
    import pyarrow as pa

    arrays = []
    for column, values in zip(schema, zip(*rows, strict=True), strict=True):
        try:
            arrays.append(_array(values, column.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
            reason = first_line(error)
            message = (
                f"a value of the column {column.name!r} does not fit {column.type}: {reason}. Cast it in the query"
            )
            raise UserFault(message, field=field) from None
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_string(kind):
        values = [value if value is None or isinstance(value, str) else str(value) for value in values]
    elif pa.types.is_floating(kind):
        values = [None if value is None else float(value) for value in values]
    return pa.array(values, kind)
