"""Let the training import and call the packages that lie in the code, before any code of others ran in this stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim_runner.training.local_packages import place_local_packages

if TYPE_CHECKING:
    from verbatim_runner.training.state import Training


def install_local_packages(training: Training) -> None:
    """Lay out what stands for their installation."""
    training.local_path = place_local_packages(training.places, training.prepared.environment.local_packages)
