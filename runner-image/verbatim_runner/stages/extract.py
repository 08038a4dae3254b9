"""extract: every channel becomes a dataset snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.stage import ExtractOutputs
from verbatim_runner.sources.snapshots.take import take_snapshot

if TYPE_CHECKING:
    from verbatim_runner.stage_context import StageContext


def run(context: StageContext) -> ExtractOutputs:
    """Take the snapshot of every channel, in the order of their names.

    Raises:
        UserFault: A channel's source is not there, is empty as of the run's moment, changed while it was read, or
            does not hold any more what it held as of the same moment.
    """
    channels = sorted(context.request.spec.data.items())
    return ExtractOutputs(snapshots={name: take_snapshot(context, name, pinned) for name, pinned in channels})
