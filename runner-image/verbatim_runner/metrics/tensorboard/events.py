"""Scalars in events: as a number (TensorBoard 1, PyTorch) and as a tensor of one element (TensorFlow 2)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from verbatim_runner.metrics.tensorboard.wire import double, fields_of, message, signed, single, varint

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_VERSION = message(3, b"brain.Event:2")
SCALARS = b"scalars"
"""The plugin whose tensors are scalars; it is named once for a tag."""

_EVENT_WALL_TIME, _EVENT_STEP, _EVENT_SUMMARY = 1, 2, 5
_VALUE_TAG, _VALUE_SIMPLE, _VALUE_TENSOR, _VALUE_METADATA = 1, 2, 8, 9
_TENSOR_DTYPE, _TENSOR_CONTENT = 1, 4
_FORMATS = {1: "<f", 2: "<d", 3: "<i", 9: "<q", 19: "<e"}
"""TensorFlow's types by their number: float, double, int32, int64, half."""
_LISTS = {1: 5, 2: 6, 3: 7, 9: 10, 19: 13}
"""The field in which a tensor of that type holds its elements, where it has no content."""


class Scalar(NamedTuple):
    """One value of one tag."""

    tag: str
    value: float
    step: int
    wall_time: float


class ScalarParser:
    """Reads the scalars of one file's events, in order.

    It remembers which tags are scalars, since a file says so once for each.
    """

    def __init__(self) -> None:
        self._scalar_tags: set[bytes] = set()

    def parse(self, event: bytes) -> list[Scalar]:
        """Return an event's scalars.

        Raises:
            ValueError: This is no event.
        """
        wall_time, step, summary = 0.0, 0, b""
        for number, _, content in fields_of(event):
            if isinstance(content, int):
                step = signed(content) if number == _EVENT_STEP else step
            elif number == _EVENT_WALL_TIME:
                wall_time = double(content)
            elif number == _EVENT_SUMMARY:
                summary += content
        return [
            Scalar(tag.decode("utf-8", "replace"), value, step, wall_time) for tag, value in self._values_of(summary)
        ]

    def _values_of(self, summary: bytes) -> Iterator[tuple[bytes, float]]:
        for number, _, value in fields_of(summary):
            if number != 1 or isinstance(value, int):
                continue
            parts = {number: content for number, _, content in fields_of(value) if isinstance(content, bytes)}
            tag = parts.get(_VALUE_TAG, b"")
            if _VALUE_SIMPLE in parts:
                yield tag, single(parts[_VALUE_SIMPLE])
                continue
            if SCALARS in parts.get(_VALUE_METADATA, b""):
                self._scalar_tags.add(tag)
            if tag in self._scalar_tags and _VALUE_TENSOR in parts:
                found = _number_in(parts[_VALUE_TENSOR])
                if found is not None:
                    yield tag, found


def scalar_event(scalar_prefix: bytes, value: float, step: int | None, wall_time: float) -> bytes:
    """Return an event with one scalar.

    Args:
        scalar_prefix: What ``prefix_of`` made of the tag.
        value: The number; TensorBoard keeps four bytes of it.
        step: When, in steps.
        wall_time: When, in seconds since the epoch.
    """
    try:
        content = struct.pack("<f", value)
    except OverflowError:
        content = struct.pack("<f", float("inf") if value > 0 else float("-inf"))
    return b"%b%b%b%b" % (
        struct.pack("<Bd", 0x09, wall_time),
        b"\x10" + varint(step) if step else b"",
        scalar_prefix,
        content,
    )


def prefix_of(tag: str) -> bytes:
    """Return the bytes of a scalar's summary before its number."""
    inner = message(_VALUE_TAG, tag.encode("utf-8", "replace")) + b"\x15"
    value = b"\x0a" + varint(len(inner) + 4) + inner
    return b"\x2a" + varint(len(value) + 4) + value


def version_event(wall_time: float) -> bytes:
    """Return the event that every file begins with."""
    return struct.pack("<Bd", 0x09, wall_time) + FILE_VERSION


def _number_in(tensor: bytes) -> float | None:
    """Return a tensor's only element."""
    dtype, parts = 0, {}
    for number, _, content in fields_of(tensor):
        if number == _TENSOR_DTYPE and isinstance(content, int):
            dtype = content
        else:
            parts[number] = content
    form = _FORMATS.get(dtype)
    if form is None:
        return None
    whole = parts.get(_TENSOR_CONTENT)
    if whole is None:
        whole = parts.get(_LISTS[dtype], b"")
        if isinstance(whole, int) or (dtype in {3, 9, 19} and whole):  # varints, packed or alone; half as its bits
            number = whole if isinstance(whole, int) else _first_varint(whole)
            return float(struct.unpack("<e", struct.pack("<H", number))[0]) if dtype == 19 else float(signed(number))
    if isinstance(whole, int) or len(whole) != struct.calcsize(form):
        return None
    return single(whole) if form == "<f" else float(struct.unpack(form, whole)[0])


def _first_varint(packed: bytes) -> int:
    return next(content for _, _, content in fields_of(b"\x08" + packed) if isinstance(content, int))
