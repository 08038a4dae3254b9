"""Keep checkpoints while the command runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim_runner.checkpoints.watch import CheckpointWatch

if TYPE_CHECKING:
    from verbatim_runner.training.state import Training


def watch_checkpoints(training: Training) -> None:
    """Have checkpoints stored as they appear, and at the stage's end however it ends."""
    training.checkpoint_watch = CheckpointWatch(training.context, training.places, training.kept)
    training.tickers.append(training.checkpoint_watch.tick)
    training.closing.callback(training.checkpoint_watch.close)
