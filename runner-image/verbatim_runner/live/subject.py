"""What the live server shows and may change: all that it is given of a training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from verbatim_runner.metrics.recorder import Recorder


@dataclass(frozen=True)
class Subject:
    """A training, as the live server sees it.

    Attributes:
        recorder: Its metric points.
        log: Its log file.
        status: Returns what it is doing.
        stop: Set to end it.
        progress: How far it is, as it told last; see ``kubeflow.Report``.
    """

    recorder: Recorder
    log: Path
    status: Callable[[], Mapping[str, Any]]
    stop: threading.Event
    progress: dict[str, float] = field(default_factory=dict)
