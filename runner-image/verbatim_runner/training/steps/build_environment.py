"""Have the user's environment, from the cache or built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim_runner.environment.build import ensure_environment

if TYPE_CHECKING:
    from verbatim_runner.training.state import Training


def build_environment(training: Training) -> None:
    """Make sure that the locked environment is on this host; prepare may have run on another."""
    wanted = training.prepared.environment
    training.environment = ensure_environment(training.context, wanted.lock_digest, wanted.python)
