"""Says in the platform's words which expectations are not met, and how bad that is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from verbatim.stage import FailedExpectation
from verbatim_runner.validation.judge import Result, columns_of, raised
from verbatim_runner.validation.rows import ROW

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import JsonValue

Severity = Literal["fail", "warn"]

_OBSERVED_CHARS = 300
_SHOWN_VALUES = 5
_NAMED = 10
_SHOWN_ROWS = 3


def failed_expectations(results: Iterable[Result], severity: Severity) -> tuple[FailedExpectation, ...]:
    """Return the expectations that are not met, those that end a run first, else in the suite's order.

    Args:
        results: Of all.
        severity: The suite's. An expectation of the severity ``warning`` or ``info`` only ever warns.
    """
    failed = [_failed(result, severity) for result in results if not result["success"]]
    return tuple(sorted(failed, key=lambda item: item.severity))


def _failed(result: Result, severity: Severity) -> FailedExpectation:
    own = result["expectation_config"].get("severity", "critical")
    return FailedExpectation(
        expectation=result["expectation_config"]["type"],
        column=", ".join(columns_of(result)) or None,
        observed=observed(result)[:_OBSERVED_CHARS],
        severity=severity if own == "critical" else "warn",
        rows=tuple(result["result"].get("unexpected_rows", ())),
    )


def observed(result: Result) -> str:
    """Return in words what an expectation found."""
    values = result["result"]
    if message := raised(result):
        return message
    if values.get("observed_value") is not None:
        return json.dumps(values["observed_value"], ensure_ascii=False)
    if "unexpected_count" in values:
        counted = f"{values['unexpected_count']} of {values.get('element_count', '?')} values"
        some = values.get("partial_unexpected_list", [])[:_SHOWN_VALUES]
        return f"{counted}, such as {json.dumps(some, ensure_ascii=False)}" if some else counted
    return "not met" if not result["success"] else ""


def in_words(channel: str, failed: Iterable[FailedExpectation], evaluated: int) -> str:
    """Return the message of what a channel does not meet: each expectation, its column, what was seen, some rows."""
    items = list(failed)
    lines = [f"the channel {channel} does not meet {len(items)} of {evaluated} expectations:"]
    for item in items[:_NAMED]:
        subject = f"{item.expectation} on {item.column}" if item.column else item.expectation
        lines.append(f"  - {subject}: observed {item.observed}")
        lines += [f"      {_row(row, item.column)}" for row in item.rows[:_SHOWN_ROWS]]
    if len(items) > _NAMED:
        lines.append(f"  … and {len(items) - _NAMED} more")
    return "\n".join(lines)


def _row(row: dict[str, JsonValue], column: str | None) -> str:
    """Return a row as JSON: its number and the column in question first, also where it was kept with sorted names."""
    number = f"_{ROW}" if f"_{ROW}" in row else ROW
    first = {name: row[name] for name in (number, column) if name in row}
    return json.dumps(first | row, ensure_ascii=False)
