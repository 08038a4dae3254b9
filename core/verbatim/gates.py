"""Gates: conditions on metrics that a run must meet before its model may be a candidate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from verbatim.documents import Document

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from verbatim.request import Gate


class GateResult(Document):
    """What one gate said, and why."""

    metric: str
    condition: str
    value: float | None
    passed: bool
    reason: str


def judge(gates: Iterable[Gate], metrics: Mapping[str, float]) -> tuple[GateResult, ...]:
    """Judge every gate on the metrics' last values.

    Args:
        gates: The run's gates.
        metrics: Metric name to last value. A missing, NaN or infinite value never passes.
    """
    return tuple(_judge(gate, metrics.get(gate.metric), sorted(metrics)) for gate in gates)


def _judge(gate: Gate, value: float | None, reported: list[str]) -> GateResult:
    def result(reason: str, *, passed: bool = False) -> GateResult:
        return GateResult(metric=gate.metric, condition=gate.condition, value=value, passed=passed, reason=reason)

    if value is None:
        names = ", ".join(reported[:20]) or "none"
        return result(f"{gate.metric} was never reported; metrics that were: {names}")
    if not math.isfinite(value):
        return result(f"{gate.metric} is {value}, which never passes")
    if gate.min is not None and value < gate.min:
        return result(f"{gate.metric} is {value:g}, below the minimum {gate.min:g}")
    if gate.max is not None and value > gate.max:
        return result(f"{gate.metric} is {value:g}, above the maximum {gate.max:g}")
    return result(f"{gate.metric} is {value:g}", passed=True)
