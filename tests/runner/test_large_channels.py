"""Channels that are judged part by part: by every expectation the same is said as of one frame, in bounded memory."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from verbatim.errors import UserFault
from verbatim_runner.validation import judgement, reductions, table, text_files
from verbatim_runner.validation.judge import raised
from verbatim_runner.validation.judgement import Judgement, judge_files
from verbatim_runner.validation.large import ROW_BY_ROW
from verbatim_runner.validation.suite import NEED_SQL, build_suite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries below Great Expectations

ROWS = 500
PART_ROWS = 150


def everything() -> pa.Table:
    """Return a table with a column of each kind that is awkward."""
    numbers = np.arange(ROWS)
    words = [None if n % 50 == 7 else f"w{n % 9}" for n in numbers]
    moments = pd.to_datetime("2026-01-01") + pd.to_timedelta(numbers, unit="h")
    return pa.table(
        {
            "id": pa.array(numbers),
            "group": pa.array([int(n) % 7 for n in numbers], pa.int32()),
            "holes": pa.array([None if n == 321 else int(n) for n in numbers]),
            "x": pa.array([None if n % 11 == 0 else float(n % 17) / 3 for n in numbers]),
            "nan": pa.array([float("nan") if n % 13 == 0 else float(n) for n in numbers]),
            "word": pa.array(words),
            "kind": pa.array(words).dictionary_encode(),
            "code": pa.array([f"c{n if n != 400 else 3}" for n in numbers]),
            "flag": pa.array([None if n == 100 else bool(n % 2) for n in numbers]),
            "price": pa.array([Decimal(int(n)) / 4 for n in numbers], pa.decimal128(10, 2)),
            "at": pa.array(moments, pa.timestamp("us")),
            "day": pa.array([moment.date() for moment in moments], pa.date32()),
            "day_text": pa.array([str(moment.date()) if n != 77 else "soon" for n, moment in enumerate(moments)]),
            "json": pa.array([json.dumps({"n": int(n)}) if n != 78 else "{" for n in numbers]),
            "tags": pa.array([[int(n) % 3] for n in numbers]),
            "person": pa.array([{"name": "a", "age": int(n)} for n in numbers]),
            "nothing": pa.array([None] * ROWS, pa.float64()),
        }
    )


def on(kind: str, /, **arguments: object) -> dict[str, Any]:
    return {"type": kind, "kwargs": arguments}


def every_way(kind: str, columns: list[str], *ways: dict[str, object]) -> list[dict[str, Any]]:
    return [on(kind, column=column, **way) for column in columns for way in ways]


NUMBERS = ["id", "group", "holes", "x", "nan"]
ALL = [
    *every_way("expect_column_distinct_values_to_be_in_set", ["group", "word"], {"value_set": [0, 1, "w1"]}, {"value_set": [*range(7), *[f"w{n}" for n in range(9)]]}),
    *every_way("expect_column_distinct_values_to_contain_set", ["group", "word"], {"value_set": [1]}, {"value_set": ["w1", "w2"]}),
    *every_way("expect_column_distinct_values_to_equal_set", ["group", "word", "flag"], {"value_set": list(range(7))}, {"value_set": [True, False]}),
    *every_way("expect_column_kl_divergence_to_be_less_than", ["word"], {"partition_object": {"values": [f"w{n}" for n in range(9)], "weights": [1 / 9] * 9}, "threshold": 0.1}),
    *every_way("expect_column_max_to_be_between", [*NUMBERS, "at", "day", "price", "word", "nothing", "tags"], {"min_value": 3, "max_value": 100}, {"min_value": "2026-01-01", "max_value": "2027-01-01"}),
    *every_way("expect_column_min_to_be_between", [*NUMBERS, "at", "code"], {"min_value": 0, "max_value": 0}, {"min_value": "2026-01-01"}),
    *every_way("expect_column_mean_to_be_between", [*NUMBERS, "word"], {"min_value": 3, "max_value": 100}),
    *every_way("expect_column_median_to_be_between", NUMBERS, {"min_value": 3, "max_value": 100}),
    *every_way("expect_column_stdev_to_be_between", NUMBERS, {"min_value": 1, "max_value": 2}),
    *every_way("expect_column_sum_to_be_between", NUMBERS, {"min_value": 1, "max_value": 2000}),
    *every_way("expect_column_quantile_values_to_be_between", NUMBERS, {"quantile_ranges": {"quantiles": [0.1, 0.5], "value_ranges": [[0, 60], [1, 3]]}}),
    *every_way("expect_column_most_common_value_to_be_in_set", ["group", "word"], {"value_set": [1, "w1"]}),
    *every_way("expect_column_proportion_of_non_null_values_to_be_between", ["x", "word", "id"], {"min_value": 0.95}),
    *every_way("expect_column_proportion_of_unique_values_to_be_between", ["word", "id", "code", "x"], {"min_value": 0.5}),
    *every_way("expect_column_unique_value_count_to_be_between", ["word", "id", "kind"], {"max_value": 9}),
    *every_way("expect_column_to_exist", ["id", "none"], {}, {"column_index": 1}),
    *every_way("expect_column_type_to_be", ["id", "word"], {"type_": "int64"}, {"type_": "str"}),
    *every_way("expect_column_value_lengths_to_be_between", ["word", "id"], {"max_value": 2}, {"min_value": 3}),
    *every_way("expect_column_value_lengths_to_equal", ["word", "code"], {"value": 2}),
    *every_way("expect_column_value_z_scores_to_be_less_than", ["id"], {"threshold": 1.5, "double_sided": True}, {"threshold": 9, "double_sided": True}),
    *every_way("expect_column_values_to_be_between", [*NUMBERS, "price", "word", "nothing"], {"min_value": 0, "max_value": 4}, {"min_value": 0, "max_value": 1000}, {"max_value": 4, "mostly": 0.1}),
    *every_way("expect_column_values_to_be_between", ["at", "day"], {"max_value": "2026-01-05"}),
    *every_way("expect_column_values_to_be_dateutil_parseable", ["day_text", "json"], {}),
    *every_way("expect_column_values_to_be_decreasing", ["id"], {}),
    *every_way("expect_column_values_to_be_increasing", ["id", "group"], {}),
    *every_way("expect_column_values_to_be_in_set", ["group", "word", "kind", "flag", "tags"], {"value_set": [1, 2, "w1", True]}, {"value_set": [*range(7), *[f"w{n}" for n in range(9)]], "mostly": 0.9}),
    *every_way("expect_column_values_to_not_be_in_set", ["group", "word"], {"value_set": [1, "w1"]}, {"value_set": [99]}),
    *every_way("expect_column_values_to_be_in_type_list", ["id", "holes", "flag", "price", "word"], {"type_list": ["int64", "bool", "str"]}),
    *every_way("expect_column_values_to_be_of_type", ["id", "holes", "flag", "price", "word", "at", "none"], {"type_": "int64"}, {"type_": "Decimal"}, {"type_": "bool"}),
    *every_way("expect_column_values_to_be_json_parseable", ["json"], {}),
    *every_way("expect_column_values_to_match_json_schema", ["json"], {"json_schema": {"type": "object", "properties": {"n": {"maximum": 77}}}}),
    *every_way("expect_column_values_to_be_null", ["x", "id", "nothing"], {}, {"mostly": 0.05}),
    *every_way("expect_column_values_to_not_be_null", ["x", "id", "nothing", "nan", "flag", "tags", "person"], {}, {"mostly": 0.5}),
    *every_way("expect_column_values_to_be_unique", ["id", "group", "code", "x", "price", "tags", "at", "nothing"], {}, {"mostly": 0.99}),
    *every_way("expect_column_values_to_match_regex", ["word", "code", "group"], {"regex": "^[wc]\\d$"}, {"regex": "\\d"}),
    *every_way("expect_column_values_to_not_match_regex", ["word", "code"], {"regex": "1"}),
    *every_way("expect_column_values_to_match_regex_list", ["word"], {"regex_list": ["1", "2"], "match_on": "any"}),
    *every_way("expect_column_values_to_not_match_regex_list", ["word"], {"regex_list": ["1", "2"]}),
    *every_way("expect_column_values_to_match_strftime_format", ["day_text"], {"strftime_format": "%Y-%m-%d"}),
    *every_way("expect_column_values_to_not_be_outliers", ["id"], {}),
    on("expect_column_pair_values_a_to_be_greater_than_b", column_A="id", column_B="x"),
    on("expect_column_pair_values_to_be_equal", column_A="id", column_B="holes", ignore_row_if="either_value_is_missing"),
    on("expect_column_pair_values_to_be_in_set", column_A="group", column_B="flag", value_pairs_set=[[1, True]]),
    on("expect_compound_columns_to_be_unique", column_list=["id", "group"]),
    on("expect_compound_columns_to_be_unique", column_list=["word", "group"]),
    on("expect_compound_columns_to_be_unique", column_list=["word", "x"], ignore_row_if="any_value_is_missing"),
    on("expect_compound_columns_to_be_unique", column_list=["word", "nothing"], ignore_row_if="never"),
    on("expect_multicolumn_sum_to_equal", column_list=["id", "group"], sum_total=3),
    on("expect_multicolumn_values_to_be_equal", column_list=["id", "holes"]),
    on("expect_select_column_values_to_be_unique_within_record", column_list=["id", "group"]),
    on("expect_table_column_count_to_be_between", min_value=3), on("expect_table_column_count_to_equal", value=3),
    on("expect_table_columns_to_match_ordered_list", column_list=["id", "x"]),
    on("expect_table_columns_to_match_set", column_set=["id"], exact_match=False),
    on("expect_table_row_count_to_be_between", min_value=ROWS), on("expect_table_row_count_to_equal", value=3),
    on("expect_column_values_to_be_between", column="id", max_value=3, row_condition="group == 2", condition_parser="pandas"),
    on("expect_column_values_to_be_unique", column="word", row_condition="id < 9", condition_parser="pandas"),
    on("expect_column_max_to_be_between", column="id", max_value=3, row_condition="group == 2", condition_parser="pandas"),
    on("expect_column_mean_to_be_between", column="none", max_value=3),
    on("expect_column_values_to_not_be_null", column="none"),
]  # fmt: skip


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., Judgement]:
    def call(files: dict[str, pa.Table | str], *expectations: dict[str, Any]) -> Judgement:
        directory = tmp_path / f"channel{len(list(tmp_path.iterdir()))}"
        scratch = directory / "scratch"
        scratch.mkdir(parents=True)
        for name, content in files.items():
            if isinstance(content, pa.Table):
                pq.write_table(content, directory / name, row_group_size=200)
            else:
                opened = gzip.open if name.endswith(".gz") else open
                with opened(directory / name, "wt") as out:
                    out.write(content)
        suite = build_suite({"expectations": list(expectations)}, "s.json", field="validation.train")
        return judge_files(
            directory, list(files), suite, scratch=scratch, field="validation.train", say=lambda _text: None
        )

    return call


@pytest.fixture
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def call() -> None:
        monkeypatch.setattr(judgement, "SMALL_BYTES", -1)
        monkeypatch.setattr(table, "PART_ROWS", PART_ROWS)

    return call


def told(result: dict[str, Any]) -> dict[str, Any]:
    """Return what is compared: all but which rows and values are shown, of which only some are there."""
    values = {name: value for name, value in result["result"].items() if name != "unexpected_rows"}
    return {"config": result["expectation_config"], "success": result["success"], "raised": raised(result) is not None, "result": values}  # fmt: skip


def test_every_expectation_of_great_expectations_is_held_against_one_frame():
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    build_suite({"expectations": [on("expect_column_to_exist", column="x")]}, "s.json", field="f")
    assert {item["type"] for item in ALL} | NEED_SQL == set(list_registered_expectation_implementations())
    assert {item["type"] for item in ALL} >= ROW_BY_ROW


def test_parts_say_the_same_as_one_frame(judge, everything_is_large):
    files = {"a.parquet": everything()[:300], "b.parquet": everything()[300:]}
    once = judge(files, *ALL)
    everything_is_large()
    parts = judge(files, *ALL)
    assert once.rows == parts.rows == ROWS
    assert len(once.results) == len(parts.results) == len(ALL)
    different = [(told(one), told(other)) for one, other in zip(once.results, parts.results, strict=True)]
    assert [pair for pair in different if pair[0] != pair[1]] == []


def test_rows_that_do_not_meet_an_expectation_are_numbered_through_all_parts(judge, everything_is_large):
    everything_is_large()
    files = {"a.parquet": everything()[:300], "b.parquet": everything()[300:]}
    (row,) = judge(files, on("expect_column_values_to_not_be_null", column="holes")).results[0]["result"][
        "unexpected_rows"
    ]
    assert row == {"row": 322, "holes": None, "id": 321, "group": 6, "x": 5.0}
    repeats = judge(files, on("expect_column_values_to_be_unique", column="code")).results[0]["result"][
        "unexpected_rows"
    ]
    assert [(row["row"], row["code"]) for row in repeats] == [(4, "c3"), (401, "c3")]


CSV = "id,word,seen,share\n" + "".join(
    f"{n},{f'w{n}' if n > 120 else n},{'' if n == 99 else n},{n / 2}\n" for n in range(200)
)
JSONL = "".join(json.dumps({"id": n, "flag": n % 2 == 0, "tags": [n]} | ({"late": "x"} if n > 150 else {})) + "\n" for n in range(200))  # fmt: skip


@pytest.mark.parametrize(("files", "types"), [
    ({"a.csv": CSV}, {"id": "int64", "word": "str", "seen": "float64", "share": "float64"}),
    ({"a.csv.gz": CSV, "b.csv": CSV}, {"id": "int64", "word": "str", "seen": "float64", "share": "float64"}),
    ({"a.jsonl": JSONL}, {"id": "int64", "flag": "bool", "late": "str"}),
])  # fmt: skip
def test_text_files_are_typed_over_all_their_rows(judge, everything_is_large, monkeypatch, files, types):
    everything_is_large()
    monkeypatch.setattr(text_files, "PART_ROWS", 60)
    typed = [on("expect_column_values_to_be_of_type", column=column, type_=kind) for column, kind in types.items()]
    rows = 200 * len(files)
    counted = on("expect_table_row_count_to_equal", value=rows)
    judged = judge(
        files, *typed, counted, on("expect_column_max_to_be_between", column="id", min_value=199, max_value=199)
    )
    assert [result["result"] for result in judged.results if not result["success"]] == []
    assert judged.rows == rows


def test_what_needs_more_memory_than_there_is_is_told_and_not_passed(judge, everything_is_large, monkeypatch):
    everything_is_large()
    monkeypatch.setattr(judgement, "columns_budget", lambda: 1000)
    files = {"a.parquet": everything()}
    with pytest.raises(
        UserFault, match=r"expect_column_median_to_be_between on id needs all 500 rows.*resources.memory"
    ):
        judge(files, on("expect_column_median_to_be_between", column="id", min_value=0))
    by_row = on("expect_column_values_to_be_between", column="id", min_value=0)
    unique = on("expect_column_values_to_be_unique", column="id")
    assert all(result["success"] for result in judge(files, by_row, unique).results)


def test_repeats_beyond_count_are_found_by_their_hashes(judge, everything_is_large, monkeypatch):
    files = {"a.parquet": everything()}
    expectation = on("expect_column_values_to_be_unique", column="group", mostly=0.5)
    once = judge(files, expectation).results[0]
    everything_is_large()
    monkeypatch.setattr(reductions, "MAX_CANDIDATES", 100)
    assert told(judge(files, expectation).results[0]) == told(once)


def test_more_distinct_values_than_fit_in_memory_are_counted_by_their_hashes(judge, everything_is_large, monkeypatch):
    files = {"a.parquet": everything()}
    expectations = [
        on("expect_column_unique_value_count_to_be_between", column=name, max_value=9) for name in ("code", "word")
    ]
    once = judge(files, *expectations)
    everything_is_large()
    monkeypatch.setattr(judgement, "columns_budget", lambda: 1000)
    monkeypatch.setattr(reductions, "_MERGED_BYTES", 500)
    assert [told(result) for result in judge(files, *expectations).results] == [told(result) for result in once.results]
    with pytest.raises(UserFault, match="do not fit in the memory"):
        judge(files, on("expect_column_distinct_values_to_be_in_set", column="code", value_set=["c1"]))


def test_files_whose_columns_do_not_fit_below_each_other_are_refused(judge, everything_is_large):
    everything_is_large()
    files = {"a.parquet": pa.table({"x": [1]}), "b.parquet": pa.table({"x": [[1]]})}
    with pytest.raises(UserFault, match="do not fit below each other"):
        judge(files, on("expect_column_to_exist", column="x"))


def test_a_file_without_a_column_has_it_empty(judge, everything_is_large):
    files = {"a.parquet": pa.table({"x": [1, 2]}), "b.parquet": pa.table({"y": ["a", "b", "c"]})}
    suite = [on("expect_column_values_to_not_be_null", column=column) for column in ("x", "y")]
    once = judge(files, *suite)
    everything_is_large()
    assert [told(result) for result in judge(files, *suite).results] == [told(result) for result in once.results]
    assert [result["result"]["unexpected_count"] for result in once.results] == [3, 2]


def test_an_empty_file_is_judged_as_one_frame_would_be(judge, everything_is_large):
    files = {"a.parquet": everything()[:0]}
    suite = [on("expect_column_values_to_not_be_null", column="id"), on("expect_column_values_to_be_unique", column="id"), on("expect_column_max_to_be_between", column="id", max_value=1), on("expect_table_row_count_to_equal", value=0)]  # fmt: skip
    once = judge(files, *suite)
    everything_is_large()
    assert [result["success"] for result in judge(files, *suite).results] == [
        result["success"] for result in once.results
    ]


def test_the_budget_of_columns_follows_the_containers_limit(tmp_path, monkeypatch):
    for text, budget in (("2147483648\n", (2 * 2**30 - 600 * 2**20) // 4), ("1000", 0)):
        (tmp_path / "memory.max").write_text(text)
        monkeypatch.setattr(table, "_LIMITS", (tmp_path / "memory.max",))
        assert table.columns_budget() == budget
