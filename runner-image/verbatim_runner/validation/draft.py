"""Drafts a suite from a channel: what holds of its rows, with some slack for those to come.

Ranges get a tenth of their span on either side, the number of rows half and double. Numbers and texts that are all
different must stay so; texts of few values must be among them. There are no patterns: those would be guesses.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from verbatim.draft import DraftSuite
from verbatim_runner.validation.files import data_files, memory_estimate
from verbatim_runner.validation.frame import OneFrame, read_frame
from verbatim_runner.validation.judge import judge
from verbatim_runner.validation.judgement import SMALL_BYTES, open_table
from verbatim_runner.validation.large import LargeChannel
from verbatim_runner.validation.reductions import Repeats
from verbatim_runner.validation.suite import build_suite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import pandas as pd

    from verbatim_runner.validation.judge import Result
    from verbatim_runner.validation.table import Rows

MAX_VALUES = 20
"""A text column of more values has no value set."""
_SLACK = 0.1
_MISSING_SLACK = 0.05
_LEAST_FILLED = 0.5


class _Seen:
    """What is seen of one column, part by part."""

    def __init__(self) -> None:
        self.filled = 0
        self.low: Any = None
        self.high: Any = None
        self.words: set[Any] | None = set()
        self.unique = True

    def look(self, column: pd.Series[Any], kind: str) -> None:
        there = column.dropna()
        self.filled += len(there)
        if kind in {"number", "time"} and len(there):
            low, high = there.min(), there.max()
            self.low = low if self.low is None else min(self.low, low)
            self.high = high if self.high is None else max(self.high, high)
        if kind == "text" and self.words is not None:
            self.words.update(there.unique().tolist())
            if len(self.words) > MAX_VALUES:
                self.words = None
        if self.unique and kind in {"number", "text"}:
            self.unique = bool(there.is_unique)


def draft_suite(
    directory: Path, paths: Iterable[str], *, name: str, scratch: Path, say: Callable[[str], None]
) -> DraftSuite:
    """Draft a suite that a channel meets.

    Args:
        directory: The channel's.
        paths: Of the files in it.
        name: The suite's.
        scratch: An empty directory, for large files in other formats than Parquet.
        say: Takes progress.

    Raises:
        UserFault: A file is of no format that can be judged, or is not what its suffix says.
    """
    files = data_files(directory, paths, field=name)
    say(f"reading {len(files)} files")
    rows: Rows
    results_of: Callable[[Sequence[Any]], list[Result]]
    if memory_estimate(files, field=name) <= SMALL_BYTES:
        frame = read_frame(files, field=name)
        rows, results_of = OneFrame(frame), partial(judge, frame)
    else:
        table = open_table(files, scratch, field=name)
        rows, results_of = table, LargeChannel(table, field=name, say=say).judge
    drafted = list(_table_expectations(rows))
    by_column = _by_column(rows, say)
    drafted += [expectation for expectations in by_column.values() for expectation in expectations]
    say(f"trying {len(drafted)} expectations on the {rows.rows:,} rows themselves")
    suite = build_suite({"expectations": drafted}, name, field=name)
    kept = [item for item, result in zip(drafted, results_of(suite), strict=True) if result["success"]]
    told = {item["kwargs"].get("column") for item in kept}
    left_out = tuple(column for column in rows.columns if column not in told)
    return DraftSuite(name=name, rows=rows.rows, columns=len(rows.columns), expectations=tuple(kept), left_out=left_out)


def _table_expectations(rows: Rows) -> Iterator[dict[str, Any]]:
    yield _expect("expect_table_columns_to_match_ordered_list", column_list=rows.columns)
    yield _expect("expect_table_row_count_to_be_between", min_value=rows.rows // 2, max_value=max(rows.rows * 2, 1))


def _by_column(rows: Rows, say: Callable[[str], None]) -> dict[str, list[dict[str, Any]]]:
    empty = rows.empty()
    kinds = {column: _kind(empty[column]) for column in rows.columns}
    seen = {column: _Seen() for column in rows.columns}
    done = 0
    for part in rows.parts(rows.columns):
        for column, what in seen.items():
            what.look(part[column], kinds[column])
        done += len(part)
        say(f"{done:,} of {rows.rows:,} rows")
    for column, what in seen.items():
        if what.unique and kinds[column] in {"number", "text"} and what.filled > 1:
            what.unique = not Repeats(rows, [column], ignored="all").count
    return {
        column: list(_column_expectations(column, str(empty[column].dtype), kinds[column], what, rows.rows))
        for column, what in seen.items()
    }


def _kind(column: pd.Series[Any]) -> str:
    """Return what can be said of a column: of a number, text, time, or something else."""
    import pandas as pd

    kind = column.dtype
    if pd.api.types.is_bool_dtype(kind):
        return "other"
    if pd.api.types.is_numeric_dtype(kind):
        return "number"
    if pd.api.types.is_datetime64_any_dtype(kind):
        return "time"
    return "text" if isinstance(kind, pd.StringDtype) else "other"


def _column_expectations(column: str, dtype: str, kind: str, seen: _Seen, rows: int) -> Iterator[dict[str, Any]]:
    if dtype != "object":
        yield _expect("expect_column_values_to_be_of_type", column=column, type_=dtype)
    filled = seen.filled / rows if rows else 0
    if filled == 1:
        yield _expect("expect_column_values_to_not_be_null", column=column)
    elif filled >= _LEAST_FILLED:
        yield _expect("expect_column_values_to_not_be_null", column=column, mostly=round(filled - _MISSING_SLACK, 3))
    whole_number = "int" in dtype.lower()
    unique = seen.unique and seen.filled > 1 and (kind == "text" or whole_number)
    if unique:
        yield _expect("expect_column_values_to_be_unique", column=column)
    elif kind == "text" and seen.words:
        yield _expect("expect_column_values_to_be_in_set", column=column, value_set=sorted(seen.words))
    elif seen.low is not None:
        low, high = _with_slack(seen.low, seen.high, whole_number=whole_number, is_time=kind == "time")
        yield _expect("expect_column_values_to_be_between", column=column, min_value=low, max_value=high)


def _with_slack(low: Any, high: Any, *, whole_number: bool, is_time: bool) -> tuple[Any, Any]:
    """Return a range a tenth wider on either side; what is never negative stays so."""
    slack = (high - low) * _SLACK
    if is_time:
        return (low - slack).floor("s").isoformat(), (high + slack).ceil("s").isoformat()
    below = max(low - slack, 0) if low >= 0 else low - slack
    if whole_number:
        return int(below // 1), int(-(-(high + slack) // 1))
    return float(below), float(high + slack)


def _expect(kind: str, /, **arguments: object) -> dict[str, Any]:
    return {"type": kind, "kwargs": arguments}
