"""The environment of the user's command: clean, but for a short list, and with every name of the contract.

A family of names is one function from the ``Setting`` to variables; a new family is one module in ``families`` and one
line in ``FAMILIES``. Source of the names: docs/contracts.md.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from verbatim_runner.training.families.azure_ml import azure_ml
from verbatim_runner.training.families.distributed import distributed
from verbatim_runner.training.families.kubeflow import kubeflow
from verbatim_runner.training.families.machine import determinism, machine
from verbatim_runner.training.families.mlflow import mlflow
from verbatim_runner.training.families.sagemaker import sagemaker
from verbatim_runner.training.families.trackers import trackers
from verbatim_runner.training.families.verbatim import verbatim
from verbatim_runner.training.families.vertex import vertex
from verbatim_runner.training.local_packages import LocalPath

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from verbatim.fields import Parameter
    from verbatim_runner.training.places import Places

MAX_BYTES = 128 * 1024 - 1
"""Of one variable, name and ``=`` included: Linux starts no program with a longer one (``MAX_ARG_STRLEN``)."""


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
        live_url: The live server's address, as seen by the command; empty where there is none.
        live_token: What the live server asks for.
        local_path: What brings the packages in the code to the command.
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
    local_path: LocalPath = field(default_factory=LocalPath)


FAMILIES: tuple[Callable[[Setting], dict[str, str]], ...] = (
    machine, determinism, verbatim, sagemaker, vertex, azure_ml, mlflow, kubeflow, distributed, trackers,
)  # fmt: skip


def variables(setting: Setting, *, on_left_out: Callable[[str], None] = lambda _name: None) -> dict[str, str]:
    """Return the whole environment of the user's command.

    Args:
        setting: What it is made of.
        on_left_out: Called with each name that is left out since its value is longer than ``MAX_BYTES``. Such a value
            is made of parameters, and the parameter files have all of them.
    """
    merged: dict[str, str] = {}
    for family in FAMILIES:
        merged |= family(setting)
    for name in [name for name, value in merged.items() if len(os.fsencode(f"{name}={value}")) > MAX_BYTES]:
        del merged[name]
        on_left_out(name)
    return merged


def usable_cpus(limit: float | None) -> int:
    """Return the whole cores that a command may use: the limit's, or all that this process may."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return available if limit is None else max(1, min(available, int(limit)))
