"""Writes the sample of a data file: same format, same name, the rows that are taken as they were.

A record of CSV or JSON lines keeps its very bytes; a Parquet file is written anew, row groups as ``table`` makes them.
"""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from verbatim.errors import UserFault, first_line
from verbatim_runner.sources.formats import SUFFIXES, format_of, is_compressed
from verbatim_runner.sources.parquet import BATCH_BYTES, BATCH_ROWS, read_batches
from verbatim_runner.sources.snapshots.rows import FileFacts, damaged, read_facts
from verbatim_runner.sources.snapshots.table import RowGroups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from verbatim_runner.sources.formats import Format
    from verbatim_runner.sources.snapshots.sample import Sampler

    Record = tuple[bytes | None, bytes]  # the key, and the whole as it is in the file

MAX_FIELD_CHARS = 64 * 1024 * 1024
"""Of CSV: a longer one is a quote that nobody closed."""


class _Unfit(Exception):
    """A file that cannot be sampled, and why."""


def sample_file(path: Path, name: str, sampler: Sampler, where: str, *, field: str) -> FileFacts:
    """Replace a file by its sample.

    Args:
        path: The file.
        name: Its name at the source, whose suffix tells the format; ``.gz`` may follow but for Parquet.
        sampler: Chooses.
        where: The source's name, for messages.
        field: The conf field that names it.

    Returns:
        What the sample says of itself.

    Raises:
        UserFault: It is of no format that has rows, lacks the key, or is not what its name says.
    """
    import pyarrow as pa

    kind = format_of(name)
    if kind is None or (kind == "parquet" and is_compressed(name)):
        message = f"{where}: no sample can be taken of {name}; expected files that end in {', '.join(SUFFIXES)}"
        raise UserFault(f"{message}; .gz may follow but for .parquet", field=field)
    schema = read_facts(path, name, where, field=field).schema if kind == "parquet" else None
    target = path.with_name(f"{path.name}.sample")
    try:
        rows = _WRITERS[kind](path, target, name, sampler)
    except (_Unfit, csv.Error, EOFError, zlib.error, pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:  # the machine's fault, not the file's
            raise
        raise damaged(name, where, f"cannot be sampled: {first_line(error)}", field=field) from None
    target.replace(path)
    return FileFacts(rows, schema)


def _parquet(path: Path, target: Path, name: str, sampler: Sampler) -> int:
    import pyarrow.parquet

    rows = 0
    part = RowGroups(target, pyarrow.parquet.read_schema(path))
    try:
        for batch in read_batches(path):
            taken = sampler.filter(batch, name)
            rows += taken.num_rows
            while taken.num_rows:
                taken = part.write(taken)
        part.close()
    except BaseException:
        part.abandon()
        raise
    return rows


def _csv(path: Path, target: Path, name: str, sampler: Sampler) -> int:
    csv.field_size_limit(MAX_FIELD_CHARS)
    with _opened(path, target, name) as (content, out):
        lines = _Remembered(content)
        records = csv.reader(lines, strict=True)
        header = next(records, None)
        if header is None:
            raise _Unfit("it has no header")
        header[0] = header[0].removeprefix("\ufeff")
        column = sampler.position(header, name)
        out.write(lines.take())

        def keyed() -> Iterator[Record]:
            for record in records:
                raw = lines.take()
                if not record:  # an empty line
                    continue
                if len(record) <= column:
                    raise _Unfit(f"line {records.line_num} has {len(record)} fields instead of {len(header)}")
                yield record[column].encode(errors="surrogateescape"), raw

        return _write_taken(keyed(), sampler, out)


def _json_lines(path: Path, target: Path, name: str, sampler: Sampler) -> int:
    def keyed(content: BinaryIO) -> Iterator[Record]:
        for number, line in enumerate(content, start=1):
            if not line.isspace():
                key = _json_key(line, number, sampler)
                yield None if key is None else key.encode(errors="surrogatepass"), line

    with _opened(path, target, name) as (content, out):
        return _write_taken(keyed(content), sampler, out)


def _json_key(line: bytes, number: int, sampler: Sampler) -> str | None:
    """Return the key of one line as the text that is hashed."""
    try:
        record = json.loads(line)
    except ValueError as error:
        raise _Unfit(f"line {number} is no JSON: {error}") from None
    if not isinstance(record, dict):
        raise _Unfit(f"line {number} is no JSON object")
    if sampler.key not in record:
        sampler.position(list(record), f"line {number}")
    key = record[sampler.key]
    if key is None or isinstance(key, str):
        return key
    if isinstance(key, bool):
        return str(key).lower()
    if isinstance(key, float) and key.is_integer():
        return str(int(key))
    if isinstance(key, int | float):
        return repr(key)
    raise _Unfit(f"line {number} has a key that is neither text nor a number")


def _write_taken(records: Iterable[Record], sampler: Sampler, out: BinaryIO) -> int:
    """Write the records whose keys are taken, some thousand at a time."""
    waiting: list[Record] = []
    rows = waiting_bytes = 0
    for record in records:
        waiting.append(record)
        waiting_bytes += len(record[1])
        if len(waiting) == BATCH_ROWS or waiting_bytes >= BATCH_BYTES:
            rows += _flush(waiting, sampler, out)
            waiting, waiting_bytes = [], 0
    return rows + (_flush(waiting, sampler, out) if waiting else 0)


def _flush(records: list[Record], sampler: Sampler, out: BinaryIO) -> int:
    import pyarrow as pa

    taken = sampler.choose(pa.array([key for key, _ in records], pa.binary()))
    for (_, raw), chosen in zip(records, taken, strict=True):
        if chosen:
            out.write(raw if raw.endswith(b"\n") else raw + b"\n")
    return int(taken.sum())


class _Remembered:
    """The lines of a file as text, which remembers their bytes until they are taken."""

    def __init__(self, content: BinaryIO) -> None:
        self._content = content
        self._lines: list[bytes] = []

    def __iter__(self) -> _Remembered:
        return self

    def __next__(self) -> str:
        line = next(self._content)
        self._lines.append(line)
        return line.decode(errors="surrogateescape")

    def take(self) -> bytes:
        """Return the bytes of the lines since this was last asked."""
        lines = b"".join(self._lines)
        self._lines.clear()
        return lines


@contextmanager
def _opened(path: Path, target: Path, name: str) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Open a file and its sample; a compressed one holds no name and no time: its bytes are its content's alone."""
    if not is_compressed(name):
        with path.open("rb") as content, target.open("wb") as out:
            yield content, out
        return
    with (
        gzip.open(path) as packed,
        target.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as out,
    ):
        yield cast("BinaryIO", packed), cast("BinaryIO", out)


_WRITERS: dict[Format, Callable[[Path, Path, str, Sampler], int]] = {
    "parquet": _parquet,
    "csv": _csv,
    "jsonl": _json_lines,
}
