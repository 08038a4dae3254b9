"""Give the training all that its contracts promise: files, arguments, variables, directories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim_runner.training.arguments import to_arguments
from verbatim_runner.training.contract import write_config
from verbatim_runner.training.placeholders import Values, fill_command, fill_parameters
from verbatim_runner.training.variables import Setting, usable_cpus, variables

if TYPE_CHECKING:
    from verbatim_runner.training.state import Training


def write_contract(training: Training) -> None:
    """Write the configuration, make the command and its environment, and open the directories to the training."""
    context, places, entry = training.context, training.places, training.prepared.entry
    spec = context.request.spec
    training.parameters = fill_parameters(Values(training.channels, spec.parameters))
    command = fill_command(entry.argv, Values(training.channels, training.parameters))
    training.argv = [*command, *(to_arguments(training.parameters) if entry.appends_parameters else [])]
    write_config(places, training.parameters, training.channels)
    setting = Setting(
        run_id=context.request.run_id,
        places=places,
        project=training.project,
        bin_dir=training.environment.bin_dir,
        argv=command,
        channels=training.channels,
        parameters=training.parameters,
        cpus=usable_cpus(spec.resources.cpus),
        gpus=spec.resources.gpus,
        seed=spec.seed,
        live_url=training.live.url,
        live_token=training.token,
    )
    training.variables = variables(setting)
    places.open_to_trainer(context.isolation)
