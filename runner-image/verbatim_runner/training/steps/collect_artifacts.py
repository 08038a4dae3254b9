"""Store what else the training left: its output directory, TensorBoard's files, ``./outputs``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.errors import UserFault
from verbatim_runner.training.outputs import files_below, store_files

if TYPE_CHECKING:
    from verbatim_runner.training.state import Training


def collect_artifacts(training: Training) -> None:
    """Store all artifacts, also of a training that failed; the model directory too where the run makes no model."""
    context, places = training.context, training.places
    directories = [
        (places.output, "output/"),
        (places.tensorboard, "tensorboard/"),
        (training.project / "outputs", "outputs/"),
    ]
    if context.request.spec.model is None:
        directories.append((places.model, "model/"))
    found = {name: path for directory, prefix in directories for name, path in files_below(context, directory, prefix)}
    try:
        training.artifacts = store_files(context, found.items(), "artifacts")
    except UserFault as fault:
        training.fault = training.fault or fault
