"""Replaces all rows of a column by fewer that an expectation says the same of, for columns too large for memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from verbatim_runner.validation.table import TooLarge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import pandas as pd

    from verbatim_runner.validation.table import Rows, Table

MAX_CANDIDATES = 500_000
_SHOWN_REPEATS = 20
_MERGED_BYTES = 64 * 2**20


def extremes(table: Table, column: str) -> pd.DataFrame:
    """Return the least and the greatest value of each part."""
    import pandas as pd

    found = []
    for part in table.parts([column]):
        values = part[column].dropna()
        found.append(
            part[part[column].isin([values.min(), values.max()])].drop_duplicates() if len(values) else part[:1]
        )
    return pd.concat(found)


def distinct(table: Table, column: str) -> pd.DataFrame:
    """Return each value once.

    Raises:
        TypeError: Values of this type cannot be told apart (lists).
        TooLarge: The distinct values do not fit in memory.
    """
    import pandas as pd

    found: list[pd.DataFrame] = []
    waiting = 0
    for part in table.parts([column]):
        found.append(part.drop_duplicates())
        waiting += _bytes_of(found[-1])
        if waiting >= _MERGED_BYTES:
            found, waiting = [pd.concat(found).drop_duplicates()], 0
            table.weigh(_bytes_of(found[0]))
    return pd.concat(found).drop_duplicates()


def _bytes_of(frame: pd.DataFrame) -> int:
    return int(frame.memory_usage(index=False, deep=True).sum())


def hashed(table: Table, column: str) -> pd.DataFrame:
    """Return a 64-bit hash of each value instead of it: what counts values, and shows none, finds the same.

    Two of 20 million different values have the same hash with a probability of 1 in 100,000.

    Raises:
        TypeError: Values of this type have no hash (lists).
    """
    import pandas as pd

    parts = [
        pd.Series(_hashes(part), index=part.index).astype("UInt64").mask(part[column].isna())
        for part in table.parts([column])
    ]
    return pd.concat(parts).to_frame(column)


def counted(table: Table, column: str) -> pd.DataFrame:
    """Return each value once, or where those do not fit in memory their hashes: there are as many.

    Raises:
        TypeError: Values of this type cannot be told apart (lists).
    """
    try:
        return distinct(table, column)
    except TooLarge:
        return hashed(table, column)


class Repeats:
    """Which rows have values that occur more than once, found by their hashes.

    Args:
        table: The rows.
        columns: Whose values are compared, together.
        ignored: Which rows are passed over: those where ``all`` or ``any`` of the values are missing, or ``none``.

    Attributes:
        missing: How many rows are passed over.
        count: How many rows repeat another's hash.

    Raises:
        TypeError: Values of this type have no hash (lists).
    """

    def __init__(self, table: Rows, columns: Sequence[str], *, ignored: str) -> None:
        import numpy as np

        self._table, self._columns, self._ignored = table, list(columns), ignored
        self.missing = 0
        hashes = []
        for part in table.parts(self._columns):
            kept = ~self._is_ignored(part)
            self.missing += int((~kept).sum())
            hashes.append(_hashes(part[kept]))
        every = np.sort(np.concatenate(hashes))
        again = every[1:] == every[:-1]
        self.count = int(np.count_nonzero(np.append(again, False) | np.append(False, again)))
        repeated = np.unique(every[1:][again])
        self._wanted = repeated if self.count <= MAX_CANDIDATES else repeated[:_SHOWN_REPEATS]

    @property
    def exact(self) -> bool:
        """Whether ``rows`` has all rows that may repeat another: so few that the values themselves decide."""
        return self.count <= MAX_CANDIDATES

    def rows(self, columns: Sequence[str]) -> pd.DataFrame:
        """Return rows that may repeat another: all of them where ``exact``, else those of some values.

        Args:
            columns: Theirs; the compared ones among them.
        """
        import pandas as pd

        return pd.concat(list(self._found(columns)))

    def _found(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        import numpy as np

        left = MAX_CANDIDATES
        for part in self._table.parts(columns):
            compared = part[self._columns]
            wanted = np.isin(_hashes(compared), self._wanted) & ~self._is_ignored(compared)
            yield part[wanted][:left]
            left -= min(int(wanted.sum()), left)

    def _is_ignored(self, part: pd.DataFrame) -> np.ndarray[Any, Any]:
        import numpy as np

        missing = part[self._columns].isna().to_numpy()
        if self._ignored == "none":
            return np.zeros(len(part), dtype=bool)
        return np.asarray(missing.all(axis=1) if self._ignored == "all" else missing.any(axis=1))


def _hashes(part: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Return a hash of each row; equal values have equal ones (so -0.0 is made 0.0)."""
    import pandas as pd

    floats = part.select_dtypes("float").columns
    if len(floats):
        part = part.assign(**{str(column): part[column] + 0.0 for column in floats})
    for column in part.columns[part.dtypes == "object"]:
        for value in part[column]:
            hash(value)
    return pd.util.hash_pandas_object(part, index=False).to_numpy()
