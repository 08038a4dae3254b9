"""Lay out the channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.stage import ExtractOutputs
from verbatim_runner.sources.workspace import place_snapshots

if TYPE_CHECKING:
    from verbatim_runner.training.state import Training


def fetch_data(training: Training) -> None:
    """Lay out each channel's files, read-only."""
    context = training.context
    if not context.request.spec.data:
        return
    snapshots = context.outputs_of("extract", ExtractOutputs).snapshots
    place_snapshots(context, snapshots, training.places.data)
    training.channels = training.places.channels(snapshots)
    for channel, snapshot in sorted(snapshots.items()):
        context.console.say(f"data: {channel}, {snapshot.files} files, {snapshot.bytes} bytes")
