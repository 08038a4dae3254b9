"""Metric points as small inline SVG curves: no script, nothing fetched."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from verbatim.metrics import MetricPoint

WIDTH, HEIGHT = 320, 80
_MARGIN = 4
_MAX_POINTS = 400
_MAX_CURVES = 24


@dataclass(frozen=True)
class Curve:
    """One metric over the course of a run.

    Attributes:
        name: The metric's.
        points: An SVG polyline's ``points``, in a box of ``WIDTH`` by ``HEIGHT``.
        first: Its first finite value.
        last: Its last finite value.
        low: Its least.
        high: Its greatest.
        count: How many finite values it has.
    """

    name: str
    points: str
    first: float
    last: float
    low: float
    high: float
    count: int


def curves(points: Iterable[MetricPoint]) -> list[Curve]:
    """Return the curves of the metrics that have at least two finite values; of long ones every n-th value is drawn.

    A metric that another source took over (see docs/metrics.md, Several sources) is drawn from there on.
    """
    series: dict[str, list[float]] = defaultdict(list)
    sources: dict[str, str] = {}
    for point in points:
        if sources.setdefault(point.name, point.source) != point.source:
            sources[point.name] = point.source
            series[point.name].clear()
        if math.isfinite(point.value):
            series[point.name].append(point.value)
    return [_curve(name, values) for name, values in sorted(series.items()) if len(values) > 1][:_MAX_CURVES]


def _curve(name: str, values: list[float]) -> Curve:
    drawn = values[:: math.ceil(len(values) / _MAX_POINTS)]
    if drawn[-1] != values[-1]:
        drawn.append(values[-1])
    low, high = min(values), max(values)
    across = (WIDTH - 2 * _MARGIN) / (len(drawn) - 1)
    up = (HEIGHT - 2 * _MARGIN) / ((high - low) or 1)
    line = (f"{_MARGIN + across * i:.1f},{HEIGHT - _MARGIN - up * (value - low):.1f}" for i, value in enumerate(drawn))
    return Curve(name, " ".join(line), values[0], values[-1], low, high, len(values))
