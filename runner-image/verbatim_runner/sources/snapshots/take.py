"""Takes a channel's snapshot: its files as blobs, then the one document that names them.

A source that is in the state of an earlier snapshot is not read again; one that has moved under its moment is refused.
"""

from __future__ import annotations

import errno
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from verbatim.documents import now, tree_digest
from verbatim.errors import PlatformFault, UserFault
from verbatim.snapshot import DatasetSnapshot
from verbatim.stage import SnapshotRef
from verbatim_runner.console import megabytes
from verbatim_runner.sources.data import open_source
from verbatim_runner.sources.snapshots.earlier import Earlier
from verbatim_runner.sources.snapshots.proof import Proof
from verbatim_runner.sources.snapshots.sink import StoreSink
from verbatim_runner.sources.snapshots.stored import describe_move, stored_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verbatim.snapshot import SourceState
    from verbatim.spec import PinnedChannel
    from verbatim_runner.sources.data.interface import DataSource
    from verbatim_runner.stage_context import StageContext

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def take_snapshot(context: StageContext, channel: str, pinned: PinnedChannel) -> SnapshotRef:
    """Take the snapshot of one channel.

    Args:
        context: The stage's.
        channel: The channel's name.
        pinned: Its source, and the moment as of which it is read.

    Raises:
        UserFault: There is nothing as of that moment, something changed while it was read, or it is not what it was as
            of the same moment before.
        PlatformFault: The source or the store does not answer, or the disk is full; nothing is published.
    """
    with _room_on_disk(context):
        if pinned.stored:
            return _use_stored(context, channel, pinned, pinned.stored)
        return _take(context, channel, pinned)


def _use_stored(context: StageContext, channel: str, pinned: PinnedChannel, digest: str) -> SnapshotRef:
    document = stored_snapshot(context, channel, digest)
    moved = describe_move(context, channel, pinned, document)
    _say(context, channel, document, ", the stored snapshot")
    return _reference(pinned, document, digest, reused=True).model_copy(update={"moved": moved})


def _take(context: StageContext, channel: str, pinned: PinnedChannel) -> SnapshotRef:
    source = open_source(context, channel, pinned)
    earlier = Earlier(context.store, pinned)
    proof = Proof(earlier, pinned, source)
    asked_at = now()
    state = source.state()
    proof.check_state(state)
    known = _reusable(context, channel, earlier, state)
    if known:
        document = known.model_copy(update={"as_of": pinned.as_of})
        _say(context, channel, document, ", unchanged, not read again")
    else:
        state, taken = _Reading(context, channel, pinned, source, proof).read(state)
        proof = Proof(earlier, pinned, source)  # another run may have read it meanwhile, and found something else
        proof.check_state(state)
        document = proof.check_rows(taken, context.store, context.work_dir)
        _say(context, channel, document, "" if document is taken else ", the same rows as before")
    if note := proof.mended(document):
        context.warn(
            f"{channel}: the run {note.run_id} read other data as of the same moment; that is in quarantine, as it did "
            "not meet a suite, and the source has changed since"
        )
    stored = context.store.put_bytes(document.canonical(), f"{channel}.json")
    earlier.remember(state, stored, run_id=context.request.run_id, at=asked_at, first=proof.is_first)
    return _reference(pinned, document, stored.sha256, reused=known is not None)


def _reusable(context: StageContext, channel: str, earlier: Earlier, state: SourceState) -> DatasetSnapshot | None:
    """Return the earlier snapshot of the same state, unless it is in quarantine."""
    known = earlier.of_state(state)
    quarantine = known and earlier.quarantine(known)
    if quarantine:
        context.console.say(
            f"{channel}: the snapshot of this state is in quarantine, as it did not meet {quarantine.suite} in the run "
            f"{quarantine.run_id}; the source is read anew"
        )
        return None
    return known


@dataclass(frozen=True)
class _Reading:
    """Reads a source into the store."""

    context: StageContext
    channel: str
    pinned: PinnedChannel
    source: DataSource
    proof: Proof

    def read(self, state: SourceState) -> tuple[SourceState, DatasetSnapshot]:
        """Read the source, once more where a table changed meanwhile; returns the state that was read, and what of it.

        Raises:
            UserFault: It changed again, or has no rows.
        """
        document, changed = self._attempt(state)
        if document is None:
            self.context.console.say(f"{self.channel}: {changed}; it is read again")
            state = self.source.state()
            self.proof.check_state(state)
            document, changed = self._attempt(state)
        if document is None:
            message = f"{changed}, twice: the table changes while it is read"
            advice = "Bind the query to as_of, or read it when nothing writes to it"
            raise UserFault(f"{message}. {advice}", field=self.source.field)
        return state, document

    def _attempt(self, state: SourceState) -> tuple[DatasetSnapshot | None, str]:
        """Return what was read; or None, and how it is not what the state says."""
        if not state.objects and state.rows == 0:
            raise self._no_rows()
        with StoreSink(self.context, self.channel, self.source, self.pinned.sample) as sink:
            self.source.fetch(state, sink)
        if not state.objects and state.rows not in (None, sink.whole_rows):
            return None, f"{self.source.name} gave {sink.whole_rows} rows, and its server had counted {state.rows}"
        if not state.objects and not sink.whole_rows:
            raise self._no_rows()
        document = DatasetSnapshot(
            source=self.pinned.source,
            as_of=self.pinned.as_of,
            files=sink.files,
            objects=state.objects,
            rows=sink.rows,
            columns=sink.columns,
            query=self.pinned.query,
            state=None if state.objects else state,
            order=_order(self.pinned),
            sample=sink.sample_record(),
        )
        return document, ""

    def _no_rows(self) -> UserFault:
        message = f"{self.source.name} gives 0 rows: nothing to train on. Check its conditions, and as_of"
        return UserFault(message, field=self.source.field)


def _say(context: StageContext, channel: str, document: DatasetSnapshot, how: str) -> None:
    rows = "" if document.rows is None else f", {document.rows} rows"
    total = sum(file.size for file in document.files)
    context.console.say(f"{channel}: {len(document.files)} files{rows}, {megabytes(total)}{how}")
    if document.sample:
        whole, taken = document.sample.whole, document.sample.taken
        context.console.say(
            f"{channel}: a sample: {taken.rows} of {whole.rows} rows, {taken.keys} of {whole.keys} keys "
            f"{'(estimated) ' if whole.estimated else ''}by {document.sample.sample.key}"
        )
    if document.rows == 0:
        context.warn(f"{channel}: the files hold no rows")


def _reference(pinned: PinnedChannel, document: DatasetSnapshot, digest: str, *, reused: bool) -> SnapshotRef:
    return SnapshotRef(
        digest=tree_digest(document.files),
        document=digest,
        files=len(document.files),
        bytes=sum(file.size for file in document.files),
        rows=document.rows,
        reused=reused,
        time_bound=pinned.query is None or pinned.query.time_bound,
    )


def _order(pinned: PinnedChannel) -> Literal["path", "query", "none"]:
    if pinned.query is None:
        return "path"
    return "query" if pinned.query.ordered else "none"


@contextmanager
def _room_on_disk(context: StageContext) -> Iterator[None]:
    """Say of a full disk that it is one.

    Raises:
        PlatformFault: It is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        message = f"the disk of {context.work_dir} has no room for the data; nothing was published. Make room there"
        raise PlatformFault(message) from None
