"""Store the log as one file, and the last metric points."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verbatim_runner.training.state import Training


def store_log(training: Training) -> None:
    """Store the log, and make every metric point visible."""
    training.log.flush()
    training.log_file = training.context.store.put_file(training.log.path)
    training.recorder.flush()
