"""Reads a channel's files as one frame, for validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.errors import UserFault

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd

_FORMATS = ("csv", "parquet", "jsonl", "ndjson")


def read_frame(directory: Path, paths: Iterable[str], *, field: str) -> pd.DataFrame:
    """Read files, each of the format that its suffix names (``.gz`` may follow), one below the other.

    Args:
        directory: The channel's.
        paths: Of the files in it; markers such as ``_SUCCESS`` are passed over.
        field: The conf field, for messages.

    Returns:
        One row a record; columns that a file lacks are empty for its rows.

    Raises:
        UserFault: A file is of no format that can be validated, or is not what its suffix says.
    """
    import pandas as pd

    frames = []
    for path in paths:
        name = path.rpartition("/")[2]
        if name.startswith(("_", ".")):
            continue
        suffix = name.lower().removesuffix(".gz").rpartition(".")[2]
        if suffix not in _FORMATS:
            raise UserFault(
                f"{path} cannot be validated; expected files that end in {', '.join(_FORMATS)}", field=field
            )
        try:
            frames.append(_read(directory / path, suffix))
        except (ValueError, OSError) as error:
            raise UserFault(f"{path} cannot be read as {suffix}: {str(error)[:300]}", field=field) from None
    if not frames:
        raise UserFault("the channel has no file to validate", field=field)
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def _read(file: Path, suffix: str) -> pd.DataFrame:
    import pandas as pd

    if suffix == "csv":
        return pd.read_csv(file)
    if suffix == "parquet":
        return pd.read_parquet(file)
    return pd.read_json(file, lines=True, convert_dates=False)
