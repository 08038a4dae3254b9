"""Kubeflow Trainer's status report, as its clients send it: progress, time left, the latest metrics.

Source: kubeflow/trainer, docs/proposals/2779-trainjob-progress; kubeflow/sdk, ``update_trainjob_status``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from verbatim_runner.metrics.readings import STEP_NAMES, Reading, as_number, as_step

STEPS = ("current_step", *STEP_NAMES, "current_epoch")
"""Names that say when the others were measured; the finest comes first and wins."""
NOT_METRICS = frozenset({*STEPS, "total_steps"})

_PROGRESS = (("progressPercentage", "percentage", 100.0), ("estimatedRemainingSeconds", "remaining_s", 1e9))
"""Kubeflow's name, ours, and the most that it may be."""


@dataclass(frozen=True)
class Report:
    """One report.

    Attributes:
        progress: ``percentage``, from 0 to 100, and ``remaining_s``, the seconds left; each where it was told.
        readings: The metrics that are numbers.
    """

    progress: dict[str, float]
    readings: list[Reading]


def parse_report(content: Any) -> Report | str:
    """Return a report, or what is wrong with it."""
    status = content.get("trainerStatus") if isinstance(content, dict) else None
    if not isinstance(status, dict):
        return 'expected {"trainerStatus": {…}}'
    progress: dict[str, float] = {}
    for key, name, most in _PROGRESS:
        if status.get(key) is None:
            continue
        number = as_number(status[key])
        if number is None or not 0 <= number <= most:
            return f"trainerStatus.{key}: expected a number from 0 to {most:g}"
        progress[name] = number
    metrics = status.get("metrics") or []
    if not isinstance(metrics, list) or not all(isinstance(metric, dict) for metric in metrics):
        return 'trainerStatus.metrics: expected a list such as [{"name": "loss", "value": "0.5"}]'
    return Report(progress, _readings(metrics))


def _readings(metrics: list[dict[str, Any]]) -> list[Reading]:
    """Return the metrics; Kubeflow writes every value as text."""
    values = {
        str(metric.get("name", "")): number
        for metric in metrics
        if (number := _number(metric.get("value"))) is not None
    }
    step = next((as_step(values[name]) for name in STEPS if name in values), None)
    return [(name, value, step) for name, value in values.items() if name and name not in NOT_METRICS]


def _number(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, str) else as_number(value)
    except ValueError:
        return None
