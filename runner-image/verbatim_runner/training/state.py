"""What passes from step to step of the train stage."""

from __future__ import annotations

import secrets
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from verbatim.stage import PrepareOutputs, Usage
from verbatim.store import LiveWriter, layout
from verbatim_runner.metrics.capture import Capture
from verbatim_runner.metrics.recorder import Recorder
from verbatim_runner.metrics.tensorboard.write import EventFileWriter
from verbatim_runner.mlflow_store import MlflowRecord
from verbatim_runner.training.local_packages import LocalPath
from verbatim_runner.training.log import TrainingLog
from verbatim_runner.training.places import Places

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from verbatim.documents import FileRef
    from verbatim.errors import UserFault
    from verbatim.fields import Parameter
    from verbatim_runner.checkpoints.directory import Kept
    from verbatim_runner.checkpoints.watch import CheckpointWatch
    from verbatim_runner.environment.build import Environment
    from verbatim_runner.live.server import LiveServer
    from verbatim_runner.metrics.written import WrittenMetrics
    from verbatim_runner.stage_context import StageContext

EVENTS = "events"
"""Where the run's own event file grows, in the work directory and out of the training's reach."""


@dataclass
class Training:
    """One training on its way. Fields without a value are set by the step that makes them.

    Attributes:
        context: The stage's.
        prepared: What the prepare stage made.
        places: The directories.
        recorder: Takes metric points.
        capture: Reads metrics from lines.
        log: The command's output.
        token: What the live server asks for.
        stop: Set to end the command.
        closing: What is closed when the stage ends, however it ends.
        tickers: Called many times a second while the command runs, in the stage's thread; each decides when to work.
        step: The step at work.
        live: The live server.
        project: The project's directory.
        local_path: What brings the packages in the code to the command.
        environment: The user's.
        channels: Channel to directory.
        parameters: With placeholders filled in.
        argv: The whole command.
        prefix: What starts the command in its place, and becomes it.
        variables: Its whole environment.
        before: State of the watched files before the command ran.
        usage: What the command used.
        written: Reads the metrics that the command writes to files.
        mlflow: What it logged through MLflow.
        kept: Checkpoints that it began with.
        resumed_from: Whose those are.
        checkpoint_watch: Keeps checkpoints while it runs.
        fault: Why the command failed, if it did.
        checkpoints: What it left of them, stored.
        model: The model's files, stored.
        model_sources: Where those files lie.
        artifacts: Other files, stored.
        log_file: The log, stored.
    """

    context: StageContext
    prepared: PrepareOutputs
    places: Places
    recorder: Recorder
    capture: Capture
    log: TrainingLog
    token: str
    stop: threading.Event = field(default_factory=threading.Event)
    closing: ExitStack = field(default_factory=ExitStack)
    tickers: list[Callable[[], None]] = field(default_factory=list)
    started_at: float = field(default_factory=time.monotonic)
    step: str = "starting"
    live: LiveServer = field(init=False)
    project: Path = field(init=False)
    local_path: LocalPath = field(default_factory=LocalPath)
    environment: Environment = field(init=False)
    channels: dict[str, Path] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    argv: list[str] = field(default_factory=list)
    prefix: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    before: dict[Path, tuple[int, int, int]] = field(default_factory=dict)
    usage: Usage = field(init=False)
    written: WrittenMetrics = field(init=False)
    mlflow: MlflowRecord = field(default_factory=MlflowRecord)
    kept: Kept = field(default_factory=dict)
    resumed_from: str | None = None
    checkpoint_watch: CheckpointWatch = field(init=False)
    fault: UserFault | None = None
    checkpoints: tuple[FileRef, ...] = ()
    model: tuple[FileRef, ...] = ()
    model_sources: frozenset[Path] = frozenset()
    artifacts: tuple[FileRef, ...] = ()
    log_file: FileRef = field(init=False)

    @classmethod
    def begin(cls, context: StageContext) -> Training:
        """Return a training with its directories made and nothing fetched yet."""
        request = context.request
        recorder = Recorder(
            LiveWriter(context.store, layout.metrics_prefix(request.run_id), request.try_number, "jsonl"),
            EventFileWriter(context.work_dir / EVENTS, time.time()),
            {definition.name for definition in request.spec.metrics},
        )
        token = secrets.token_urlsafe(32)
        training = cls(
            context=context,
            prepared=context.outputs_of("prepare", PrepareOutputs),
            places=Places.make(context.work_dir),
            recorder=recorder,
            capture=Capture(request.spec.metrics, recorder, context.warn),
            log=TrainingLog(context.work_dir / "train.log", secret=token),
            token=token,
        )
        training.closing.callback(training.log.close)
        return training

    def status(self) -> dict[str, Any]:
        """Return what the live server says of it."""
        return {
            "run_id": self.context.request.run_id,
            "stage": "train",
            "step": self.step,
            "elapsed_s": round(time.monotonic() - self.started_at, 3),
            "stopping": self.stop.is_set(),
        }
