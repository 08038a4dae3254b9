"""Store what else the training left: in its output directories, through MLflow, and beside its code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.errors import UserFault
from verbatim_runner.training.loose_files import loose_files
from verbatim_runner.training.outputs import belongs_to_run, files_below, store_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verbatim_runner.training.outputs import Named
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
    found |= dict(_logged(training))
    known = {*found.values(), *training.model_sources}
    found |= {name: path for name, path in loose_files(training) if path not in known}
    try:
        training.artifacts = store_files(context, found.items(), "artifacts")
    except UserFault as fault:
        training.fault = training.fault or fault


def _logged(training: Training) -> Iterator[Named]:
    """Yield what was logged through MLflow, under the names that it was logged by."""
    for name, path in training.mlflow.artifacts:
        if path.is_dir():
            yield from files_below(training.context, path, f"mlflow/{name}/")
        elif path.is_file() and belongs_to_run(training.context, path):
            yield f"mlflow/{name}", path
