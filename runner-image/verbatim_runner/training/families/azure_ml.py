"""Azure ML's names for inputs and outputs.

A job names its outputs in its own file, which nobody reads here: the names that jobs commonly give are all set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim_runner.training.families.names import can_be_named, folded

if TYPE_CHECKING:
    from verbatim_runner.training.variables import Setting

_MODEL_OUTPUTS = ("model", "model_dir", "model_output", "model_path", "trained_model")
_OTHER_OUTPUTS = ("default", "output", "output_dir", "outputs")


def azure_ml(setting: Setting) -> dict[str, str]:
    """Return each input and output, both as it is written and in upper case."""
    outputs = dict.fromkeys(_MODEL_OUTPUTS, setting.places.model)
    outputs |= dict.fromkeys(_OTHER_OUTPUTS, setting.places.output_data)
    found: dict[str, str] = {}
    for prefix, items in (("AZURE_ML_OUTPUT_", outputs), ("AZURE_ML_INPUT_", setting.channels)):
        for name, path in items.items():
            found |= {prefix + folded(name): str(path)}
            found |= {prefix + name: str(path)} if can_be_named(name) else {}
    return found
