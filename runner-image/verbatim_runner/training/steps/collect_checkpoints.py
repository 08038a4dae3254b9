"""Store the checkpoints that the training leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verbatim_runner.training.state import Training


def collect_checkpoints(training: Training) -> None:
    """Store and list all checkpoints that are there now, also those of a training that failed."""
    training.checkpoints = training.checkpoint_watch.finish()
    if training.checkpoints:
        size = sum(file.size for file in training.checkpoints)
        training.context.console.say(f"checkpoints: {len(training.checkpoints)} files, {size} bytes")
