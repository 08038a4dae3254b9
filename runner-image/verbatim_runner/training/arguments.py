"""Parameters as command-line arguments, in the form that SageMaker's script mode uses.

Source: aws/sagemaker-training-toolkit, ``mapping.to_cmd_args``: sorted keys, ``--key value``, one letter ``-k value``,
an object as ``k=v,k=v``, everything else as Python's ``str``, nothing as an empty text; and ``params``: what SageMaker
says to itself by way of parameters is not handed on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verbatim.fields import Parameter

_SAGEMAKERS_OWN = ("sagemaker_", "_tuning_objective_metric", "default_user_module_name")


def to_arguments(parameters: Mapping[str, Parameter]) -> list[str]:
    """Return the parameters as arguments."""
    arguments = []
    for key, value in sorted(without_sagemakers(parameters).items()):
        arguments += [f"--{key}" if len(key) > 1 else f"-{key}", as_argument(value)]
    return arguments


def as_argument(value: Parameter) -> str:
    """Return a parameter as one argument."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return ",".join(f"{key}={item}" for key, item in sorted(value.items()))
    return str(value)


def without_sagemakers(parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Return the parameters that are meant for the training."""
    return {key: value for key, value in parameters.items() if not key.startswith(_SAGEMAKERS_OWN)}
