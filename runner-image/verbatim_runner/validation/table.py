"""A channel's rows in Parquet files, read in parts or by columns, in bounded memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from verbatim.errors import UserFault, first_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    import pyarrow as pa

PART_ROWS = 256 * 1024
PART_BYTES = 64 * 2**20
_READ_BYTES = 2**20
"""Of a column at once: buffered as a whole, a row group may take more than there is."""
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_OWN_BYTES = 600 * 2**20
"""What this process takes beside the rows: libraries, a part of the rows, and what pandas makes of it."""
_COPIES = 4
"""How many times a column lies in memory while it is judged."""


def columns_budget() -> int:
    """Return how many bytes the columns may take that have to be in memory as a whole."""
    limit = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in _LIMITS:
        if file.is_file() and (text := file.read_text().strip()).isdecimal():
            limit = min(limit, int(text))
    return max(limit - _OWN_BYTES, 0) // _COPIES


class Rows(Protocol):
    """Rows that are read in parts.

    Attributes:
        rows: How many.
        columns: Their names.
    """

    rows: int
    columns: list[str]

    def empty(self) -> pd.DataFrame:
        """Return no row of all columns, of the types that all rows have."""
        ...

    def parts(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Yield all rows of some columns, in order, at least one frame; the index numbers them."""
        ...


class TooLarge(Exception):
    """Columns do not fit in memory as a whole."""


class Table:
    """The rows.

    Args:
        paths: Parquet files.
        field: The conf field, for messages.
        budget: How many bytes columns may take as a whole.

    Attributes:
        rows: How many.
        columns: Their names.

    Raises:
        UserFault: A column's types in several files have nothing in common.
    """

    def __init__(self, paths: Sequence[Path], *, field: str, budget: int) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._paths, self._budget = paths, budget
        metadata = [pq.read_metadata(path) for path in paths]
        try:
            self._schema = pa.unify_schemas(
                [_without_index(pq.read_schema(path)) for path in paths], promote_options="permissive"
            )
        except pa.ArrowTypeError as error:
            raise UserFault(f"the files do not fit below each other: {first_line(error)}", field=field) from None
        self.rows = sum(file.num_rows for file in metadata)
        self.columns = list(self._schema.names)
        self._row_bytes = sum(
            file.row_group(number).total_byte_size for file in metadata for number in range(file.num_row_groups)
        ) // max(self.rows, 1)
        self._nulls: dict[str, bool] = {}

    def empty(self) -> pd.DataFrame:
        """Return a frame of all columns and no row, of the types that all rows have."""
        frame = self._schema.empty_table().to_pandas()
        return self._typed(frame)

    def parts(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Yield the rows in order, at least one frame; the index numbers them through all frames.

        Args:
            columns: Which, at least one.
        """
        import pandas as pd

        start = 0
        for table in self._tables(columns):
            frame = self._typed(table.to_pandas())
            frame.index = pd.RangeIndex(start, start + len(frame))
            start += len(frame)
            yield frame
        if not start:
            yield self.empty()[list(columns)]

    def whole(self, columns: Sequence[str]) -> pd.DataFrame:
        """Return columns of all rows.

        Raises:
            TooLarge: They do not fit.
        """
        import pandas as pd

        frames, size = [], 0
        for frame in self.parts(columns):
            size += int(frame.memory_usage(index=False, deep=True).sum())
            self.weigh(size)
            frames.append(frame)
        return pd.concat(frames)

    def weigh(self, size: int) -> None:
        """Check that so many bytes may be held.

        Raises:
            TooLarge: They may not.
        """
        if size > self._budget:
            raise TooLarge

    def _tables(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield parts of all files, of one schema."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = pa.schema([_decoded(self._schema.field(name)) for name in columns], self._schema.metadata)
        size = min(PART_ROWS, max(PART_BYTES // max(self._row_bytes, 1), 1))
        for path in self._paths:
            with pq.ParquetFile(path, pre_buffer=False, buffer_size=_READ_BYTES) as file:
                there = [name for name in columns if name in file.schema_arrow.names]
                for batch in file.iter_batches(size, columns=there):
                    yield pa.Table.from_arrays(
                        [
                            batch.column(name).cast(schema.field(name).type)
                            if name in there
                            else pa.nulls(len(batch), schema.field(name).type)
                            for name in columns
                        ],
                        schema=schema,
                    )

    def _typed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Give columns the types that they have over all rows: whole numbers with nulls are floats, truths objects."""
        import numpy as np
        import pyarrow as pa

        for column in frame.columns:
            kind = self._schema.field(column).type
            if not isinstance(frame[column].dtype, np.dtype):
                continue
            if pa.types.is_integer(kind) and self._has_nulls(column):
                frame[column] = frame[column].astype("float64")
            elif pa.types.is_boolean(kind) and self._has_nulls(column):
                frame[column] = frame[column].astype("object")
        return frame

    def _has_nulls(self, column: str) -> bool:
        if column not in self._nulls:
            self._nulls[column] = any(table.column(0).null_count for table in self._tables([column]))
        return self._nulls[column]


def _without_index(schema: pa.Schema) -> pa.Schema:
    """Return a schema without the columns that pandas kept its index in."""
    names: list[Any] = (schema.pandas_metadata or {}).get("index_columns", [])
    for name in names:
        if isinstance(name, str) and name in schema.names:
            schema = schema.remove(schema.get_field_index(name))
    return schema


def _decoded(field: pa.Field) -> pa.Field:
    """Return a dictionary's field as that of its values: parts of it have dictionaries of their own."""
    import pyarrow as pa

    return field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
