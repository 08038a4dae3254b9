"""Metric points and their summaries. NaN and infinity are kept as such."""

from __future__ import annotations

import math

from pydantic import Field

from verbatim.documents import Document


class MetricPoint(Document):
    """One value of one metric at one time."""

    name: str
    value: float
    step: int | None = None
    time: float = Field(description="seconds since the epoch")
    source: str = Field(description="how it was read: regex, text, json, tensorboard, mlflow, hypertune, http, system")


class MetricSummary(Document):
    """What became of one metric in a run. ``min`` and ``max`` are over finite values, None where there is none."""

    last: float
    min: float | None
    max: float | None
    count: int
    step: int | None = None

    @classmethod
    def start(cls, point: MetricPoint) -> MetricSummary:
        """Return the summary of one point."""
        finite = point.value if math.isfinite(point.value) else None
        return cls(last=point.value, min=finite, max=finite, count=1, step=point.step)

    def add(self, point: MetricPoint) -> MetricSummary:
        """Return the summary with one more point."""
        low, high = self.min, self.max
        if math.isfinite(point.value):
            low = point.value if low is None else min(low, point.value)
            high = point.value if high is None else max(high, point.value)
        return MetricSummary(last=point.value, min=low, max=high, count=self.count + 1, step=point.step)
