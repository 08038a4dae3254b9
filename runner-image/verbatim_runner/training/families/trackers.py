"""Services that a training may report to: nobody is logged in to one here, and nobody is there to be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verbatim_runner.training.variables import Setting


def trackers(_setting: Setting) -> dict[str, str]:
    """Return what lets Weights & Biases write into a directory, where it would fail for want of a key.

    Code that has a key of its own can still say ``mode="online"``.
    """
    return {"WANDB_MODE": "offline"}
