"""Which of a channel's files are judged, of what format each is, and how much they weigh in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from verbatim.errors import UserFault, first_line
from verbatim_runner.sources.formats import SUFFIXES, format_of, is_compressed, is_marker

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from verbatim_runner.sources.formats import Format

_TEXT_WEIGHT, _GZIP_WEIGHT = 2, 8
"""About how many times the size of a file its rows take in memory."""
_VALUE_BYTES = 8


@dataclass(frozen=True)
class DataFile:
    """One file of a channel.

    Attributes:
        path: Where it lies.
        name: Its path in the channel, for messages.
        format: What its suffix says it is.
    """

    path: Path
    name: str
    format: Format


def data_files(directory: Path, paths: Iterable[str], *, field: str) -> list[DataFile]:
    """Return a channel's files, each of the format that its suffix names (``.gz`` may follow).

    Args:
        directory: The channel's.
        paths: Of the files in it; markers such as ``_SUCCESS`` are passed over.
        field: The conf field, for messages.

    Raises:
        UserFault: A file is of no format that can be judged, or there is none.
    """
    found = []
    for path in paths:
        if is_marker(path):
            continue
        kind = format_of(path)
        if kind is None:
            expected = ", ".join(SUFFIXES)
            raise UserFault(f"{path} cannot be validated; expected files that end in {expected}", field=field)
        found.append(DataFile(directory / path, path, kind))
    if not found:
        raise UserFault("the channel has no file to validate", field=field)
    return found


def unreadable(file: DataFile, error: Exception, *, field: str) -> UserFault:
    """Return the fault of a file that is not what its suffix says."""
    return UserFault(f"{file.name} cannot be read as {file.format}: {first_line(error)}", field=field)


def memory_estimate(files: Iterable[DataFile], *, field: str) -> int:
    """Return about how many bytes the rows of files take in memory, without reading them.

    Raises:
        UserFault: A Parquet file is not one.
    """
    return sum(_parquet_estimate(file, field) if file.format == "parquet" else _text_estimate(file) for file in files)


def _text_estimate(file: DataFile) -> int:
    weight = _GZIP_WEIGHT if is_compressed(file.name) else _TEXT_WEIGHT
    return file.path.stat().st_size * weight


def _parquet_estimate(file: DataFile, field: str) -> int:
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(file.path)
    except (ValueError, OSError) as error:
        raise unreadable(file, error, field=field) from None
    plain = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    return int(max(plain, metadata.num_rows * metadata.num_columns * _VALUE_BYTES))
