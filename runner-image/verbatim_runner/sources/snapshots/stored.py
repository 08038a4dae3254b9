"""Uses a stored snapshot again, whatever its source holds by now: how a run is reproduced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.errors import NotFound, UserFault, VerbatimError
from verbatim.snapshot import DatasetSnapshot
from verbatim_runner.sources.data import open_source
from verbatim_runner.sources.snapshots.earlier import is_whole, state_of
from verbatim_runner.sources.snapshots.moved import difference

if TYPE_CHECKING:
    from verbatim.spec import PinnedChannel
    from verbatim_runner.stage_context import StageContext


def stored_snapshot(context: StageContext, channel: str, digest: str) -> DatasetSnapshot:
    """Return a stored snapshot's document.

    Args:
        context: The stage's.
        channel: The channel's name, for messages.
        digest: Of the document, a blob.

    Raises:
        UserFault: The store does not have it any more, or not all of its files.
    """
    try:
        document = DatasetSnapshot.parse(context.store.get_blob(digest), source=f"snapshot document {digest}")
    except NotFound:
        document = None
    if document is None or not is_whole(context.store, document):
        what = "its document" if document is None else "some of its files"
        message = (
            f"the stored snapshot of the channel cannot be used: the store does not have {what} any more. Without them "
            f"the run cannot be reproduced; run its conf anew, as of the same moment, to read the source again"
        )
        raise UserFault(message, field=f"data.{channel}")
    return document


def describe_move(context: StageContext, channel: str, pinned: PinnedChannel, document: DatasetSnapshot) -> str | None:
    """Return how the source differs from a stored snapshot, with a warning; None where it does not, or does not answer.

    Args:
        context: The stage's.
        channel: The channel's name.
        pinned: What was asked for.
        document: The stored snapshot's.
    """
    try:
        moved = difference(state_of(document), open_source(context, channel, pinned).state())
    except VerbatimError as error:
        context.warn(
            f"{channel}: whether the source still holds what it held cannot be told ({error.message}); "
            f"the stored snapshot is used"
        )
        return None
    if moved:
        context.warn(f"{channel}: the source has moved: {moved}; the stored snapshot is used")
    return moved
