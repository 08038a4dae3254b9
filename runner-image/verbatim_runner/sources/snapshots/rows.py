"""Reads what a data file says of itself: how many rows it has, and of which columns. Never guesses a type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from verbatim.errors import UserFault, first_line
from verbatim_runner.sources.formats import format_of, is_compressed, is_marker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa

    from verbatim_runner.sources.formats import Format

CHUNK_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class FileFacts:
    """What a data file says of itself.

    Attributes:
        rows: 0 for markers such as ``_SUCCESS``, which hold none; None where the format is not known or the content is
            not of it.
        schema: Of a Parquet file.
    """

    rows: int | None
    schema: pa.Schema | None = None


class DamagedFile(Exception):
    """A file that is not whole, or not what its name says. The text tells which of both, and how it was found."""


def read_facts(path: Path, name: str, where: str, *, field: str) -> FileFacts:
    """Return what a file says of itself.

    Args:
        path: The file.
        name: Its name at the source, whose suffix tells the format; ``.gz`` may follow.
        where: The source's name, for messages.
        field: The conf field that names it.

    Raises:
        UserFault: It ends in ``.parquet`` and cannot be read as such, or in ``.gz`` and is no whole gzip file.
    """
    if is_marker(name):
        return FileFacts(0)
    kind = format_of(name)
    try:
        return _READERS[kind](path, is_compressed(name)) if kind else FileFacts(None)
    except DamagedFile as error:
        raise damaged(name, where, str(error), field=field) from None


def damaged(name: str, where: str, problem: str, *, field: str) -> UserFault:
    """Return the fault that a file cannot be read as what its name says."""
    message = f"{where}: {name} {problem}; nothing of it is kept. Write the file anew, or take it away"
    return UserFault(message, field=field)


def _parquet(path: Path, compressed: bool) -> FileFacts:
    import pyarrow.parquet

    if compressed:
        return FileFacts(None)
    size = path.stat().st_size
    if not size:
        raise DamagedFile("is empty; a Parquet file has at least its columns")
    try:
        with pyarrow.parquet.ParquetFile(path) as content:
            return FileFacts(int(content.metadata.num_rows), content.schema_arrow)
    except (pyarrow.ArrowException, OSError) as error:
        raise DamagedFile(f"({size} bytes) cannot be read as Parquet: {first_line(error)}") from None


def _csv(path: Path, compressed: bool) -> FileFacts:
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
            return FileFacts(sum(int(batch.num_rows) for batch in batches))
    except (pyarrow.ArrowException, OSError):
        if compressed:
            _count_lines(path, compressed)  # is it damaged, or only not of this form?
        return FileFacts(None)


def _json_lines(path: Path, compressed: bool) -> FileFacts:
    return FileFacts(_count_lines(path, compressed))


def _count_lines(path: Path, compressed: bool) -> int:
    import gzip
    import zlib

    with gzip.open(path) if compressed else path.open("rb") as content:
        try:
            return sum(1 for line in content if not line.isspace())
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DamagedFile(f"is no whole gzip file: {first_line(error)}") from None


_READERS: dict[Format, Callable[[Path, bool], FileFacts]] = {
    "parquet": _parquet,
    "csv": _csv,
    "jsonl": _json_lines,
}
