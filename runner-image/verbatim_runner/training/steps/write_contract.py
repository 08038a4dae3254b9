"""Give the training all that its contracts promise: files, arguments, variables, directories."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from verbatim_runner.entry.notebook import PROGRAM
from verbatim_runner.training.arguments import to_arguments
from verbatim_runner.training.contract import write_config
from verbatim_runner.training.path_parameters import resolve_paths
from verbatim_runner.training.placeholders import Values, fill_command, fill_parameters
from verbatim_runner.training.variables import Setting, usable_cpus, variables

if TYPE_CHECKING:
    from verbatim.fields import Parameter
    from verbatim_runner.training.state import Training


def write_contract(training: Training) -> None:
    """Write the configuration, make the command and its environment, and open the directories to the training."""
    context, places, entry = training.context, training.places, training.prepared.entry
    spec = context.request.spec
    training.parameters = _parameters(training)
    command = fill_command(entry.argv, Values(training.channels, training.parameters, places))
    training.argv = [*command, *(to_arguments(training.parameters) if entry.appends_parameters else [])]
    write_config(places, training.parameters, training.channels)
    places.notebook_program.parent.mkdir(exist_ok=True)
    places.notebook_program.write_bytes(PROGRAM.read_bytes())
    setting = Setting(
        run_id=context.request.run_id,
        places=places,
        project=training.project,
        bin_dir=training.environment.bin_dir,
        local_path=training.local_path,
        argv=command,
        channels=training.channels,
        parameters=training.parameters,
        cpus=usable_cpus(spec.resources.cpus),
        gpus=spec.resources.gpus,
        seed=spec.seed,
        live_url=training.live.url,
        live_token=training.token,
    )
    training.variables = variables(setting, on_left_out=partial(_warn_of_left_out, training))
    places.show_channels(training.channels)
    places.write_token(training.token, context.isolation)
    places.open_to_trainer(context.isolation)


def _parameters(training: Training) -> dict[str, Parameter]:
    """Return the conf's parameters, and what the code declares for those that it does not give."""
    entry, given = training.prepared.entry, training.context.request.spec.parameters
    merged = entry.defaults | {
        key: value for key, value in given.items() if value is not None or key not in entry.defaults
    }
    filled = fill_parameters(Values(training.channels, merged, training.places))
    return resolve_paths(
        filled, entry.paths, project=training.project, target=training.places.input / "parameters",
        console=training.context.console,
    )  # fmt: skip


def _warn_of_left_out(training: Training, name: str) -> None:
    training.context.warn(
        f"the variable {name} is not set, since its value is longer than this system allows; "
        f"all parameters are in $VERBATIM_PARAMETERS, {training.places.parameters}"
    )
