"""What every data source can do: tell its state without moving data, and give its data. Knows nothing of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    import pyarrow as pa

    from verbatim.snapshot import SourceObject, SourceState

    OnBytes = Callable[[int], None]
    CopyObject = Callable[[SourceObject, Path, OnBytes], str | None]
    """Writes one object to a new file and tells the bytes as they come. Called from several threads at once.

    Returns the content's SHA-256 where it was counted on the way, so that nobody has to read the file once more.
    Raises ``UserFault`` where the object is not any more what was listed.
    """


class DataSource(Protocol):
    """Where a channel's data comes from, as of the run's moment.

    Attributes:
        name: In words, for messages, such as ``s3://lake/churn/`` or ``the query on hive_lake``.
        field: The conf field that names it, for messages.
    """

    name: str
    field: str

    def state(self) -> SourceState:
        """Return what is there as of the moment, without moving its data.

        Raises:
            UserFault: There is no such place or table, or it may not be read.
            PlatformFault: The source does not answer.
        """
        ...

    def fetch(self, state: SourceState, sink: DataSink) -> None:
        """Give all of its data to the sink.

        Args:
            state: What ``state`` returned just before.
            sink: Takes either objects or one table.

        Raises:
            UserFault: The data is not any more what the state says.
            PlatformFault: The source stopped to answer; what the sink was given is thrown away.
        """
        ...


class DataSink(Protocol):
    """What a source gives its data to."""

    def take_objects(self, objects: Sequence[SourceObject], copy: CopyObject) -> None:
        """Take objects as files of the same paths, several at once."""
        ...

    def take_table(
        self, schema: pa.Schema, source_types: Mapping[str, str]
    ) -> AbstractContextManager[Callable[[pa.RecordBatch], None]]:
        """Take a table: a function that is called with one batch of rows after the other, in order.

        Args:
            schema: Of every batch.
            source_types: Column to type as the source names it.
        """
        ...

    def take_parquet(self, paths: Sequence[Path], source_types: Mapping[str, str]) -> None:
        """Take Parquet files that the source's server wrote, in order; they may be moved away."""
        ...
