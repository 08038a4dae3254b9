"""The train stage: runs the user's command under the training contracts and stores what it made.

Each step is a module of its own in ``training/steps``; a new feature is one file there and one line in ``STEPS``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.stage import TrainOutputs
from verbatim_runner.stage_context import StageContext, StageFailed
from verbatim_runner.training.state import Training
from verbatim_runner.training.steps.build_environment import build_environment
from verbatim_runner.training.steps.collect_artifacts import collect_artifacts
from verbatim_runner.training.steps.collect_checkpoints import collect_checkpoints
from verbatim_runner.training.steps.collect_model import collect_model
from verbatim_runner.training.steps.fetch_checkpoints import fetch_checkpoints
from verbatim_runner.training.steps.fetch_code import fetch_code
from verbatim_runner.training.steps.fetch_data import fetch_data
from verbatim_runner.training.steps.install_local_packages import install_local_packages
from verbatim_runner.training.steps.read_metric_files import read_metric_files
from verbatim_runner.training.steps.run_command import run_command
from verbatim_runner.training.steps.start_live_server import start_live_server
from verbatim_runner.training.steps.store_log import store_log
from verbatim_runner.training.steps.watch_checkpoints import watch_checkpoints
from verbatim_runner.training.steps.write_contract import write_contract

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS: tuple[Callable[[Training], None], ...] = (
    start_live_server,
    fetch_code,
    install_local_packages,
    build_environment,
    fetch_data,
    fetch_checkpoints,
    write_contract,
    watch_checkpoints,
    run_command,
    collect_checkpoints,
    read_metric_files,
    collect_model,
    collect_artifacts,
    store_log,
)


def run(context: StageContext) -> TrainOutputs:
    """Run the training.

    Raises:
        StageFailed: The command failed; its log, metrics and artifacts are kept.
        UserFault: It could not be started, or made no model.
        Stopped: It was cancelled, or took longer than it may.
    """
    training = Training.begin(context)
    with training.closing:
        for step in STEPS:
            training.step = step.__name__
            step(training)
    outputs = TrainOutputs(
        command=tuple(training.argv), metrics=training.recorder.summaries(), points=training.recorder.count,
        model=training.model, artifacts=training.artifacts, log=training.log_file, usage=training.usage,
        reported_parameters=training.mlflow.params, tags=training.mlflow.tags,
        checkpoints=training.checkpoints, resumed_from=training.resumed_from,
    )  # fmt: skip
    if training.fault:
        raise StageFailed(training.fault, outputs)
    return outputs
