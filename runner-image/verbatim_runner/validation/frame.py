"""A channel's files as one frame, where that fits in memory with ease."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim_runner.validation.files import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from verbatim_runner.validation.files import DataFile


def read_frame(files: Sequence[DataFile], *, field: str) -> pd.DataFrame:
    """Read files one below the other.

    Args:
        files: At least one.
        field: The conf field, for messages.

    Returns:
        One row a record; columns that a file lacks are empty for its rows.

    Raises:
        UserFault: A file is not what its suffix says.
    """
    import pandas as pd

    frames = []
    for file in files:
        try:
            frames.append(_read(file))
        except (ValueError, OSError) as error:
            raise unreadable(file, error, field=field) from None
    frame = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    return frame.reset_index(drop=True)


class OneFrame:
    """A frame, as ``Rows`` of one part."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self.rows = len(frame)
        self.columns = [str(column) for column in frame.columns]

    def empty(self) -> pd.DataFrame:
        """Return no row of all columns."""
        return self._frame[:0]

    def parts(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Yield the frame."""
        yield self._frame[list(columns)]


def _read(file: DataFile) -> pd.DataFrame:
    import pandas as pd

    if file.format == "csv":
        return pd.read_csv(file.path)
    if file.format == "parquet":
        return pd.read_parquet(file.path)
    return pd.read_json(file.path, lines=True, convert_dates=False)
