"""Store the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.errors import UserFault
from verbatim_runner.training.model_files import looks_like_model
from verbatim_runner.training.outputs import Named, files_below, store_files
from verbatim_runner.training.watch import made_since, watched

if TYPE_CHECKING:
    from verbatim_runner.training.state import Training

SHOWN_CANDIDATES = 10


def collect_model(training: Training) -> None:
    """Store the model directory's files; if it is empty, the one file elsewhere that looks like a model.

    Without a model, or a single file that may be it, the training has failed, unless the conf says ``"model": null``.
    """
    context = training.context
    if training.fault or context.request.spec.model is None:
        return
    files = list(files_below(context, training.places.model)) or _elsewhere(training)
    try:
        training.model = store_files(context, files, "model")
    except UserFault as fault:
        training.fault = fault
    if files:
        context.console.say(f"model: {len(training.model)} files, {sum(file.size for file in training.model)} bytes")


def _elsewhere(training: Training) -> list[Named]:
    context, places = training.context, training.places
    found = [path for path in made_since(training.before, watched(places)) if looks_like_model(path)]
    work = context.work_dir.resolve()
    shown = [path.resolve().relative_to(work).as_posix() for path in found]
    if len(found) == 1:
        context.warn(
            f"the model directory is empty; {shown[0]} looks like the model and was taken. Save it to "
            "$VERBATIM_MODEL_DIR."
        )
        return [(found[0].name, found[0])]
    if found:
        more = " …" if len(shown) > SHOWN_CANDIDATES else ""
        reason = f"{len(found)} files look like one: {', '.join(shown[:SHOWN_CANDIDATES])}{more}"
    else:
        reason = "no other file that the training made looks like one"
    training.fault = UserFault(
        f"the training made no model: the model directory is empty, and {reason}. "
        'Save it to $VERBATIM_MODEL_DIR (or $SM_MODEL_DIR), or write "model": null in the conf if there is none.',
        field="model",
    )
    return []
