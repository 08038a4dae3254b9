"""The wire format of protocol buffers, as far as events need it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10
_SIGN = 1 << 63
_DOUBLE = struct.Struct("<d")
_FLOAT = struct.Struct("<f")
_LARGEST = 3.4e38
"""Rounded, a larger one might be no float any more."""

Field = tuple[int, int, "int | bytes"]
"""Number, wire type, and content: a whole number, or bytes (of fixed numbers too)."""


def fields_of(data: bytes) -> Iterator[Field]:
    """Yield a message's fields.

    Raises:
        ValueError: This is no message.
    """
    position, size = 0, len(data)
    while position < size:
        key, position = _varint(data, position)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, position = _varint(data, position)
            yield number, wire, value
            continue
        if wire == BYTES:
            length, position = _varint(data, position)
        elif wire in {FIXED32, FIXED64}:
            length = 4 if wire == FIXED32 else 8
        else:
            raise ValueError(f"unknown wire type {wire}")
        if position + length > size:
            raise ValueError("a field is longer than its message")
        yield number, wire, data[position : position + length]
        position += length


def signed(value: int) -> int:
    """Return an int64 as the number that it stands for."""
    value &= 2 * _SIGN - 1
    return value - 2 * _SIGN if value >= _SIGN else value


def double(content: bytes) -> float:
    """Return the number of eight bytes."""
    return float(_DOUBLE.unpack(content)[0])


def single(content: bytes) -> float:
    """Return the number of four bytes: the short one that they were made of, such as 0.7 and not 0.699999988."""
    exact = float(_FLOAT.unpack(content)[0])
    short = float(f"{exact:.7g}")
    return short if abs(short) < _LARGEST and _FLOAT.pack(short) == content else exact


def varint(value: int) -> bytes:
    """Return a whole number as a varint; negative ones as int64."""
    value &= 2 * _SIGN - 1
    content = bytearray()
    while value > 0x7F:
        content.append(value & 0x7F | 0x80)
        value >>= 7
    content.append(value)
    return bytes(content)


def message(number: int, content: bytes) -> bytes:
    """Return a field of bytes."""
    return varint(number << 3 | BYTES) + varint(len(content)) + content


def _varint(data: bytes, position: int) -> tuple[int, int]:
    result = shift = 0
    for byte in data[position : position + _MAX_VARINT_BYTES]:
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
        shift += 7
    raise ValueError("a number has no end")
