"""Parameters as command-line arguments, in the form that SageMaker's script mode uses.

Source: aws/sagemaker-training-toolkit, ``mapping.to_cmd_args``: sorted keys, ``--key value``, one letter ``-k value``,
an object as ``k=v,k=v``, everything else as Python's ``str``, nothing as an empty text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verbatim.request import Parameter


def to_arguments(parameters: Mapping[str, Parameter]) -> list[str]:
    """Return the parameters as arguments."""
    arguments = []
    for key in sorted(parameters):
        arguments += [f"--{key}" if len(key) > 1 else f"-{key}", _value(parameters[key])]
    return arguments


def _value(value: Parameter) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ",".join(f"{key}={item}" for key, item in sorted(value.items()))
    return str(value)
