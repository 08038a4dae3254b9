"""Writes a table as Parquet files in bounded memory: the same rows in the same order give the same bytes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from verbatim.snapshot import Column
from verbatim_runner.sources.snapshots.row_sizes import row_sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pyarrow as pa

ROW_GROUP_ROWS = 128 * 1024
ROW_GROUP_BYTES = 64 * 1024 * 1024
"""A row group ends with the row that brings it to this many bytes of values, or at ``ROW_GROUP_ROWS``."""
FILE_ROW_GROUPS = 32


class RowGroups:
    """One Parquet file, a row group at a time. Where a group ends depends on its rows alone.

    Args:
        path: Of a new file.
        schema: Of every batch.

    Attributes:
        groups: Written so far.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        import pyarrow.parquet

        self.groups = 0
        self._schema = schema
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = self._waiting_bytes = 0
        self._writer = pyarrow.parquet.ParquetWriter(
            path, schema, compression="zstd", use_dictionary=_dictionary_columns(schema)
        )

    def write(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Take rows up to the end of a row group; returns those that come after it, often none."""
        import numpy as np

        ends = np.cumsum(row_sizes(batch)) + self._waiting_bytes
        full = int(np.searchsorted(ends, ROW_GROUP_BYTES)) + 1
        part = batch.slice(0, min(full, ROW_GROUP_ROWS - self._waiting_rows))
        if part.num_rows:
            self._waiting.append(part)
            self._waiting_rows += part.num_rows
            self._waiting_bytes = int(ends[part.num_rows - 1])
        if self._waiting_rows == ROW_GROUP_ROWS or self._waiting_bytes >= ROW_GROUP_BYTES:
            self._flush()
        return batch.slice(part.num_rows)

    def close(self) -> None:
        """Write what is left, and the file's end."""
        if self._waiting:
            self._flush()
        self._writer.close()

    def abandon(self) -> None:
        """Let go of a file that will not be used."""
        with suppress(OSError):  # such as that of the full disk which was told already
            self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        # as one chunk: the writer ends pages where chunks end
        table = pa.Table.from_batches(self._waiting, self._schema).combine_chunks()
        self._writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
        self.groups += 1
        self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0


class TableFiles:
    """``part-00000.parquet``, ``part-00001.parquet``, … in one directory.

    Args:
        directory: Where.
        schema: Of every batch.
        on_file: Called with each file as soon as it is whole; may delete it.

    Attributes:
        rows: Written so far.
        bytes: Of the batches so far, in memory.
    """

    def __init__(self, directory: Path, schema: pa.Schema, on_file: Callable[[Path], None]) -> None:
        self.rows = self.bytes = 0
        self._directory = directory
        self._schema = schema
        self._on_file = on_file
        self._files = 0
        self._path = directory
        self._open: RowGroups | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        """Take rows; they are written a row group at a time, however many come at once."""
        self.rows += batch.num_rows
        self.bytes += batch.nbytes
        while batch.num_rows:
            part = self._open or self._begin()
            batch = part.write(batch)
            if part.groups == FILE_ROW_GROUPS:
                self._end(part)

    def close(self) -> None:
        """Write what is left; without any row one file that has the columns."""
        if self._open or not self._files:
            self._end(self._open or self._begin())

    def abandon(self) -> None:
        """Let go of the file that is being written."""
        if self._open:
            self._open.abandon()

    def _begin(self) -> RowGroups:
        self._path = self._directory / f"part-{self._files:05d}.parquet"
        self._files += 1
        self._open = RowGroups(self._path, self._schema)
        return self._open

    def _end(self, part: RowGroups) -> None:
        part.close()
        self._open = None
        self._on_file(self._path)


def _dictionary_columns(schema: pa.Schema) -> list[str] | bool:
    """Return the columns whose values are worth a dictionary: text and bytes, or all where some are nested.

    Numbers compress as well without one, and are written in half the time.
    """
    import pyarrow as pa

    if any(pa.types.is_nested(column.type) for column in schema):
        return True
    return [column.name for column in schema if not pa.types.is_primitive(column.type)]


def columns_of(schema: pa.Schema, source_types: Mapping[str, str]) -> tuple[Column, ...]:
    """Return a schema as a document."""
    return tuple(
        Column(name=field.name, type=str(field.type), source_type=source_types.get(field.name)) for field in schema
    )
