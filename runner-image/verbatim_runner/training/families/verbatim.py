"""The platform's own names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim_runner.training.families.names import folded

if TYPE_CHECKING:
    from verbatim_runner.training.variables import Setting


def verbatim(setting: Setting) -> dict[str, str]:
    """Return where everything lies, and how to reach the live server."""
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
        **{f"VERBATIM_CHANNEL_{folded(name)}": str(path) for name, path in setting.channels.items()},
    }
