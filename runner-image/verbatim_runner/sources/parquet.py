"""Reads Parquet files in batches of bounded size, however large their row groups and rows are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

BATCH_ROWS = 64 * 1024
BATCH_BYTES = 16 * 1024 * 1024
READ_BYTES = 1024 * 1024
"""Of a column chunk at once; else all of it is read."""


def read_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield a Parquet file's rows, at most ``BATCH_ROWS`` at once, and about ``BATCH_BYTES``.

    Raises:
        pyarrow.ArrowException: It cannot be read; so does an ``OSError`` without a number.
    """
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path, buffer_size=READ_BYTES, pre_buffer=False) as content:
        metadata = content.metadata
        size = max(1, sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups)))
        rows = min(BATCH_ROWS, max(1, BATCH_BYTES * metadata.num_rows // size))
        yield from content.iter_batches(rows)
