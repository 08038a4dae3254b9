"""A run's values as a query is given them: as typed values beside its text, or for Hive as literals in it."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

from verbatim.problems import shown
from verbatim.spec import BoundValue

MAX_INTEGER = 2**63 - 1
"""And its negative: Hive reads what is below as a double, since for it the sign is no part of a literal."""


def bound_value(value: Any) -> BoundValue:
    """Return one value, typed.

    Args:
        value: A moment, a date, or a scalar as a conf has it.

    Raises:
        ValueError: It is of another kind, or no SQL type holds it; what is wanted, in words.
    """
    match value:
        case None:
            return BoundValue(kind="null", text="")
        case bool():
            return BoundValue(kind="boolean", text=str(value).lower())
        case int() if abs(value) <= MAX_INTEGER:
            return BoundValue(kind="integer", text=str(value))
        case float() if math.isfinite(value):
            return BoundValue(kind="number", text=repr(value))
        case datetime():
            return BoundValue(kind="timestamp", text=value.astimezone(UTC).isoformat(timespec="microseconds"))
        case date():
            return BoundValue(kind="date", text=value.isoformat())
        case str() if "\0" not in value:
            return BoundValue(kind="text", text=value)
    raise ValueError(f"text, true, false, null or a number of at most 64 bits (not {shown(value)})")


def hive_literal(value: BoundValue) -> str:
    """Return a value as the literal that Hive and Spark both read as just it; moments in UTC.

    Texts are quoted and escaped as Hive's lexer takes them. ``${`` is spelled by its code, since both servers fill in
    variables before they look for literals. A number has an exponent: without one it is a decimal to some versions.
    """
    match value.kind:
        case "timestamp":
            return (
                f"TIMESTAMP '{datetime.fromisoformat(value.text).replace(tzinfo=None).isoformat(' ', 'microseconds')}'"
            )
        case "date":
            return f"DATE '{value.text}'"
        case "text":
            escaped = value.text.replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\u0024{")
            return f"'{escaped}'"
        case "integer" | "number":
            number = value.text if value.kind == "integer" or "e" in value.text else f"{value.text}e0"
            return f"({number})" if number.startswith("-") else number.upper()
        case "boolean" | "null":
            return value.text.upper() or "NULL"
