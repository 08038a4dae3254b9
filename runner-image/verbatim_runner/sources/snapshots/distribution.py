"""How rows are spread over keys, counted in bounded memory however many keys there are.

Up to ``EXACT_KEYS`` distinct keys every one is counted. Beyond it only those whose hash is below a bound are, and the
bound is halved whenever they are too many (distinct sampling: Gibbons, VLDB 2001): a uniform choice of the keys, each
counted exactly, that stands for all. The most frequent keys are kept beside them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.snapshot import KeyDistribution

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]
    Counts = NDArray[np.int64]

EXACT_KEYS = 1024 * 1024
KEPT_KEYS = EXACT_KEYS // 2
"""At most so many are kept where there are too many."""
FREQUENT_KEYS = 1024
QUANTILES = (0.25, 0.5, 0.75, 0.95, 0.99)


class KeyCounts:
    """Rows by key.

    Attributes:
        rows: So far.
    """

    def __init__(self) -> None:
        import numpy as np

        self.rows = 0
        self._hashes: Hashes = np.empty(0, dtype=np.uint64)
        self._counts: Counts = np.empty(0, dtype=np.int64)
        self._waiting: list[tuple[Hashes, Counts]] = []
        self._waiting_keys = 0
        self._halved = 0  # how often the bound of hashes was, from 2**64

    def add(self, hashes: Hashes, counts: Counts) -> None:
        """Count rows.

        Args:
            hashes: Of keys, uniform over 64 bits; shape (keys,).
            counts: Rows of each; shape (keys,).
        """
        self.rows += int(counts.sum())
        self._waiting.append((hashes, counts))
        self._waiting_keys += len(hashes)
        if self._waiting_keys >= EXACT_KEYS:
            self._merge()

    def result(self) -> KeyDistribution:
        """Return the distribution of what was counted, which is at least one row."""
        import numpy as np

        self._merge()
        below = self._counts[self._below()]
        quantiles = np.quantile(below, QUANTILES, method="inverted_cdf")
        return KeyDistribution(
            rows=self.rows,
            keys=len(below) << self._halved,
            estimated=self._halved > 0,
            largest=int(self._counts.max()),
            quantiles={str(name): float(value) for name, value in zip(QUANTILES, quantiles, strict=True)},
        )

    def _below(self) -> NDArray[np.bool_]:
        """Return which keys stand for all: those whose hash begins with as many zeros as the bound was halved."""
        import numpy as np

        if not self._halved:
            return np.ones(len(self._hashes), dtype=bool)
        below: NDArray[np.bool_] = (self._hashes >> np.uint64(64 - self._halved)) == 0
        return below

    def _merge(self) -> None:
        import numpy as np

        if not self._waiting:
            return
        hashes = np.concatenate([self._hashes, *(part for part, _ in self._waiting)])
        counts = np.concatenate([self._counts, *(part for _, part in self._waiting)])
        self._waiting, self._waiting_keys = [], 0
        order = np.argsort(hashes, kind="stable")
        hashes, counts = hashes[order], counts[order]
        starts = np.flatnonzero(np.concatenate(([True], hashes[1:] != hashes[:-1])))
        self._hashes, self._counts = hashes[starts], np.add.reduceat(counts, starts)
        if len(self._hashes) > EXACT_KEYS:
            self._prune()

    def _prune(self) -> None:
        """Keep the keys that stand for all, and the most frequent ones."""
        import numpy as np

        self._halved = max(self._halved, 1)
        while np.count_nonzero(self._below()) > KEPT_KEYS:
            self._halved += 1
        kept = self._below()
        kept[np.argpartition(self._counts, -FREQUENT_KEYS)[-FREQUENT_KEYS:]] = True
        self._hashes, self._counts = self._hashes[kept], self._counts[kept]
