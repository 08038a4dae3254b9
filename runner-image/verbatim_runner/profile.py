"""Drafts a suite from the one snapshot of a validate request. Nothing is written to the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.stage import ExtractOutputs
from verbatim_runner.sources.workspace import place_snapshot
from verbatim_runner.validation.draft import draft_suite

if TYPE_CHECKING:
    from verbatim.draft import DraftSuite
    from verbatim_runner.stage_context import StageContext


def profile_snapshot(context: StageContext) -> DraftSuite:
    """Return a suite that the snapshot meets.

    Raises:
        UserFault: Its files are in no format that can be judged.
        PlatformFault: The store does not have it any more.
    """
    ((channel, ref),) = context.outputs_of("extract", ExtractOutputs).snapshots.items()
    directory, scratch = context.work_dir / "data" / channel, context.work_dir / "scratch"
    scratch.mkdir(parents=True)
    context.console.say(f"fetching {ref.files} files")
    snapshot = place_snapshot(context, ref, directory)
    return draft_suite(
        directory, [file.path for file in snapshot.files], name=channel, scratch=scratch, say=context.console.say
    )
