"""Arrays, maps and structs: asks a server for them as JSON, and reads that into Arrow.

The text that a server prints of its own accord is not enough: Spark's does not escape quotes in strings, so that
``["a","b"]`` may be one element or two, and replaces bytes that are not UTF-8. Hive's says nothing of their types.
"""

from __future__ import annotations

import base64
import json
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from verbatim_runner.sources.data.hive.column_types import arrow_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    Convert = Callable[[Any], Any]

_AS_NUMBERS = {"timestamp": "unix_micros", "date": "unix_date"}
"""What a server need not write down as text, which takes it longer than all else."""
_TIMESTAMP = "yyyy-MM-dd HH:mm:ss.SSSSSS"
_OPTIONS = {"ignoreNullFields": "false", "timestampFormat": _TIMESTAMP, "timestampNTZFormat": _TIMESTAMP}


def selection(columns: Sequence[tuple[str, str]], *, field: str | None = None) -> str | None:
    """Return what to select from a query on Spark so that its columns come as ``arrow.batch_of`` reads them best.

    Meant as ``SELECT {selection} FROM ({query}) AS …``; the session's time zone has to be UTC.

    Args:
        columns: Name and type of each column, as ``DESCRIBE QUERY`` says them.
        field: The conf field of the query, for messages.

    Returns:
        ``None`` where no column is nested, a date or a timestamp: the query can be sent as it is.

    Raises:
        UserFault: As ``column_types.arrow_type``.
    """
    import pyarrow as pa

    options = ",".join(f"'{key}','{value}'" for key, value in _OPTIONS.items())
    selected, as_it_is = [], True
    for name, text in columns:
        quoted = "`" + name.replace("`", "``") + "`"
        if pa.types.is_nested(arrow_type(text, column=name, field=field)):
            selected.append(f"to_json({quoted}, map({options})) AS {quoted}")
            as_it_is = False
        elif number := _AS_NUMBERS.get(text.lower()):
            selected.append(f"{number}({quoted}) AS {quoted}")
            as_it_is = False
        else:
            selected.append(quoted)
    return None if as_it_is else ", ".join(selected)


def nested_array(texts: Sequence[str | None], declared: pa.DataType) -> pa.Array:
    """Return the values of a nested column.

    Args:
        texts: Of every row, what ``selection`` asks for.
        declared: Its type.

    Raises:
        ValueError: A text is not a value of that type; ``pyarrow.ArrowInvalid`` is one, too.
        TypeError: The same.
    """
    import pyarrow as pa

    decode = json.JSONDecoder(parse_float=str, parse_constant=_refuse).decode
    convert = _converter(declared)
    return pa.array([None if text is None else convert(decode(text)) for text in texts], declared)


def _converter(declared: pa.DataType) -> Convert:
    """Return what makes a value for ``pyarrow.array`` of one that JSON can hold."""
    import pyarrow as pa

    types = pa.types
    if types.is_list(declared):
        return _list_converter(_nullable(declared.value_type))
    if types.is_map(declared):
        return _map_converter(_key_converter(declared.key_type), _nullable(declared.item_type))
    if types.is_struct(declared):
        return _struct_converter({item.name: _nullable(item.type) for item in declared})
    if types.is_floating(declared):
        return float
    if types.is_decimal(declared):
        return Decimal
    if types.is_binary(declared):
        return lambda text: base64.b64decode(text, validate=True)
    if types.is_date(declared):
        return date.fromisoformat
    if types.is_timestamp(declared):
        return datetime.fromisoformat
    expected = bool if types.is_boolean(declared) else int if types.is_integer(declared) else str
    return lambda value: _checked(value, expected)


def _key_converter(declared: pa.DataType) -> Convert:
    """Return what makes a map's key of a JSON object's: Spark writes dates and timestamps there as days and µs."""
    import pyarrow as pa

    types = pa.types
    if types.is_integer(declared) or types.is_temporal(declared):
        return int
    if types.is_boolean(declared):
        return {"true": True, "false": False}.__getitem__
    return _converter(declared)


def _nullable(declared: pa.DataType) -> Convert:
    convert = _converter(declared)
    return lambda value: None if value is None else convert(value)


def _list_converter(element: Convert) -> Convert:
    return lambda value: [element(item) for item in _checked(value, list)]


def _map_converter(key: Convert, item: Convert) -> Convert:
    return lambda value: [(key(name), item(held)) for name, held in _checked(value, dict).items()]


def _struct_converter(fields: Mapping[str, Convert]) -> Convert:
    def convert(value: Any) -> dict[str, Any]:
        if _checked(value, dict).keys() != fields.keys():
            raise ValueError("its fields are not those of its type")
        return {name: fields[name](held) for name, held in value.items()}

    return convert


def _checked(value: Any, expected: type) -> Any:
    if type(value) is not expected:
        raise TypeError(f"it holds a {type(value).__name__} where a {expected.__name__} was expected")
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
