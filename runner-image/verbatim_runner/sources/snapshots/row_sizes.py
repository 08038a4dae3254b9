"""How many bytes each row holds: a function of the row alone, not of how rows come in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Sizes = NDArray[np.int64]


def row_sizes(batch: pa.RecordBatch) -> Sizes:
    """Return the bytes of every row's values, shape (rows,); those of nulls and of offsets are about right."""
    import numpy as np

    sizes = np.zeros(batch.num_rows, dtype=np.int64)
    for column in batch.columns:
        sizes += _value_sizes(column)
    return sizes


def _value_sizes(values: pa.Array) -> Sizes:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if isinstance(values, pa.ExtensionArray):
        return _value_sizes(values.storage)
    if pa.types.is_null(kind):
        return np.zeros(len(values), dtype=np.int64)
    if pa.types.is_struct(kind):
        whole: Sizes = np.ones(len(values), dtype=np.int64)
        for field in values.flatten():
            whole += _value_sizes(field)
        return whole
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        return _list_sizes(values)
    if pa.types.is_fixed_size_list(kind):
        items = _value_sizes(values.values.slice(values.offset * kind.list_size, len(values) * kind.list_size))
        rows: Sizes = np.add.reduce(items.reshape(len(values), kind.list_size), axis=1)
        return rows
    try:
        return np.full(len(values), -(-kind.bit_width // 8), dtype=np.int64)
    except ValueError:  # of no fixed width: text or bytes
        lengths: Sizes = pc.fill_null(pc.binary_length(values), 0).to_numpy(zero_copy_only=False).astype(np.int64)
        return lengths


def _list_sizes(values: pa.Array) -> Sizes:
    """Return the sizes of lists or maps: those of the items between each two offsets."""
    import numpy as np
    import pyarrow as pa

    offsets = values.offsets.to_numpy(zero_copy_only=False).astype(np.int64)
    first, last = (int(offsets[0]), int(offsets[-1])) if len(offsets) else (0, 0)
    if pa.types.is_map(values.type):
        items = _value_sizes(values.keys.slice(first, last - first)) + _value_sizes(
            values.items.slice(first, last - first)
        )
    else:
        items = _value_sizes(values.values.slice(first, last - first))
    sizes: Sizes = np.diff(np.concatenate(([0], np.cumsum(items)))[offsets - first])
    return sizes
