"""Raw columns of HiveServer2 as Arrow, by the types that the query's result was declared to have.

A value that cannot be held exactly is an error, never another value. Knows nothing of how the bytes
came (see ``wire``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from verbatim.errors import PlatformFault, UserFault
from verbatim_runner.sources.data.hive.column_types import arrow_type, type_text
from verbatim_runner.sources.data.hive.nested import nested_array

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from TCLIService.ttypes import TTypeDesc

    from verbatim_runner.sources.data.hive.wire import FetchResponse, RawColumn

_ZONE = re.compile(r" ?(Etc/)?(UTC|Z)$")
_IDLE_ZEROS = re.compile(r"(\.\d{6})0+$")
_FINER = re.compile(r"\.\d{7,}")
_FAR = re.compile(r"([+-]\d+|\d{5,}|0000)-\d\d-\d\d")
_HELD_DAYS = (-719162, 2932897)
"""From the first day of the year 0001 to the one after the last of 9999, since 1970."""
_DAY_US = 86_400_000_000
_UNFIT = (ValueError, TypeError, KeyError, ArithmeticError, RecursionError)


def schema_of(
    columns: Sequence[tuple[str, TTypeDesc | str]], *, field: str | None = None
) -> tuple[pa.Schema, dict[str, str]]:
    """Return the schema of a result.

    Args:
        columns: Name and type of each. The type is either as ``GetResultSetMetadata`` describes it, where arrays, maps
            and structs stay text because nothing is said of what is in them; or its name, as ``DESCRIBE QUERY`` gives
            it, where these have to be asked for by ``nested.selection``.
        field: The conf field of the query, for messages.

    Returns:
        The schema, and of each column the source's name of its type.

    Raises:
        UserFault: Two columns have one name, or see ``column_types.arrow_type``.
    """
    import pyarrow as pa

    source_types = {name: kind if isinstance(kind, str) else type_text(kind) for name, kind in columns}
    if len(source_types) < len(columns):
        names = [name for name, _ in columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise UserFault(f"the query gives several columns the same name, {twice}: name each by `AS`", field=field)
    types = {name: arrow_type(text, column=name, field=field) for name, text in source_types.items()}
    return pa.schema(list(types.items())), source_types


def batch_of(response: FetchResponse, schema: pa.Schema, *, row: int = 0, field: str | None = None) -> pa.RecordBatch:
    """Return the rows of a reply.

    Args:
        response: Of the status success.
        schema: By ``schema_of``.
        row: How many rows came before, so that messages can say which one is at fault.
        field: The conf field of the query, for messages.

    Raises:
        UserFault: A value is finer than microseconds, not of the years 0001 to 9999, or a nested one that is not as
            ``nested.selection`` asks for.
        PlatformFault: The columns or a value are not what was declared.
    """
    import pyarrow as pa

    if response.rows == 0:
        return pa.RecordBatch.from_pylist([], schema)
    if len(response.columns) != len(schema):
        message = f"the Hive server sent {len(response.columns)} columns where {len(schema)} were declared"
        raise PlatformFault(message)
    arrays = []
    for column, declared in zip(response.columns, schema, strict=True):
        try:
            arrays.append(_array(column, declared.type))
        except _Misfit as misfit:
            raise misfit.fault(declared.name, row, field) from None
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


class _Misfit(Exception):
    """A column or value that is not as declared.

    Args:
        what: Is wrong.
        index: Of the row in its batch, if one is at fault.
        mend: What the user can do, if anything.
    """

    def __init__(self, what: str, index: int | None = None, mend: str | None = None) -> None:
        super().__init__(what)
        self._what, self._index, self._mend = what, index, mend

    def fault(self, name: str, row: int, field: str | None) -> UserFault | PlatformFault:
        """Return the error, for a column's name, the rows before its batch and the conf field."""
        where = f"column {name!r}" if self._index is None else f"column {name!r}, row {row + self._index + 1}"
        if self._mend is None:
            return PlatformFault(f"{where}: {self._what}")
        return UserFault(f"{where}: {self._what}; {self._mend.format(name=name)}", field=field)


def _array(column: RawColumn, declared: pa.DataType) -> pa.Array:
    import pyarrow as pa

    natural = _natural(column)
    types = pa.types
    if natural.type == declared:
        return natural
    if types.is_float32(declared) and types.is_float64(natural.type):
        return _narrowed(natural)
    if types.is_integer(natural.type) and types.is_temporal(declared) and natural.type.bit_width == declared.bit_width:
        return _counted(natural, declared)
    if types.is_string(natural.type) and types.is_decimal(declared):
        return _converted(natural, lambda texts: texts.cast(declared), _decimal_misfit)
    if types.is_string(natural.type) and types.is_temporal(declared):
        return _converted(natural, lambda texts: _moments(texts, declared), _moment_misfit)
    if types.is_string(natural.type) and types.is_nested(declared):
        return _converted(natural, lambda texts: nested_array(texts.to_pylist(), declared), _nested_misfit)
    raise _Misfit(f"it came as {column.kind} where {declared} was declared")


def _natural(column: RawColumn) -> pa.Array:
    """Return a column in the type that it travelled in."""
    import numpy as np
    import pyarrow as pa

    validity = None
    if any(column.nulls):
        size = (column.rows + 7) // 8
        nulls = np.frombuffer(column.nulls[:size].ljust(size, b"\0"), dtype=np.uint8)
        validity = pa.py_buffer(~nulls)
    if column.offsets is not None:
        kind = pa.string() if column.kind == "string" else pa.binary()
        buffers = [validity, pa.py_buffer(column.offsets), pa.py_buffer(column.values)]
    elif column.kind == "bool":
        kind = pa.bool_()
        buffers = [validity, pa.py_buffer(np.packbits(column.values != 0, bitorder="little"))]
    else:
        kind = pa.from_numpy_dtype(column.values.dtype)
        buffers = [validity, pa.py_buffer(column.values)]
    array = pa.Array.from_buffers(kind, column.rows, buffers)
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        raise _Misfit("it holds text that is not UTF-8") from None
    return array


def _narrowed(doubles: pa.Array) -> pa.Array:
    """Return numbers that were floats before they travelled."""
    import pyarrow as pa
    import pyarrow.compute as pc

    floats = doubles.cast(pa.float32())
    lost = pc.and_not(pc.is_inf(floats), pc.is_inf(doubles))
    if pc.any(lost).as_py():
        index = pc.index(lost, True).as_py()
        raise _Misfit(f"{doubles[index]} is beyond a float", index)
    return floats


def _counted(numbers: pa.Array, declared: pa.DataType) -> pa.Array:
    """Return dates or timestamps that came as days or µs since 1970, as ``nested.selection`` asks for them."""
    import pyarrow.compute as pc

    of_a_day = _DAY_US if declared.bit_width == 64 else 1
    first, end = (day * of_a_day for day in _HELD_DAYS)
    held = pc.and_(pc.greater_equal(numbers, first), pc.less(numbers, end))
    if pc.any(pc.invert(held)).as_py():
        index = pc.index(held, False).as_py()
        raise _far("it", index)
    return numbers.view(declared)


def _moments(texts: pa.Array, declared: pa.DataType) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_timestamp(declared) and declared.tz is not None:
        texts = pc.replace_substring_regex(texts, _ZONE.pattern, "")
        return _moments(texts, pa.timestamp(declared.unit)).cast(declared)
    try:
        return texts.cast(declared)
    except pa.ArrowInvalid:
        return pc.replace_substring_regex(texts, _IDLE_ZEROS.pattern, r"\1").cast(declared)


def _converted(
    texts: pa.Array, convert: Callable[[pa.Array], pa.Array], misfit: Callable[[str, int], _Misfit]
) -> pa.Array:
    """Return what texts stand for; of the first that stands for nothing, the misfit."""
    try:
        return convert(texts)
    except _UNFIT:
        for index, text in enumerate(texts):
            try:
                convert(texts[index : index + 1])
            except _UNFIT:
                raise misfit(text.as_py(), index) from None
        raise


def _decimal_misfit(text: str, index: int) -> _Misfit:
    return _Misfit(f"{text[:60]!r} does not fit the declared precision and scale", index)


def _moment_misfit(text: str, index: int) -> _Misfit:
    if _FINER.search(text):
        mend = (
            "take it as text (CAST(`{name}` AS STRING)), or cut it in the query (date_trunc('microsecond', `{name}`))"
        )
        return _Misfit(f"{text[:60]!r} is finer than microseconds, and nothing is cut off silently", index, mend)
    if _FAR.match(text):
        return _far(repr(text[:60]), index)
    return _Misfit(f"{text[:60]!r} is no date or time as Hive writes them", index)


def _far(what: str, index: int) -> _Misfit:
    mend = "take it as text (CAST(`{name}` AS STRING)), or leave such rows out"
    return _Misfit(f"{what} is not of the years 0001 to 9999, which can be held", index, mend)


def _nested_misfit(_: str, index: int) -> _Misfit:
    mend = "use `mode: server`, or select to_json(`{name}`), which stays text"
    return _Misfit("the server wrote a nested value in a way that cannot be read for certain", index, mend)
