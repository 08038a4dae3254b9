"""Writes a table as Parquet files in bounded memory: the same rows in the same order give the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.snapshot import Column

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa

ROW_GROUP_ROWS = 128 * 1024
FILE_ROWS = 32 * ROW_GROUP_ROWS


class TableFiles:
    """``part-00000.parquet``, ``part-00001.parquet``, … in one directory.

    Args:
        directory: Where.
        schema: Of every batch.

    Attributes:
        rows: Written so far.
        bytes: Of the batches so far, in memory.
    """

    def __init__(self, directory: Path, schema: pa.Schema) -> None:
        self.rows = self.bytes = 0
        self._directory = directory
        self._schema = schema
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._file_rows = 0
        self._writer: pa.parquet.ParquetWriter | None = None
        self._paths: list[Path] = []

    def write(self, batch: pa.RecordBatch) -> None:
        """Take rows; they are written a row group at a time, however many come at once."""
        self.rows += batch.num_rows
        self.bytes += batch.nbytes
        while batch.num_rows:
            part = batch.slice(0, ROW_GROUP_ROWS - self._waiting_rows)
            batch = batch.slice(part.num_rows)
            self._waiting.append(part)
            self._waiting_rows += part.num_rows
            if self._waiting_rows == ROW_GROUP_ROWS:
                self._flush()

    def close(self) -> list[Path]:
        """Write what is left, and return the files, at least one."""
        if self._waiting or not self._paths:
            self._flush()
        self._close_file()
        return self._paths

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet

        if self._writer is None:
            path = self._directory / f"part-{len(self._paths):05d}.parquet"
            self._paths.append(path)
            self._writer = pyarrow.parquet.ParquetWriter(path, self._schema, compression="zstd")
        table = pa.Table.from_batches(self._waiting, self._schema)
        self._writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
        self._file_rows += table.num_rows
        self._waiting, self._waiting_rows = [], 0
        if self._file_rows >= FILE_ROWS:
            self._close_file()

    def _close_file(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer, self._file_rows = None, 0


def columns_of(schema: pa.Schema, source_types: Mapping[str, str]) -> tuple[Column, ...]:
    """Return a schema as a document."""
    return tuple(
        Column(name=field.name, type=str(field.type), source_type=source_types.get(field.name)) for field in schema
    )
