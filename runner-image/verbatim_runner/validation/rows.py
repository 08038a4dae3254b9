"""Rows of data as JSON values, cut so that a record stays readable."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from pydantic import JsonValue

MAX_ROWS = 5
ROW = "row"
"""Under this name, or ``_row`` where a column is called so, a row's number in the channel, from 1."""
_CONTEXT_COLUMNS = 4
_MAX_CHARS = 200
_SAFE_INTEGER = 2**53


def shown_columns(named: Iterable[str], columns: Sequence[str]) -> list[str]:
    """Return the columns of a row that are shown: those named, and the first of the table, which tell rows apart."""
    wanted = dict.fromkeys((*(column for column in named if column in columns), *columns[:_CONTEXT_COLUMNS]))
    return list(wanted)


def as_rows(frame: pd.DataFrame, named: Iterable[str]) -> list[dict[str, JsonValue]]:
    """Return rows as JSON objects.

    Args:
        frame: The rows; its index numbers them from 0.
        named: The columns that come first.
    """
    columns = shown_columns(named, [str(column) for column in frame.columns])
    number = ROW if ROW not in columns else f"_{ROW}"
    values = {column: frame[column].tolist() for column in columns}
    return [
        {number: int(label) + 1} | {column: as_json(values[column][at]) for column in columns}
        for at, label in enumerate(frame.index)
    ]


def as_json(value: Any) -> JsonValue:
    """Return any value of a frame as a JSON value; what is long, binary or nested as text that is cut."""
    if value is None or isinstance(value, bool):
        return value
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    if isinstance(value, int):
        return value if abs(value) <= _SAFE_INTEGER else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else (None if math.isnan(value) else str(value))
    if isinstance(value, bytes):
        return _cut(base64.b64encode(value[:_MAX_CHARS]).decode())
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return None if str(value) == "NaT" else value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    return None if str(value) in {"<NA>", "NaT"} else _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_CHARS else f"{text[: _MAX_CHARS - 1]}…"
