"""What Hive calls types, and the Arrow types that hold their values. Knows nothing of values.

The names are those of Hive's DDL, as Spark's ``DESCRIBE QUERY`` prints them too: ``map<string,array<decimal(10,2)>>``.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from verbatim.errors import UserFault

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from TCLIService.ttypes import TTypeDesc

_CUT = "... "
_UNKNOWN = "unknown"
_LOCAL_TIMESTAMP = 22  # TIMESTAMPLOCALTZ_TYPE, of Hive 3
_DECIMAL = re.compile(r"decimal(?:\((\d+)(?:,(\d+))?\))?")
_TEXTS = re.compile(r"(?:string|varchar|char|null|void|interval|uniontype)\b.*", re.DOTALL)
_NAME = re.compile(r"`((?:[^`]|``)*)`|([^`:<>,]*)")


def type_text(described: TTypeDesc) -> str:
    """Return the name of a type that is described as ``GetResultSetMetadata`` does it.

    Of arrays, maps and structs that says nothing of what is in them: they are called ``array``, ``map`` and ``struct``.
    """
    from TCLIService import constants

    entry = described.types[0].primitiveEntry
    if entry is None:
        return _UNKNOWN
    if entry.type == _LOCAL_TIMESTAMP:
        return "timestamp with local time zone"
    name: str = constants.TYPE_NAMES.get(entry.type, _UNKNOWN).lower().replace("_", " ")
    qualifiers = entry.typeQualifiers.qualifiers if entry.typeQualifiers else {}
    sizes = {key: value.i32Value for key, value in (qualifiers or {}).items()}
    if name == "decimal" and constants.PRECISION in sizes:
        return f"decimal({sizes[constants.PRECISION]},{sizes.get(constants.SCALE) or 0})"
    if name in {"varchar", "char"} and constants.CHARACTER_MAXIMUM_LENGTH in sizes:
        return f"{name}({sizes[constants.CHARACTER_MAXIMUM_LENGTH]})"
    return name


def arrow_type(text: str, *, column: str, field: str | None = None) -> pa.DataType:
    """Return the type of Arrow that holds every value of a type of Hive.

    Intervals, unions, types that are not known here and nested types of unknown elements stay text.

    Args:
        text: The type's name.
        column: For messages.
        field: The conf field of the query, for messages.

    Raises:
        UserFault: The server cut the type's name, a field's name in it cannot be told from what follows, or it is a map
            whose keys do not survive as text.
    """
    import pyarrow as pa

    if _CUT in text:
        message = (
            f"the server cut the type of column {column!r}: {text[:200]}. Select fewer fields of it, or raise "
            "spark.sql.debug.maxToStringFields on the server"
        )
        raise UserFault(message, field=field)
    try:
        return _Parser(text).whole()
    except (ValueError, RecursionError):
        if not text.lower().startswith(("array<", "map<", "struct<")):
            return pa.string()
        message = f"column {column!r} cannot be read as {text[:200]}; use `mode: server`, or select parts of it"
        raise UserFault(message, field=field) from None
    except _Unknown:
        return pa.string()


class _Unknown(Exception):
    """A type that has no like in Arrow."""


class _Parser:
    """Reads one type after the other off a text."""

    def __init__(self, text: str) -> None:
        self._rest = text.strip()

    def whole(self) -> pa.DataType:
        """Return the type that the text names.

        Raises:
            ValueError: It is no name of a type.
            _Unknown: Nothing in Arrow is like it, or like a part of it.
        """
        found = self._type()
        if self._rest:
            raise ValueError(self._rest)
        return found

    def _type(self) -> pa.DataType:
        import pyarrow as pa

        for nesting, inner in (("array<", self._array), ("map<", self._map), ("struct<", self._struct)):
            if self._rest.lower().startswith(nesting):
                self._rest = self._rest[len(nesting) :].lstrip()
                found = inner()
                self._expect(">")
                return found
        end = _end_of_primitive(self._rest)
        name, self._rest = self._rest[:end].strip().lower(), self._rest[end:]
        if decimal := _DECIMAL.fullmatch(name):
            return pa.decimal128(int(decimal[1] or 10), int(decimal[2] or 0))
        if _TEXTS.fullmatch(name):
            return pa.string()
        if ":" in name:
            raise ValueError(name)
        if name not in _primitives():
            raise _Unknown
        return _primitives()[name]()

    def _array(self) -> pa.DataType:
        import pyarrow as pa

        return pa.list_(self._type())

    def _map(self) -> pa.DataType:
        import pyarrow as pa

        key = self._type()
        if pa.types.is_nested(key) or pa.types.is_binary(key):
            raise ValueError(key)
        self._expect(",")
        return pa.map_(key, self._type())

    def _struct(self) -> pa.DataType:
        import pyarrow as pa

        fields: list[pa.Field] = []
        while not self._rest.startswith(">"):
            if fields:
                self._expect(",")
            name = _NAME.match(self._rest)
            if name is None:
                raise ValueError(self._rest)
            self._rest = self._rest[name.end() :]
            self._expect(":")
            quoted = name[1] is not None
            fields.append(pa.field(name[1].replace("``", "`") if quoted else name[2], self._type()))
        if not fields:
            raise _Unknown
        if len({item.name for item in fields}) < len(fields):
            raise ValueError(fields)
        return pa.struct(fields)

    def _expect(self, mark: str) -> None:
        self._rest = self._rest.lstrip()
        if not self._rest.startswith(mark):
            raise ValueError(self._rest)
        self._rest = self._rest[1:].lstrip()


def _end_of_primitive(text: str) -> int:
    """Return where the name of a type ends that is not nested: at a comma or ``>`` outside of parentheses."""
    depth = 0
    for place, mark in enumerate(text):
        depth += {"(": 1, "<": 1, ")": -1}.get(mark, 0)
        if mark == ">":
            if depth == 0:
                return place
            depth -= 1
        if mark == "," and depth == 0:
            return place
    return len(text)


def _primitives() -> dict[str, Callable[[], pa.DataType]]:
    import pyarrow as pa

    wall_clock, moment = partial(pa.timestamp, "us"), partial(pa.timestamp, "us", "UTC")
    return {
        "boolean": pa.bool_,
        "tinyint": pa.int8,
        "smallint": pa.int16,
        "int": pa.int32,
        "bigint": pa.int64,
        "float": pa.float32,
        "double": pa.float64,
        "binary": pa.binary,
        "date": pa.date32,
        "timestamp": wall_clock,
        "timestamp_ntz": wall_clock,
        "timestamp with local time zone": moment,
    }
