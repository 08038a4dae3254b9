"""Data from Hive: the rows of one query on a HiveServer2.

Hive has no transaction around several statements: that the rows are those of the state is known by asking for the state
again after the last row. A connection that is lost starts the query anew once; what had come is thrown away. Then few
rows are asked for at a time: too many wide ones may be why it was lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from verbatim.channels import HiveSource
from verbatim.errors import PlatformFault, UserFault, first_line
from verbatim.snapshot import SourceState
from verbatim_runner.sources.data.hive import statements
from verbatim_runner.sources.data.hive.arrow import batch_of, schema_of
from verbatim_runner.sources.data.hive.column_types import type_text
from verbatim_runner.sources.data.hive.exports import ExportDirectory
from verbatim_runner.sources.data.hive.nested import selection
from verbatim_runner.sources.data.hive.rows import CAREFUL_ROWS, MAX_ROWS, read_rows
from verbatim_runner.sources.data.hive.session import HiveSession
from verbatim_runner.sources.data.hive.transport import ConnectionLost
from verbatim_runner.sources.parquet import read_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    import pyarrow as pa

    from verbatim.spec import PinnedChannel
    from verbatim_runner.sources.data.interface import DataSink
    from verbatim_runner.stage_context import StageContext

    T = TypeVar("T")


@dataclass(frozen=True)
class _Table:
    """What a query gives.

    Attributes:
        columns: Name and type of each, as the server says them.
        reading: The statement that its rows are read by.
    """

    columns: list[tuple[str, str]]
    schema: pa.Schema
    source_types: dict[str, str]
    reading: str


class HiveData:
    """The rows of a query.

    Args:
        context: The stage's; it holds the connection's login.
        channel: The channel's name.
        pinned: Its source, and the query as it is run.
    """

    def __init__(self, context: StageContext, channel: str, pinned: PinnedChannel) -> None:
        source = pinned.source
        assert isinstance(source, HiveSource)
        assert pinned.query is not None  # pinning binds one
        self.name = f"the query on {source.connection}"
        self.field = f"data.{channel}.hive.query"
        self._statement = pinned.query.statement
        self._login = context.database(source.connection)
        self._context = context
        self._channel = channel
        self._export = pinned.export if source.mode == "server" else None
        if source.mode == "server" and not self._export:
            raise PlatformFault(f"the channel {channel} was pinned without a place for the server's export")
        self._table: _Table | None = None
        self._exports = 0
        self._most_rows = MAX_ROWS

    def state(self) -> SourceState:
        """Return the number of rows and a sum over them, which the server makes of the whole result."""
        return self._attempt(self._state)

    def fetch(self, state: SourceState, sink: DataSink) -> None:
        """Read the rows over the connection, or let the server write them as Parquet.

        Raises:
            UserFault: The query does not give the state's rows any more.
            PlatformFault: The connection was lost twice, or the server failed.
        """
        read = self._read_export if self._export else self._read
        self._attempt(lambda: read(state, sink))

    def _attempt(self, work: Callable[[], T]) -> T:
        """Do something that a lost connection is no end of."""
        try:
            return work()
        except ConnectionLost as lost:
            self._say(f"{lost.message}; it is tried once more, from the start")
        self._most_rows = CAREFUL_ROWS
        return work()

    def _session(self) -> HiveSession:
        return HiveSession(self._login, self.name, channel=self._channel, say=self._say)

    def _state(self) -> SourceState:
        with self._session() as session:
            self._table = self._describe(session)
            return self._count(session, self._table)

    def _describe(self, session: HiveSession) -> _Table:
        """Ask what columns the query gives; Spark says of nested ones what is in them."""
        if session.is_spark:
            columns = [(name, kind) for name, kind, *_ in self._rows_of(session, f"DESCRIBE QUERY {self._statement}")]
        else:
            with session.run(statements.within(self._statement, "*") + " LIMIT 0") as operation:
                columns = [(name, type_text(kind)) for name, kind in session.columns(operation)]
        schema, source_types = schema_of(columns, field=self.field)
        selected = selection(columns, field=self.field) if session.is_spark else None
        reading = statements.within(self._statement, selected) if selected else self._statement
        return _Table(columns, schema, source_types, reading)

    def _count(self, session: HiveSession, table: _Table) -> SourceState:
        if not statements.can_be_hashed(table.columns):
            ((rows,),) = self._rows_of(session, statements.within(self._statement, "count(*)"))
            return SourceState(rows=rows)
        asked = statements.fingerprint(self._statement, table.columns, is_spark=session.is_spark)
        ((rows, total, squares),) = self._rows_of(session, asked)
        digest = statements.columns_digest(table.columns)
        made_by = statements.SPARKS_HASH if session.is_spark else statements.HIVES_HASH
        return SourceState(rows=rows, fingerprint=f"{made_by}:{digest}:{total or 0}:{squares or 0}")

    def _rows_of(self, session: HiveSession, statement: str) -> list[tuple[Any, ...]]:
        """Return the few rows of a statement."""
        with session.run(statement, "counting the query's rows") as operation:
            schema, _ = schema_of(session.columns(operation), field=self.field)
            batches = [batch_of(answer, schema, field=self.field) for answer in read_rows(session, operation)]
        return [tuple(row.values()) for batch in batches for row in batch.to_pylist()]

    def _read(self, state: SourceState, sink: DataSink) -> None:
        table = self._known()
        with self._session() as session, sink.take_table(table.schema, table.source_types) as take:
            taken = 0
            with session.run(table.reading) as operation:
                for answer in read_rows(session, operation, self._most_rows):
                    take(batch_of(answer, table.schema, row=taken, field=self.field))
                    taken += answer.rows
            self._check(session, table, state, taken)

    def _read_export(self, state: SourceState, sink: DataSink) -> None:
        assert self._export is not None
        request, table = self._context.request, self._known()
        self._exports += 1
        name = f"{request.run_id}/{self._channel}/{request.try_number}-{self._exports}"
        connection = self._export.connection
        credentials = self._context.credentials(connection) if connection else None
        directory = ExportDirectory(self._export.uri, name, credentials, field=self.field)
        with self._session() as session, directory.kept():
            with session.run(statements.export(self._statement, directory.uri), "the export"):
                pass
            with TemporaryDirectory(dir=self._context.work_dir, prefix="export-") as target:
                paths = directory.bring(Path(target))
                self._check(session, table, state, _count_rows(paths))
                _give(paths, table, sink)

    def _known(self) -> _Table:
        if self._table is None:
            raise ValueError("fetch follows state")
        return self._table

    def _check(self, session: HiveSession, table: _Table, state: SourceState, taken: int) -> None:
        """Check that what came is still the state that was told before. How many rows came, the taker judges.

        Raises:
            UserFault: The query gives other rows now, as many as before.
        """
        if taken == state.rows and self._count(session, table) != state:
            raise UserFault(
                "the query gave other rows after it was read than before, as many. Read what does not change any more, "
                "such as rows up to {{ as_of }}, and use no rand() and no LIMIT without an ORDER BY",
                field=self.field,
            )

    def _say(self, text: str) -> None:
        self._context.console.say(f"{self._channel}: {text}")


def _count_rows(paths: Sequence[Path]) -> int:
    import pyarrow as pa
    import pyarrow.parquet

    try:
        return sum(int(pyarrow.parquet.read_metadata(path).num_rows) for path in paths)
    except pa.ArrowInvalid as error:
        message = f"the Hive server wrote a file that is not Parquet, or not all of it: {first_line(error)}"
        raise PlatformFault(message) from None


def _give(paths: Sequence[Path], table: _Table, sink: DataSink) -> None:
    """Give the server's files; those of Hive know no names of columns, and are written anew with them."""
    import pyarrow.parquet

    names = pyarrow.parquet.read_schema(paths[0]).names if paths else []
    if names == table.schema.names:
        sink.take_parquet(paths, table.source_types)
        return
    if paths and len(names) != len(table.schema.names):
        raise PlatformFault(f"the Hive server wrote {len(names)} columns instead of {len(table.schema.names)}")
    schema = table.schema
    if paths:
        kinds = pyarrow.parquet.read_schema(paths[0]).types
        schema = pyarrow.schema(list(zip(table.schema.names, kinds, strict=True)))
    with sink.take_table(schema, table.source_types) as take:
        for path in paths:
            for batch in read_batches(path):
                take(batch.rename_columns(table.schema.names))
