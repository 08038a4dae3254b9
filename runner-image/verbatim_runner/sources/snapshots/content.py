"""Tells whether two tables hold the same rows, in whatever order: for queries whose server gives no fingerprint."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from verbatim_runner.sources.parquet import read_batches

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from verbatim.documents import FileRef
    from verbatim.store import Store

_BETWEEN = b"\x1f"
_NULL = b"\x00"


def sum_of_rows(store: Store, files: tuple[FileRef, ...], scratch: Path) -> int:
    """Return the sum of the hashes of all rows, which does not depend on their order.

    Args:
        store: Holds the files.
        files: Parquet.
        scratch: A directory; one file at a time is in it.
    """
    total = 0
    for file in files:
        path = scratch / "compared.parquet"
        store.fetch_blob(file.sha256, path)
        for batch in read_batches(path):
            total += sum(_row_hashes(batch))
        path.unlink()
    return total % 2**128


def _row_hashes(batch: pa.RecordBatch) -> Iterator[int]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not batch.num_rows or not batch.num_columns:
        return
    between, null = pa.scalar(_BETWEEN, pa.large_binary()), _NULL
    texts = [_texts(column) for column in batch.columns]
    rows = pc.binary_join_element_wise(*texts, between, null_handling="replace", null_replacement=null)
    for row in rows.to_pylist():
        yield int.from_bytes(hashlib.blake2b(row, digest_size=16).digest())


def _texts(column: pa.Array) -> pa.Array:
    """Return values as bytes; equal ones of one type give equal bytes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    types = pa.types
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if types.is_nested(column.type):
        column = pa.array([None if value is None else repr(value) for value in column.to_pylist()], pa.large_string())
    elif types.is_temporal(column.type):
        column = pc.cast(column, pa.int32() if column.type.bit_width == 32 else pa.int64())
    if types.is_binary(column.type) or types.is_fixed_size_binary(column.type):
        return pc.cast(column, pa.large_binary())
    return pc.cast(pc.cast(column, pa.large_string()), pa.large_binary())
