"""Read the metrics that a training leaves in a file at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim_runner.metrics.files import METRICS_JSON, read_metrics_json

if TYPE_CHECKING:
    from verbatim_runner.training.state import Training


def read_metric_files(training: Training) -> None:
    """Read ``metrics.json`` of the output directory."""
    training.recorder.add(read_metrics_json(training.context.work_dir, METRICS_JSON), "json")
