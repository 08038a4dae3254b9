"""SageMaker's names, as its training toolkit sets them.

Source: aws/sagemaker-training-toolkit, ``environment.py`` (``to_env_vars``) and ENVIRONMENT_VARIABLES.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verbatim_runner.training import contract
from verbatim_runner.training.arguments import to_arguments, without_sagemakers
from verbatim_runner.training.families.names import can_be_named, folded

if TYPE_CHECKING:
    from verbatim.fields import Parameter
    from verbatim_runner.training.variables import Setting

_SCRIPTS = (".py", ".sh", ".R", ".ipynb")
_NOT_IN_TRAINING_ENV = ("hps", "user_args", "channels")
"""They have other names there, or none."""


def sagemaker(setting: Setting) -> dict[str, str]:
    """Return every ``SM_*`` name, the job's name and the base directory."""
    parameters = without_sagemakers(setting.parameters)
    values = _values(setting, parameters)
    values["training_env"] = {
        **{key: value for key, value in values.items() if key not in _NOT_IN_TRAINING_ENV},
        "additional_framework_parameters": values["framework_params"],
        "channel_input_dirs": {name: str(path) for name, path in setting.channels.items()},
        "hyperparameters": parameters,
        "is_master": True,
        "job_name": setting.run_id,
        "master_hostname": contract.HOST,
    }
    named = {f"SM_{key.upper()}": _text(value) for key, value in values.items()}
    for prefix, items in (("SM_CHANNEL_", setting.channels), ("SM_HP_", parameters)):
        exact = {prefix + name.upper(): _text(value) for name, value in items.items() if can_be_named(name)}
        as_identifier = {prefix + folded(name): _text(value) for name, value in items.items()}
        named |= {**as_identifier, **exact}
    return {**named, "SAGEMAKER_BASE_DIR": str(setting.places.base), "TRAINING_JOB_NAME": setting.run_id}


def _values(setting: Setting, parameters: dict[str, Parameter]) -> dict[str, Any]:
    places = setting.places
    entry = next((part for part in setting.argv if part.endswith(_SCRIPTS)), setting.argv[0])
    return {
        "hps": parameters,
        "user_args": to_arguments(parameters),
        "user_entry_point": entry,
        "module_name": Path(entry).stem,
        "module_dir": str(setting.project),
        "framework_module": "",
        "framework_params": {key: value for key, value in setting.parameters.items() if key not in parameters},
        "channels": sorted(setting.channels),
        "model_dir": str(places.model),
        "input_dir": str(places.input),
        "input_config_dir": str(places.config),
        "input_data_config": contract.input_data_config(setting.channels),
        "output_dir": str(places.output),
        "output_data_dir": str(places.output_data),
        "output_intermediate_dir": str(places.intermediate),
        "resource_config": contract.resource_config(),
        "num_cpus": setting.cpus,
        "num_gpus": setting.gpus,
        "num_neurons": 0,
        "hosts": [contract.HOST],
        "current_host": contract.HOST,
        "current_instance_type": contract.INSTANCE_TYPE,
        "current_instance_group": contract.INSTANCE_GROUP,
        "current_instance_group_hosts": [contract.HOST],
        "instance_groups": [contract.INSTANCE_GROUP],
        "instance_groups_dict": {contract.INSTANCE_GROUP: contract.instance_group()},
        "distribution_instance_groups": [],
        "is_hetero": False,
        "network_interface_name": contract.NETWORK_INTERFACE,
        "log_level": 20,
    }


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str | Path):
        return str(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
