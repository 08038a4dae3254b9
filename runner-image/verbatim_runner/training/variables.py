"""The environment of the user's command: clean, but for a short list, and with every name of the contract.

A family of names is one function from the ``Setting`` to variables; a new family is one function and one line in
``FAMILIES``. Source of the names: docs/contracts.md; aws/sagemaker-training-toolkit, ENVIRONMENT_VARIABLES.md.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verbatim_runner.training import contract
from verbatim_runner.training.arguments import to_arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from verbatim.request import Parameter
    from verbatim_runner.training.places import Places

PASSED_ON = (
    "LANG", "LC_ALL", "LC_CTYPE", "TZ",
    "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "ftp_proxy", "all_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO",
    "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES",
)  # fmt: skip
"""Of the runner's own environment; nothing else reaches the user's command."""

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
THREAD_LIMITS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "RAYON_NUM_THREADS",
)  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """All that the variables are made of.

    Attributes:
        run_id: The run.
        places: The directories.
        project: The project's directory.
        bin_dir: The environment's programs.
        argv: The command, without the arguments made of parameters.
        channels: Channel to directory.
        parameters: With placeholders filled in.
        cpus: Whole cores that the command may use.
        gpus: GPUs that it may use.
        seed: The run's seed.
        live_url: The live server's address, as seen by the command.
        live_token: What the live server asks for.
    """

    run_id: str
    places: Places
    project: Path
    bin_dir: Path
    argv: Sequence[str]
    channels: Mapping[str, Path]
    parameters: Mapping[str, Parameter]
    cpus: int
    gpus: int
    seed: int
    live_url: str
    live_token: str


def variables(setting: Setting) -> dict[str, str]:
    """Return the whole environment of the user's command."""
    merged: dict[str, str] = {}
    for family in FAMILIES:
        merged |= family(setting)
    return merged


def usable_cpus(limit: float | None) -> int:
    """Return the whole cores that a command may use: the limit's, or all that this process may."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return available if limit is None else max(1, min(available, int(limit)))


def _machine(setting: Setting) -> dict[str, str]:
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    no_proxy = ",".join(
        filter(None, [os.environ.get("NO_PROXY", os.environ.get("no_proxy", "")), "127.0.0.1,localhost"])
    )
    return {
        "LANG": "C.UTF-8",
        **passed,
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PATH": f"{setting.bin_dir}:{os.environ.get('PATH', SYSTEM_PATH)}",
        "VIRTUAL_ENV": str(setting.bin_dir.parent),
        **({"PYTHONPATH": str(source)} if (source := setting.project / "src").is_dir() else {}),
        "HOME": str(setting.places.home),
        "TMPDIR": str(setting.places.temporary),
        "PYTHONUNBUFFERED": "1",
    }


def _determinism(setting: Setting) -> dict[str, str]:
    return {
        "PYTHONHASHSEED": str(setting.seed),
        **dict.fromkeys(THREAD_LIMITS, str(setting.cpus)),
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "TF_DETERMINISTIC_OPS": "1",
        "VERBATIM_SEED": str(setting.seed),
    }


def _verbatim(setting: Setting) -> dict[str, str]:
    places = setting.places
    return {
        "VERBATIM_RUN_ID": setting.run_id,
        "VERBATIM_CODE_DIR": str(setting.project),
        "VERBATIM_PARAMETERS": str(places.parameters),
        "VERBATIM_MODEL_DIR": str(places.model),
        "VERBATIM_OUTPUT_DIR": str(places.output_data),
        "VERBATIM_CHECKPOINT_DIR": str(places.checkpoints),
        "VERBATIM_TENSORBOARD_DIR": str(places.tensorboard),
        "VERBATIM_LIVE_URL": setting.live_url,
        "VERBATIM_LIVE_TOKEN": setting.live_token,
        **{f"VERBATIM_CHANNEL_{_folded(name)}": str(path) for name, path in setting.channels.items()},
    }


def _sagemaker(setting: Setting) -> dict[str, str]:
    values = _sagemaker_values(setting)
    values["training_env"] = {
        **{
            key: values[key]
            for key in ("hosts", "current_host", "num_cpus", "num_gpus", "model_dir", "output_dir", "input_dir")
        },
        "channel_input_dirs": {name: str(path) for name, path in setting.channels.items()},
        "hyperparameters": dict(setting.parameters),
        "job_name": setting.run_id,
    }
    named = {f"SM_{key.upper()}": _sagemaker_text(value) for key, value in values.items()}
    for prefix, items in (("SM_CHANNEL_", setting.channels), ("SM_HP_", setting.parameters)):
        exact = {prefix + name.upper(): _sagemaker_text(value) for name, value in items.items() if _can_be_named(name)}
        folded = {prefix + _folded(name): _sagemaker_text(value) for name, value in items.items()}
        named |= {**folded, **exact}
    return {**named, "SAGEMAKER_BASE_DIR": str(setting.places.base), "TRAINING_JOB_NAME": setting.run_id}


def _sagemaker_values(setting: Setting) -> dict[str, Any]:
    places = setting.places
    entry = next((part for part in setting.argv if part.endswith((".py", ".sh", ".R", ".ipynb"))), setting.argv[0])
    return {
        "hps": dict(setting.parameters),
        "user_args": to_arguments(setting.parameters),
        "user_entry_point": entry,
        "module_name": Path(entry).stem,
        "module_dir": str(setting.project),
        "framework_module": "",
        "framework_params": {},
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
        "hosts": [contract.HOST],
        "current_host": contract.HOST,
        "current_instance_type": contract.INSTANCE_TYPE,
        "current_instance_group": contract.INSTANCE_GROUP,
        "current_instance_group_hosts": [contract.HOST],
        "instance_groups": [contract.INSTANCE_GROUP],
        "is_hetero": False,
        "network_interface_name": contract.NETWORK_INTERFACE,
        "log_level": 20,
    }


def _vertex(setting: Setting) -> dict[str, str]:
    places = setting.places
    data = {
        "AIP_TRAINING_DATA_URI": ("train", "training"),
        "AIP_VALIDATION_DATA_URI": ("validation", "valid", "val"),
        "AIP_TEST_DATA_URI": ("test",),
    }
    found = {
        variable: str(setting.channels[name])
        for variable, names in data.items()
        for name in names
        if name in setting.channels
    }
    return {
        "AIP_MODEL_DIR": f"{places.model}/",
        "AIP_CHECKPOINT_DIR": f"{places.checkpoints}/",
        "AIP_TENSORBOARD_LOG_DIR": f"{places.tensorboard}/",
        **found,
    }


FAMILIES: tuple[Callable[[Setting], dict[str, str]], ...] = (_machine, _determinism, _verbatim, _sagemaker, _vertex)


def _folded(name: str) -> str:
    return "".join(char if char.isascii() and char.isalnum() else "_" for char in name).upper()


def _can_be_named(name: str) -> bool:
    return "=" not in name and "\0" not in name


def _sagemaker_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str | Path):
        return str(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
