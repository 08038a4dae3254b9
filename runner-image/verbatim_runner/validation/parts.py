"""Makes one result of the results of parts of the rows, as Great Expectations would have judged all at once."""

from __future__ import annotations

from typing import Any

from verbatim_runner.validation.judge import PARTIAL, Result, raised
from verbatim_runner.validation.rows import MAX_ROWS


def join(one: Result, other: Result) -> Result:
    """Return the result over two parts of the rows of an expectation that judges row by row.

    Args:
        one: Its result over the first part.
        other: Its result over the next. Where it raised over one of them, that stands for both.
    """
    if raised(one) or raised(other):
        return one if raised(one) else other
    ours, theirs = one["result"], other["result"]
    counts = {
        name: ours[name] + theirs[name]
        for name in ("element_count", "unexpected_count", "missing_count")
        if name in ours
    }
    partial = [*ours["partial_unexpected_list"], *theirs["partial_unexpected_list"]][:PARTIAL]
    rows = [*ours["unexpected_rows"], *theirs["unexpected_rows"]][:MAX_ROWS]
    return with_counts(one, counts, partial, rows)


def with_counts(result: Result, counts: dict[str, int], partial: list[Any], rows: list[dict[str, Any]]) -> Result:
    """Return a result with other counts, its shares and its verdict worked out anew.

    The arithmetic is ``_format_map_output`` and ``_mostly_success`` of great_expectations/expectations/expectation.py.

    Args:
        result: Of an expectation over rows.
        counts: ``element_count``, ``unexpected_count`` and, where nulls are not judged, ``missing_count``.
        partial: Some values that do not meet it.
        rows: Some rows that do not.
    """
    total, unexpected, missing = counts["element_count"], counts["unexpected_count"], counts.get("missing_count", 0)
    judged = total - missing
    share = unexpected / judged * 100 if judged else None
    values: dict[str, Any] = result["result"] | counts | {"partial_unexpected_list": partial, "unexpected_rows": rows}
    if total:
        values["unexpected_percent"] = share
        if "missing_count" in counts:
            values |= {
                "missing_percent": missing / total * 100,
                "unexpected_percent_total": unexpected / total * 100,
                "unexpected_percent_nonmissing": share,
            }
    mostly = result["expectation_config"]["kwargs"].get("mostly", 1.0)
    return result | {"result": values, "success": not judged or (judged - unexpected) / judged >= mostly}
