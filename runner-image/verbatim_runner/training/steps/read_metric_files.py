"""Take over what else a training logged, and lay the run's metrics beside its files for TensorBoard."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from verbatim.errors import PlatformFault
from verbatim_runner.training.outputs import lies_within
from verbatim_runner.training.state import EVENTS

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim_runner.training.state import Training

SHOWN_IN = "verbatim"
"""The directory of the run's own event file among TensorBoard's."""


def read_metric_files(training: Training) -> None:
    """Read what was logged through MLflow besides metrics; give the TensorBoard directory the run's event file."""
    training.mlflow = training.written.logged(training.project)
    with suppress(PlatformFault):  # the last step makes all points visible
        training.recorder.flush()
    _lay_out_events(training.context.work_dir, training.places.tensorboard / SHOWN_IN)


def _lay_out_events(work: Path, target: Path) -> None:
    """Move the run's event file to where it is shown, unless the training has made something else of that place."""
    if not lies_within(target, work):
        return
    with suppress(OSError):
        target.mkdir(parents=True, exist_ok=True)
        for file in (work / EVENTS).iterdir():
            file.rename(target / file.name)
