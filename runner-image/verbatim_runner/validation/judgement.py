"""Judges a channel's files by expectations: as one frame where that is small, else part by part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from verbatim_runner.validation.files import data_files, memory_estimate
from verbatim_runner.validation.frame import read_frame
from verbatim_runner.validation.judge import Result, judge
from verbatim_runner.validation.large import LargeChannel
from verbatim_runner.validation.table import Table, columns_budget
from verbatim_runner.validation.text_files import as_parquet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from great_expectations.expectations.expectation import Expectation

    from verbatim_runner.validation.files import DataFile

SMALL_BYTES = 128 * 2**20
"""Up to this estimate of its size in memory, a channel is one frame."""


@dataclass(frozen=True)
class Judgement:
    """What a suite's expectations say of a channel.

    Attributes:
        rows: How many rows were judged.
        results: Great Expectations' results, in the suite's order, as JSON values.
    """

    rows: int
    results: list[Result]

    def details(self, name: str) -> dict[str, Any]:
        """Return the whole result, in Great Expectations' form.

        Args:
            name: The suite's.
        """
        met = sum(bool(result["success"]) for result in self.results)
        total = len(self.results)
        statistics = {
            "evaluated_expectations": total,
            "successful_expectations": met,
            "unsuccessful_expectations": total - met,
            "success_percent": met / total * 100,
        }
        return {"success": met == total, "suite_name": name, "statistics": statistics, "results": self.results}


def judge_files(
    directory: Path,
    paths: Iterable[str],
    expectations: Sequence[Expectation],
    *,
    scratch: Path,
    field: str,
    say: Callable[[str], None],
) -> Judgement:
    """Judge a channel.

    Args:
        directory: The channel's.
        paths: Of the files in it.
        expectations: By which.
        scratch: An empty directory, for large files in other formats than Parquet.
        field: The conf field, for messages.
        say: Takes progress.

    Raises:
        UserFault: A file is not what its suffix says, or an expectation needs more memory than there is.
    """
    files = data_files(directory, paths, field=field)
    if memory_estimate(files, field=field) <= SMALL_BYTES:
        frame = read_frame(files, field=field)
        return Judgement(len(frame), judge(frame, expectations))
    table = open_table(files, scratch, field=field)
    return Judgement(table.rows, LargeChannel(table, field=field, say=say).judge(expectations))


def open_table(files: Sequence[DataFile], scratch: Path, *, field: str) -> Table:
    """Return the rows of a channel's files, those in other formats than Parquet rewritten."""
    text = [file for file in files if file.format != "parquet"]
    rewritten = as_parquet(text, scratch, field=field) if text else []
    paths = [file.path for file in files if file.format == "parquet"]
    return Table([*paths, *rewritten], field=field, budget=columns_budget())
