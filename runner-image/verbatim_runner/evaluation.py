"""Runs the user's evaluation command on a trained model, and reads the metrics that it writes.

The command finds what training finds, and the model in ``VERBATIM_MODEL_DIR``; it writes ``metrics.json`` into
``VERBATIM_OUTPUT_DIR``. It gets no arguments but its own, which may hold placeholders.
"""

from __future__ import annotations

import shlex
import threading
from typing import TYPE_CHECKING

from verbatim.errors import UserFault
from verbatim.stage import ExtractOutputs, PrepareOutputs
from verbatim_runner.entry import entry_of_command
from verbatim_runner.environment.build import ensure_environment
from verbatim_runner.metrics.files import METRICS_JSON, read_metrics_json
from verbatim_runner.sources.workspace import place_code, place_snapshots
from verbatim_runner.training.advice import Background
from verbatim_runner.training.contract import write_config
from verbatim_runner.training.failure import explain
from verbatim_runner.training.local_packages import place_local_packages
from verbatim_runner.training.outputs import files_below, store_files, take_back
from verbatim_runner.training.placeholders import Values, fill_command, fill_parameters
from verbatim_runner.training.places import Places
from verbatim_runner.training.supervisor import project_listing, run_user_command
from verbatim_runner.training.variables import Setting, usable_cpus, variables

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.documents import FileRef
    from verbatim.stage import TrainOutputs
    from verbatim_runner.stage_context import StageContext

FIELD = "evaluation.command"


def run_evaluation(
    context: StageContext, command: str | list[str], trained: TrainOutputs
) -> tuple[dict[str, float], tuple[FileRef, ...]]:
    """Run the command.

    Args:
        context: The stage's.
        command: The conf's ``evaluation.command``.
        trained: What training made.

    Returns:
        The metrics that it wrote, and the files that it left in the output directory.

    Raises:
        UserFault: It failed, or wrote no metric.
        Stopped: It took longer than it may.
    """
    spec = context.request.spec
    prepared = context.outputs_of("prepare", PrepareOutputs)
    places = Places.make(context.work_dir)
    project = place_code(context, prepared.code, spec.code.subdirectory, places.source)
    local_path = place_local_packages(places, prepared.environment.local_packages)
    channels = _place_inputs(context, places, trained)
    parameters = fill_parameters(Values(channels, spec.parameters, places))
    argv = fill_command(entry_of_command(command).argv, Values(channels, parameters, places))
    write_config(places, parameters, channels)
    environment = ensure_environment(context, prepared.environment.lock_digest, prepared.environment.python)
    setting = Setting(
        run_id=context.request.run_id,
        places=places,
        project=project,
        bin_dir=environment.bin_dir,
        local_path=local_path,
        argv=argv,
        channels=channels,
        parameters=parameters,
        cpus=usable_cpus(spec.resources.cpus),
        gpus=spec.resources.gpus,
        seed=spec.seed,
        live_url="",
        live_token="",
    )
    places.show_channels(channels)
    places.open_to_trainer(context.isolation)
    listing = project_listing(project)
    context.console.say(f"evaluating: {shlex.join(argv)}")
    finished = run_user_command(
        context, argv, project, variables(setting), on_line=context.console.line, stop=threading.Event()
    )
    take_back(context.isolation, places.writable)
    if finished.exit_code != 0:
        fault = explain(
            finished, argv, reason="", listing=listing, resources=spec.resources,
            background=Background.of(prepared, spec),
        )  # fmt: skip
        raise UserFault(f"the evaluation failed: {fault.message}", field=fault.field or FIELD)
    return _metrics(context), store_files(context, files_below(context, places.output, "evaluation/"), "artifacts")


def _place_inputs(context: StageContext, places: Places, trained: TrainOutputs) -> dict[str, Path]:
    for file in trained.model:
        context.store.fetch_blob(file.sha256, places.model / file.path)
    if not context.request.spec.data:
        return {}
    snapshots = context.outputs_of("extract", ExtractOutputs).snapshots
    place_snapshots(context, snapshots, places.data)
    return places.channels(snapshots)


def _metrics(context: StageContext) -> dict[str, float]:
    metrics = {name: value for name, value, _ in read_metrics_json(context.work_dir, METRICS_JSON)}
    if not metrics:
        message = (
            'expected $VERBATIM_OUTPUT_DIR/metrics.json with a JSON object such as {"test_auc": 0.91}; there is none'
        )
        raise UserFault(message, field=FIELD)
    return metrics
