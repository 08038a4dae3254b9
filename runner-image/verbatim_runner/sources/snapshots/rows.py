"""Counts the rows of data files whose format says what a row is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHUNK_BYTES = 4 * 1024 * 1024


def count_rows(path: Path, name: str) -> int | None:
    """Return how many rows a file has.

    Args:
        path: The file.
        name: Its name at the source, whose suffix tells the format; ``.gz`` may follow.

    Returns:
        The rows; 0 for markers such as ``_SUCCESS``, which hold none; None where the format is not known or the content
        is not of it.
    """
    last = name.rpartition("/")[2].lower()
    if last.startswith(("_", ".")):
        return 0
    counter = next((count for suffix, count in _COUNTERS.items() if last.removesuffix(".gz").endswith(suffix)), None)
    return counter(path, last.endswith(".gz")) if counter else None


def _parquet(path: Path, _compressed: bool) -> int | None:
    import pyarrow.parquet

    try:
        return int(pyarrow.parquet.read_metadata(path).num_rows)
    except (pyarrow.ArrowException, OSError):
        return None


def _csv(path: Path, compressed: bool) -> int | None:
    """Count the records by reading one column as bytes: no type is guessed, so no value can contradict the guess."""
    import pyarrow.csv

    parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
    compression = "gzip" if compressed else None
    try:
        with pyarrow.input_stream(str(path), compression=compression) as content:
            first = pyarrow.csv.open_csv(content, parse_options=parse).schema.names[0]
        convert = pyarrow.csv.ConvertOptions(include_columns=[first], column_types={first: pyarrow.binary()})
        with pyarrow.input_stream(str(path), compression=compression) as content:
            batches = pyarrow.csv.open_csv(content, parse_options=parse, convert_options=convert)
            return sum(int(batch.num_rows) for batch in batches)
    except (pyarrow.ArrowException, OSError):
        return None


def _json_lines(path: Path, compressed: bool) -> int | None:
    import gzip

    try:
        with gzip.open(path) if compressed else path.open("rb") as content:
            return sum(1 for line in content if not line.isspace())
    except (OSError, EOFError):
        return None


_COUNTERS: dict[str, Callable[[Path, bool], int | None]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}
