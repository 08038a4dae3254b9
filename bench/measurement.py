"""What a benchmark says: one number of ours, one of a peer's, and whether the goal is reached."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


class BenchmarkError(Exception):
    """Something that the benchmark needs is missing, or a run of it failed; the text says what, and what to do."""


@dataclass(frozen=True)
class Measurement:
    """One line of the results.

    Attributes:
        name: The benchmark, with a part of it after a dot (``overhead.train``).
        unit: Of ``ours`` and ``peer``.
        ours: Verbatim's number.
        peer: The peer's number, measured beside ours in the same session.
        peer_name: What the peer is.
        goal: In words, such as ``at most 6 s``; None for a number that explains another.
        holds: Whether the goal is reached; None without one.
    """

    name: str
    unit: str
    ours: float
    peer: float
    peer_name: str
    goal: str | None = None
    holds: bool | None = None

    @property
    def ratio(self) -> float:
        """Ours over the peer's."""
        return self.ours / self.peer

    def row(self) -> dict[str, Any]:
        """Return the line as it is written to ``results.json``."""
        values = asdict(self) | {
            "ours": round(self.ours, 3),
            "peer": round(self.peer, 3),
            "ratio": round(self.ratio, 3),
        }
        return {key: values[key] for key in ("name", "unit", "ours", "peer", "peer_name", "ratio", "goal", "holds")}
