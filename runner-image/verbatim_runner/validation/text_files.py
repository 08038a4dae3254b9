"""Rewrites large CSV and JSON-lines files as Parquet, a part at a time, so that columns can be read one by one.

Two passes: the first finds the type of each column over all rows, as pandas would, the second writes. A column that has
words in one place and numbers in another is text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from verbatim_runner.validation.files import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa

    from verbatim_runner.validation.files import DataFile

PART_ROWS = 100_000


def as_parquet(files: Sequence[DataFile], scratch: Path, *, field: str) -> list[Path]:
    """Return files of one schema with the same rows.

    Args:
        files: Text files.
        scratch: An empty directory for them.
        field: The conf field, for messages.

    Raises:
        UserFault: A file is not what its suffix says.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    types: dict[str, pa.DataType] = {}
    for part in _parts(files, {}, field):
        for column in part.columns:
            seen = _type_of(part[column])
            types[str(column)] = _wider(types[str(column)], seen) if str(column) in types else seen
    schema = pa.schema([(column, pa.float64() if pa.types.is_null(kind) else kind) for column, kind in types.items()])
    target = scratch / "rows.parquet"
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for part in _parts(files, types, field):
            arrays = [_as_array(part, column.name, column.type) for column in schema]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    return [target]


def _parts(files: Sequence[DataFile], types: dict[str, pa.DataType], field: str) -> Iterator[pd.DataFrame]:
    import pandas as pd
    import pyarrow as pa

    for file in files:
        try:
            if file.format == "csv":
                text: Any = {column: "str" for column, kind in types.items() if pa.types.is_string(kind)}
                yield from pd.read_csv(file.path, chunksize=PART_ROWS, dtype=text)
            else:
                yield from pd.read_json(file.path, lines=True, chunksize=PART_ROWS, convert_dates=False)
        except (ValueError, OSError) as error:
            raise unreadable(file, error, field=field) from None


def _type_of(column: pd.Series[Any]) -> pa.DataType:
    import pyarrow as pa

    try:
        array = pa.array(column, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.string()
    if array.null_count == len(array):
        return pa.null()
    return pa.string() if pa.types.is_large_string(array.type) else array.type


def _wider(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    if one == other or pa.types.is_null(other):
        return one
    try:
        fields = [pa.schema([("column", kind)]) for kind in (one, other)]
        return pa.unify_schemas(fields, promote_options="permissive").field("column").type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.string()


def _as_array(part: pd.DataFrame, column: str, kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if column not in part.columns:
        return pa.nulls(len(part), kind)
    values: Any = part[column]
    if pa.types.is_string(kind):
        values = values.astype("str")
    return pa.array(values, type=kind, from_pandas=True, safe=False)
