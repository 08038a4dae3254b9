"""Store the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.errors import UserFault
from verbatim_runner.training.model_search import likely_model, logged_model, named_model
from verbatim_runner.training.outputs import files_below, store_files

if TYPE_CHECKING:
    from verbatim_runner.training.outputs import Named
    from verbatim_runner.training.state import Training


def collect_model(training: Training) -> None:
    """Store what is at the conf's ``model.path``; else what is in the model directory; else what was found elsewhere.

    Without a model, or anything that may be it, the training has failed, unless the conf says ``"model": null``.
    """
    context = training.context
    if training.fault or context.request.spec.model is None:
        return
    try:
        files = _files(training, context.request.spec.model.path)
        training.model = store_files(context, files, "model")
    except UserFault as fault:
        training.fault = fault
        return
    training.model_sources = frozenset(path for _, path in files)
    context.console.say(f"model: {len(training.model)} files, {sum(file.size for file in training.model)} bytes")


def _files(training: Training, path: str | None) -> list[Named]:
    if path is not None:
        return named_model(training, path)
    in_place = list(files_below(training.context, training.places.model))
    return in_place or logged_model(training) or likely_model(training)
