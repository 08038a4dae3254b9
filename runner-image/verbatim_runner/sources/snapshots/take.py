"""Takes a channel's snapshot: its files as blobs, then the one document that names them.

A source that is in the state of an earlier snapshot is not read again.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

from verbatim.documents import FileRef, tree_digest
from verbatim.errors import NotFound
from verbatim.snapshot import DatasetSnapshot, SourceState
from verbatim.stage import SnapshotRef
from verbatim.store import layout
from verbatim_runner.sources.data import open_source
from verbatim_runner.sources.snapshots.sink import StoreSink, megabytes

if TYPE_CHECKING:
    from verbatim.spec import PinnedChannel
    from verbatim_runner.stage_context import StageContext


def take_snapshot(context: StageContext, channel: str, pinned: PinnedChannel) -> SnapshotRef:
    """Take the snapshot of one channel.

    Args:
        context: The stage's.
        channel: The channel's name.
        pinned: Its source, and the moment as of which it is read.

    Raises:
        UserFault: There is nothing as of that moment, or something changed while it was read.
    """
    source = open_source(context, channel, pinned)
    state = source.state()
    index = _index(pinned, state)
    known = _known(context, index) if _can_be_known(state) else None
    if known:
        document = known.model_copy(update={"as_of": pinned.as_of})
    else:
        sink = StoreSink(context, channel)
        source.fetch(state, sink)
        document = DatasetSnapshot(
            source=pinned.source, as_of=pinned.as_of, files=sink.files, objects=state.objects, rows=sink.rows,
            columns=sink.columns, query=pinned.query, state=None if state.objects else state, order=_order(pinned),
        )  # fmt: skip
    stored = context.store.put_bytes(document.canonical(), f"{channel}.json")
    if not known:
        context.store.overwrite(index, stored.canonical())
    total = sum(file.size for file in document.files)
    unchanged = ", unchanged, not read again" if known else ""
    context.console.say(f"{channel}: {len(document.files)} files, {megabytes(total)}{unchanged}")
    return SnapshotRef(
        digest=tree_digest(document.files),
        document=stored.sha256,
        files=len(document.files),
        bytes=total,
        rows=document.rows,
        reused=known is not None,
        time_bound=pinned.query is None or pinned.query.time_bound,
    )


def _can_be_known(state: SourceState) -> bool:
    return bool(state.objects) or state.fingerprint is not None


def _index(pinned: PinnedChannel, state: SourceState) -> str:
    parts = (
        pinned.source.model_dump_json(),
        pinned.query.model_dump_json() if pinned.query else "",
        pinned.sample.model_dump_json() if pinned.sample else "",
        state.model_dump_json(),
    )
    return layout.index("snapshots", hashlib.sha256("\n".join(parts).encode()).hexdigest())


def _order(pinned: PinnedChannel) -> Literal["path", "query", "none"]:
    if pinned.query is None:
        return "path"
    return "query" if pinned.query.ordered else "none"


def _known(context: StageContext, index: str) -> DatasetSnapshot | None:
    """Return the earlier snapshot of the same state, if the store still has it."""
    try:
        entry = context.store.read(index, FileRef)
        return DatasetSnapshot.parse(context.store.get_blob(entry.sha256), source=index)
    except NotFound:
        return None
