"""Lay out the run's code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim_runner.sources.workspace import place_code
from verbatim_runner.training.places import SAGEMAKER_BASE

if TYPE_CHECKING:
    from verbatim_runner.training.state import Training

_READ_FILES = 200
_READ_BYTES = 256 * 1024


def fetch_code(training: Training) -> None:
    """Lay out the whole tree, with SageMaker's code directory leading to the project in it."""
    context, places = training.context, training.places
    code = training.prepared.code
    training.project = place_code(context, code, context.request.spec.code.subdirectory, places.source)
    places.code.symlink_to(training.project)
    context.console.say(f"code: {code.files} files{f', commit {code.commit[:12]}' if code.commit else ''}")
    if places.base != SAGEMAKER_BASE and _names_sagemakers_base(training):
        context.warn(
            f"the code names {SAGEMAKER_BASE}, which is there in containers only; "
            "with the process engine it is $SAGEMAKER_BASE_DIR"
        )


def _names_sagemakers_base(training: Training) -> bool:
    """Return whether one of the project's first scripts spells the directory out."""
    scripts = (path for path in sorted(training.project.rglob("*.py"))[:_READ_FILES] if path.is_file())
    for script in scripts:
        with script.open("rb") as content:
            if str(SAGEMAKER_BASE).encode() in content.read(_READ_BYTES):
                return True
    return False
