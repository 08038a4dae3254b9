"""Vertex AI's names, and its tuner's metric file.

Source: Google Cloud, "Environment variables for custom training"; GoogleCloudPlatform/cloudml-hypertune.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verbatim_runner.training.variables import Setting

_DATA = {
    "AIP_TRAINING_DATA_URI": ("train", "training"),
    "AIP_VALIDATION_DATA_URI": ("validation", "valid", "val"),
    "AIP_TEST_DATA_URI": ("test",),
}
"""Variable to the channels that it may stand for, the likeliest first."""


def vertex(setting: Setting) -> dict[str, str]:
    """Return directories with a slash at their end, the channels that Vertex AI knows, and the metric file."""
    places = setting.places
    data = {
        variable: str(setting.channels[name])
        for variable, names in _DATA.items()
        for name in reversed(names)
        if name in setting.channels
    }
    return {
        "AIP_MODEL_DIR": f"{places.model}/",
        "AIP_CHECKPOINT_DIR": f"{places.checkpoints}/",
        "AIP_TENSORBOARD_LOG_DIR": f"{places.tensorboard}/",
        "CLOUD_ML_JOB_ID": setting.run_id,
        "CLOUD_ML_HP_METRIC_FILE": str(places.hypertune),
        **data,
    }
