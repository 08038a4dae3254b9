"""Where a training left its model, if not in the model directory: where the conf says, in MLflow, or anywhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from verbatim.errors import UserFault
from verbatim_runner.training.model_files import common_directory, find_models
from verbatim_runner.training.outputs import Named, belongs_to_run, files_below
from verbatim_runner.training.watch import made_since, watched

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verbatim_runner.training.state import Training

SHOWN_CANDIDATES = 10
_HOW = (
    'Save it to $VERBATIM_MODEL_DIR (or $SM_MODEL_DIR), or say in the conf where it is, "model": {"path": "…"}, '
    'or that there is none, "model": null.'
)


def named_model(training: Training, pattern: str) -> list[Named]:
    """Return the files at the place that the conf names; a directory stands for all that is in it.

    Raises:
        UserFault: Nothing is there, or nothing of it was made by the training.
    """
    project = training.project
    exact = project / pattern
    matches = [exact] if exact.exists() else sorted(project.glob(pattern))
    matches = [path for path in matches if belongs_to_run(training.context, path)]
    files: list[Named] = []
    if matches:
        single = matches[0] if len(matches) == 1 and matches[0].is_dir() else None
        top = single or Path(os.path.commonpath([path.parent for path in matches]))
        files = [named for path in matches for named in _below(training, path, top)]
    made = set(made_since(training.before, [project]))
    if not any(path in made or path not in training.before for _, path in files):
        what = "was there before, and the training did not write it" if files else "is nothing that the training left"
        likely = _listed(training, find_models(_made(training), watched(training.context, training.places)))
        seen = f"; these look like models: {likely}" if likely else ""
        raise UserFault(f"{pattern} {what}, seen from {_shown(training, project)}{seen}", field="model.path")
    return files


def logged_model(training: Training) -> list[Named]:
    """Return the files of the model that was logged through MLflow last; one of a nested run if there is no other."""
    models = [model for model in training.mlflow.models if not model.nested] or list(training.mlflow.models)
    if not models:
        return []
    newest = max(models, key=lambda model: model.logged_at)
    names = sorted({model.name for model in models})
    taken = f"the model directory is empty; the model {newest.name!r} that was logged through MLflow was taken"
    if len(names) > 1:
        training.context.warn(f"{taken}, the newest of {', '.join(names)}")
    else:
        training.context.console.say(taken)
    return list(files_below(training.context, newest.path))


def likely_model(training: Training) -> list[Named]:
    """Return the files of whatever looks like a model, with a warning.

    Several are kept together, as they lay: a training of hours is not lost to a question that can be answered later.

    Raises:
        UserFault: There is none.
    """
    context = training.context
    tops = watched(context, training.places)
    found = find_models(_made(training), tops)
    together = common_directory(found, tops, training.before) if len(found) > 1 else None
    if len(found) == 1 or together:
        taken = together or found[0]
        context.warn(
            f"the model directory is empty; {_shown(training, taken)} looks like the model and was taken. Save it to "
            "$VERBATIM_MODEL_DIR."
        )
        return list(_below(training, taken, taken if taken.is_dir() else taken.parent))
    if found:
        context.warn(
            f"the model directory is empty, and {len(found)} things look like the model; all were taken: "
            f'{_listed(training, found)}. Say which it is in the conf: "model": {{"path": "…"}}'
        )
        top = Path(os.path.commonpath([path.parent for path in found]))
        return [named for path in found for named in _below(training, path, top)]
    reason = "no other file that the training made looks like one"
    if context.request.engine == "process":
        reason += " (in /tmp none is looked for without containers)"
    raise UserFault(f"the training made no model: the model directory is empty, and {reason}. {_HOW}", field="model")


def _made(training: Training) -> list[Path]:
    return made_since(training.before, watched(training.context, training.places))


def _below(training: Training, path: Path, top: Path) -> list[Named]:
    name = path.relative_to(top).as_posix()
    if not path.is_dir():
        return [(name, path)]
    return list(files_below(training.context, path, "" if path == top else f"{name}/"))


def _listed(training: Training, found: Sequence[Path]) -> str:
    more = " …" if len(found) > SHOWN_CANDIDATES else ""
    return ", ".join(_shown(training, path) for path in found[:SHOWN_CANDIDATES]) + more


def _shown(training: Training, path: Path) -> str:
    work = training.context.work_dir
    return (path.relative_to(work) if path.is_relative_to(work) else path).as_posix()
