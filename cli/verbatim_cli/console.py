"""What commands print: JSON for scripts, tables for people; and how sizes, times and curves are spelled.

Results go to stdout, progress to stderr.
"""

from __future__ import annotations

import json
import math
import os
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from verbatim.errors import ExpectationFailed, GateFailed, NotFound, RequestError, Stopped, UserFault, VerbatimError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

PIPE_WIDTH = 200
"""Columns of a table that goes into a pipe or a file."""

SPARKS = "▁▂▃▄▅▆▇█"
_KINDS: tuple[tuple[type[VerbatimError], str], ...] = (
    (RequestError, "request"),
    (ExpectationFailed, "expectation"),
    (GateFailed, "gate"),
    (UserFault, "user"),
    (Stopped, "stopped"),
    (NotFound, "not_found"),
)


def stdout() -> Console:
    """Return a console for results."""
    from rich.console import Console

    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    return Console(highlight=False, soft_wrap=True, width=width)


def stderr() -> Console:
    """Return a console for progress and errors."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print one JSON value; NaN and infinite numbers as strings, as in Verbatim's documents."""
    print(json.dumps(_plain(value), ensure_ascii=False, indent=2, allow_nan=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; columns whose name begins with ``>`` are aligned to the right."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.removeprefix(">"), justify="right" if column.startswith(">") else "left")
    for row in rows:
        table.add_row(*(Text.from_markup(cell) for cell in row))
    stdout().print(table)


def print_error(error: VerbatimError, *, as_json: bool) -> None:
    """Print why a command failed: a JSON object on stdout, or text on stderr."""
    if as_json:
        kind = next((name for error_type, name in _KINDS if isinstance(error, error_type)), "platform")
        problems = [problem.model_dump() for problem in error.problems] if isinstance(error, RequestError) else None
        told = {"kind": kind, "message": error.message, "field": error.field}
        print_json({"error": told | ({"problems": problems} if problems else {})})
    else:
        print(f"error: {error}", file=sys.stderr)


def plain(text: str | None) -> str:
    """Return text of unknown origin so that it cannot be read as markup; a dash for none."""
    from rich.markup import escape

    return escape(text) if text else "-"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 file`` or ``2 files``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def human_size(size: float | None) -> str:
    """Return bytes as people read them, such as ``3.4 MB``."""
    if size is None:
        return "-"
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def human_duration(seconds: float | None) -> str:
    """Return seconds as people read them, such as ``4.2 s`` or ``1 h 03 min``."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds // 60)
    return f"{minutes} min {seconds % 60:02.0f} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def human_time(moment: datetime | str | None) -> str:
    """Return a moment in this machine's time zone, the zone named."""
    if moment is None:
        return "-"
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def human_number(value: float | str | None) -> str:
    """Return a metric's value with at most six significant digits."""
    return "-" if value is None else (f"{value:.6g}" if isinstance(value, (int, float)) else str(value))


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """Return a curve of at most ``width`` characters; a gap where a value is not finite."""
    shown = [values[len(values) * place // width] for place in range(width)] if len(values) > width else list(values)
    finite = [value for value in shown if math.isfinite(value)]
    if not finite:
        return ""
    low, span = min(finite), max(finite) - min(finite)
    top = len(SPARKS) - 1
    return "".join(
        SPARKS[round((value - low) / span * top) if span else top // 2] if math.isfinite(value) else " "
        for value in shown
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value
