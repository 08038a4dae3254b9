"""Drafts of suites: they hold of the data that they were drafted from, and not of what was done to it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from verbatim_runner.validation import draft, judgement, table
from verbatim_runner.validation.draft import draft_suite
from verbatim_runner.validation.judgement import judge_files
from verbatim_runner.validation.suite import build_suite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from verbatim.draft import DraftSuite

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries below Great Expectations

ROWS = 200
START = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS: dict[str, Any] = {
    "id": list(range(ROWS)),
    "user": [f"user-{n}" for n in range(ROWS)],
    "country": [("de", "fr", "it")[n % 3] for n in range(ROWS)],
    "age": [18 + n % 50 for n in range(ROWS)],
    "income": [None if n % 10 == 0 else 10.5 * n for n in range(ROWS)],
    "at": [START.replace(tzinfo=None) + timedelta(hours=n) for n in range(ROWS)],
    "zoned": [START + timedelta(hours=n) for n in range(ROWS)],
    "day": [date(2026, 1, 1) + timedelta(days=n) for n in range(ROWS)],
    "price": [Decimal(n) / 4 for n in range(ROWS)],
    "flag": [None if n == 9 else n % 2 == 0 for n in range(ROWS)],
    "tags": [["a"] * (n % 3) for n in range(ROWS)],
    "nothing": [None] * ROWS,
}


@pytest.fixture(params=["small", "large"])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "large":
        for module in (judgement, draft):
            monkeypatch.setattr(module, "SMALL_BYTES", -1)
        monkeypatch.setattr(table, "PART_ROWS", 70)
    return str(request.param)


@pytest.fixture
def drafted(tmp_path: Path) -> Callable[..., DraftSuite]:
    def call(directory: Path, name: str) -> DraftSuite:
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        return draft_suite(directory, [name], name="train", scratch=scratch, say=lambda _text: None)

    return call


def not_met(directory: Path, name: str, suite: DraftSuite) -> set[tuple[str, str | None]]:
    scratch = directory / "scratch"
    scratch.mkdir(exist_ok=True)
    expectations = build_suite(suite.suite(), "draft.json", field="validation.train")
    judged = judge_files(directory, [name], expectations, scratch=scratch, field="f", say=lambda _text: None)
    configurations = [item["expectation_config"] for item in judged.results if not item["success"]]
    return {(found["type"], found["kwargs"].get("column")) for found in configurations}


def test_a_draft_holds_of_its_data_and_not_of_what_was_done_to_it(size, tmp_path, drafted):
    pq.write_table(pa.table(COLUMNS), tmp_path / "a.parquet")
    suite = drafted(tmp_path, "a.parquet")
    assert (suite.rows, suite.columns, suite.left_out) == (ROWS, len(COLUMNS), ("nothing",))
    assert not_met(tmp_path, "a.parquet", suite) == set()

    worse = (
        COLUMNS
        | {
            "id": [0, 0, *range(2, ROWS)],
            "user": ["user-1", *COLUMNS["user"][1:]],
            "country": ["xx", *COLUMNS["country"][1:]],
            "age": [200, *COLUMNS["age"][1:]],
            "income": [None] * (ROWS // 2) + COLUMNS["income"][ROWS // 2 :],
            "at": [datetime(1970, 1, 1), *COLUMNS["at"][1:]],  # noqa: DTZ001 - a column without a zone
            "price": [None, *COLUMNS["price"][1:]],
        }
    )
    pq.write_table(pa.table(worse), tmp_path / "b.parquet")
    assert not_met(tmp_path, "b.parquet", suite) == {
        ("expect_column_values_to_be_unique", "id"),
        ("expect_column_values_to_be_unique", "user"),
        ("expect_column_values_to_be_in_set", "country"),
        ("expect_column_values_to_be_between", "age"),
        ("expect_column_values_to_not_be_null", "income"),
        ("expect_column_values_to_be_between", "at"),
        ("expect_column_values_to_not_be_null", "price"),
    }

    other = pa.table(COLUMNS | {"age": [str(age) for age in COLUMNS["age"]]}).drop_columns(["tags"])[:50]
    pq.write_table(other, tmp_path / "c.parquet")
    assert not_met(tmp_path, "c.parquet", suite) >= {
        ("expect_table_columns_to_match_ordered_list", None),
        ("expect_table_row_count_to_be_between", None),
        ("expect_column_values_to_be_of_type", "age"),
    }


@pytest.mark.parametrize(("name", "content"), [
    ("a.csv", "id,word,x\n1,a,0.5\n2,b,\n3,a,1.5\n"),
    ("a.jsonl", '{"id": 1, "word": "a", "tags": {"x": [1]}}\n{"id": 2, "word": null}\n{"id": 3, "word": "b"}\n'),
    ("empty.csv", "id,word\n"),
])  # fmt: skip
def test_a_draft_of_text_files_holds_of_them(size, tmp_path, drafted, name, content):
    (tmp_path / name).write_text(content)
    suite = drafted(tmp_path, name)
    assert suite.columns >= 2
    assert not_met(tmp_path, name, suite) == set()
