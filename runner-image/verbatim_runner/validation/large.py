"""Judges a channel that is too large for one frame: each expectation over as few rows and columns as it takes.

What is judged row by row is judged in parts; what needs a column as a whole gets that column alone, or what says the
same in less memory (``reductions``). Where that does not fit, the run ends with a fault that says so: nothing is passed
unjudged. ``tests/runner/test_large_channels.py`` holds every expectation of Great Expectations against the one frame.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from verbatim.errors import UserFault
from verbatim_runner.validation.judge import Result, judge, raised
from verbatim_runner.validation.parts import join, with_counts
from verbatim_runner.validation.reductions import Repeats, counted, distinct, extremes, hashed
from verbatim_runner.validation.rows import shown_columns
from verbatim_runner.validation.table import TooLarge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from great_expectations.expectations.expectation import Expectation

    from verbatim_runner.validation.table import Table

ROW_BY_ROW = {
    "expect_column_pair_values_a_to_be_greater_than_b",
    "expect_column_pair_values_to_be_equal",
    "expect_column_pair_values_to_be_in_set",
    "expect_column_value_lengths_to_be_between",
    "expect_column_value_lengths_to_equal",
    "expect_column_values_to_be_between",
    "expect_column_values_to_be_dateutil_parseable",
    "expect_column_values_to_be_in_set",
    "expect_column_values_to_be_json_parseable",
    "expect_column_values_to_be_null",
    "expect_column_values_to_match_json_schema",
    "expect_column_values_to_match_regex",
    "expect_column_values_to_match_regex_list",
    "expect_column_values_to_match_strftime_format",
    "expect_column_values_to_not_be_in_set",
    "expect_column_values_to_not_be_null",
    "expect_column_values_to_not_match_regex",
    "expect_column_values_to_not_match_regex_list",
    "expect_multicolumn_sum_to_equal",
    "expect_multicolumn_values_to_be_equal",
    "expect_select_column_values_to_be_unique_within_record",
}
_TYPES = {"expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list"}
"""Judged by the column's type alone, but row by row where that is ``object``."""
_SHAPE = {
    "expect_column_to_exist",
    "expect_column_type_to_be",
    "expect_table_column_count_to_be_between",
    "expect_table_column_count_to_equal",
    "expect_table_columns_to_match_ordered_list",
    "expect_table_columns_to_match_set",
}
_ROW_COUNT = {"expect_table_row_count_to_be_between", "expect_table_row_count_to_equal"}
_REDUCED: dict[str, Callable[[Table, str], pd.DataFrame]] = {
    "expect_column_max_to_be_between": extremes,
    "expect_column_min_to_be_between": extremes,
    "expect_column_distinct_values_to_be_in_set": distinct,
    "expect_column_distinct_values_to_contain_set": distinct,
    "expect_column_distinct_values_to_equal_set": distinct,
    "expect_column_unique_value_count_to_be_between": counted,
    "expect_column_proportion_of_non_null_values_to_be_between": hashed,
    "expect_column_proportion_of_unique_values_to_be_between": hashed,
}
_UNIQUE = {"expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique"}
_IGNORED = {"all_values_are_missing": "all", "any_value_is_missing": "any", "never": "none"}
_PROGRESS_S = 5.0


class LargeChannel:
    """A channel under judgement.

    Args:
        table: Its rows.
        field: The conf field, for messages.
        say: Takes progress.
    """

    def __init__(self, table: Table, *, field: str, say: Callable[[str], None]) -> None:
        self._table, self._field, self._say = table, field, say
        self._empty = table.empty()

    def judge(self, expectations: Sequence[Expectation]) -> list[Result]:
        """Return the result of each expectation, in their order.

        Raises:
            UserFault: One needs more rows at once than there is memory for.
        """
        by_row = [number for number, item in enumerate(expectations) if self._is_by_row(item)]
        results = dict(zip(by_row, self._by_row([expectations[number] for number in by_row]), strict=True))
        for number, item in enumerate(expectations):
            if number not in results:
                results[number] = self._one(item)
        return [results[number] for number in range(len(expectations))]

    def _is_by_row(self, item: Expectation) -> bool:
        named = self._named(item)
        if not named or set(_columns(item)) - set(self._table.columns):
            return False
        kind = item.expectation_type
        return kind in ROW_BY_ROW or (kind in _TYPES and self._empty[named[0]].dtype == "object")

    def _by_row(self, expectations: Sequence[Expectation]) -> list[Result]:
        if not expectations:
            return []
        columns = self._shown([column for item in expectations for column in self._named(item)])
        joined: list[Result] = []
        done, said_at = 0, time.monotonic()
        for frame in self._table.parts(columns):
            judged = judge(frame, expectations)
            joined = list(map(join, joined, judged)) if joined else judged
            done += len(frame)
            if time.monotonic() - said_at > _PROGRESS_S:
                self._say(f"judged {done:,} of {self._table.rows:,} rows")
                said_at = time.monotonic()
        return joined

    def _one(self, item: Expectation) -> Result:
        """Judge an expectation that is not about single rows."""
        import pandas as pd

        kind, columns = item.expectation_type, _columns(item)
        filtered = getattr(item, "row_condition", None) is not None
        there = not set(columns) - set(self._table.columns)
        if kind in _ROW_COUNT and not filtered:
            return self._judged(pd.DataFrame(index=pd.RangeIndex(self._table.rows)), item)
        if not there or kind in _SHAPE | _TYPES:
            return self._judged(self._empty, item)
        try:
            if kind in _REDUCED and not filtered:
                return self._judged(_REDUCED[kind](self._table, columns[0]), item)
            if kind in _UNIQUE and not filtered:
                return self._unique(item, columns)
        except TypeError:  # not comparable: Great Expectations says so of the column itself
            pass
        except TooLarge:
            raise self._too_large(item, columns) from None
        return self._whole(item)

    def _unique(self, item: Expectation, columns: list[str]) -> Result:
        ignored = (
            "all" if len(columns) == 1 else _IGNORED[str(getattr(item, "ignore_row_if", "all_values_are_missing"))]
        )
        repeats = Repeats(self._table, columns, ignored=ignored)
        result = self._judged(repeats.rows(self._shown(columns)), item)
        values = result["result"]
        if raised(result):
            return result
        unexpected = values["unexpected_count"] if repeats.exact else repeats.count
        counts = {"element_count": self._table.rows, "unexpected_count": unexpected, "missing_count": repeats.missing}
        return with_counts(result, counts, values["partial_unexpected_list"], values["unexpected_rows"])

    def _whole(self, item: Expectation) -> Result:
        columns = self._named(item)
        self._say(f"judging {item.expectation_type} on {', '.join(columns)}")
        try:
            return self._judged(self._table.whole(columns), item)
        except TooLarge:
            raise self._too_large(item, columns) from None

    def _too_large(self, item: Expectation, columns: Sequence[str]) -> UserFault:
        return UserFault(
            f"{item.expectation_type} on {', '.join(columns)} needs all {self._table.rows:,} rows of it at once, and "
            "they do not fit in the memory of validate; raise resources.memory, or say it by an expectation that "
            "looks at one row at a time (docs/validation.md, Large channels)",
            field=self._field,
        )

    def _judged(self, frame: pd.DataFrame, item: Expectation) -> Result:
        return judge(frame, [item])[0]

    def _named(self, item: Expectation) -> list[str]:
        """Return the columns that an expectation may look at: those it is about, and those its condition mentions."""
        condition = getattr(item, "row_condition", None)
        text = "" if condition is None else json.dumps(condition, default=repr)
        wanted = _columns(item)
        return [column for column in self._table.columns if column in wanted or (text and column in text)]

    def _shown(self, named: Sequence[str]) -> list[str]:
        return shown_columns(named, self._table.columns)


def _columns(item: Expectation) -> list[str]:
    arguments: dict[str, Any] = item.configuration.kwargs
    single = [arguments[name] for name in ("column", "column_A", "column_B") if arguments.get(name) is not None]
    return [str(column) for column in (*single, *arguments.get("column_list", ()))]
