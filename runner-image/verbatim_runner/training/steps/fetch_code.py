"""Lay out the run's code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from verbatim_runner.sources.workspace import place_code
from verbatim_runner.training import private_view
from verbatim_runner.training.mentions import mentions
from verbatim_runner.training.places import KUBEFLOW_WORKSPACE, SAGEMAKER_BASE

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim_runner.training.state import Training

AZURE_ML = "azureml"
AZURE_ML_DIRECTORIES = ("outputs", "logs")


def fetch_code(training: Training) -> None:
    """Lay out the whole tree, with SageMaker's code directory leading to the project in it."""
    context, places = training.context, training.places
    code = training.prepared.code
    training.project = place_code(context, code, context.request.spec.code.subdirectory, places.source)
    places.code.symlink_to(training.project)
    context.console.say(f"code: {code.files} files{f', commit {code.commit[:12]}' if code.commit else ''}")
    named = _named(training)
    if AZURE_ML in named:
        _make_azure_directories(training)
    if places.base != SAGEMAKER_BASE and named & {str(SAGEMAKER_BASE), str(KUBEFLOW_WORKSPACE)}:
        _show_places(training, named)


def _named(training: Training) -> set[str]:
    """Return which systems' places are spelt out, by the code or by the conf."""
    words = (AZURE_ML, str(SAGEMAKER_BASE), str(KUBEFLOW_WORKSPACE))
    spec = training.context.request.spec
    conf = json.dumps([training.prepared.entry.argv, spec.command, spec.parameters])
    return mentions(training.project, words) | {word for word in words if word in conf}


def _make_azure_directories(training: Training) -> None:
    """Make what a job of Azure ML finds beside it: its code may write there at once.

    Not for other code, which may make a directory of that name itself and fail where there is one.
    """
    for name in AZURE_ML_DIRECTORIES:
        directory = training.project / name
        if not directory.exists():
            directory.mkdir()
            training.context.isolation.give_to_trainer(directory)


def _show_places(training: Training, named: set[str]) -> None:
    """Let the command alone see ``/opt/ml`` and ``/workspace``, where the system allows that.

    A directory of that name that the machine uses itself stays what it is: the run may lie in it.
    """
    context, places = training.context, training.places
    shown = {SAGEMAKER_BASE: places.base, KUBEFLOW_WORKSPACE: places.workspace}
    free = {place: directory for place, directory in shown.items() if not _is_used(place)}
    root = context.work_dir / "root"
    root.mkdir()
    prefix = private_view.prefix(root, free) if free else None
    training.prefix = prefix or ()
    for place, directory in shown.items():
        if prefix is not None and place in free:
            context.console.say(f"the command sees its run's own directory as {place}")
        elif str(place) in named:
            why = "this system gives no process a view of its own" if place in free else "this machine has its own"
            variable = "$SAGEMAKER_BASE_DIR, " if place == SAGEMAKER_BASE else ""
            context.warn(
                f"the code names {place}, which is the run's in containers only, as {why}; "
                f"here the run's is {variable}{directory}"
            )


def _is_used(place: Path) -> bool:
    try:
        return any(place.iterdir())
    except FileNotFoundError:
        return False
    except OSError:
        return True
