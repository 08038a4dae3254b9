"""What earlier extractions left: snapshots that can be used again, and what the source had given as of a moment.

The indexes are hints that may be lost or overwritten; what they name is checked before it is used.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from verbatim.documents import FileRef, tree_digest
from verbatim.errors import NotFound
from verbatim.snapshot import DatasetSnapshot, ExtractionNote, Quarantine, SourceState
from verbatim.store import layout

if TYPE_CHECKING:
    from datetime import datetime

    from verbatim.spec import PinnedChannel
    from verbatim.store import Store

PARALLEL_CHECKS = 16


class Earlier:
    """Earlier extractions of what a channel asks for.

    Args:
        store: Where they are.
        pinned: What is asked for.
    """

    def __init__(self, store: Store, pinned: PinnedChannel) -> None:
        self._store = store
        self._as_of = pinned.as_of
        source = pinned.source.model_dump_json()
        query = pinned.query.model_dump_json() if pinned.query else ""
        sample = pinned.sample.model_dump_json() if pinned.sample else ""
        self._asked = (source, query, sample)
        self._moment = _index("extractions", *self._asked, pinned.as_of.isoformat())
        self._last = _index("extractions", source, query)

    def of_state(self, state: SourceState) -> DatasetSnapshot | None:
        """Return the snapshot of the same request and state; None where there is none or it lacks a file."""
        if not state.objects and state.fingerprint is None:
            return None
        try:
            document = self._read(self._store.read(self._of_state(state), FileRef))
        except NotFound:
            return None
        return document if is_whole(self._store, document) else None

    def of_moment(self) -> ExtractionNote | None:
        """Return the first extraction of the same request as of the same moment."""
        return self._note(self._moment)

    def last(self) -> ExtractionNote | None:
        """Return, of the extractions of the same source, the one as of the latest moment."""
        return self._note(self._last)

    def document(self, note: ExtractionNote) -> DatasetSnapshot | None:
        """Return the snapshot's document that a note names; None where the store does not have it any more."""
        try:
            return self._read(note.document)
        except NotFound:
            return None

    def quarantine(self, document: DatasetSnapshot) -> Quarantine | None:
        """Return why a snapshot is not used again, if it is not."""
        try:
            note = self._store.read(layout.quarantine(tree_digest(document.files)), Quarantine)
        except NotFound:
            return None
        return None if note.lifted_by else note

    def remember(self, state: SourceState, stored: FileRef, *, run_id: str, at: datetime, first: bool) -> None:
        """Note an extraction.

        Args:
            state: What the source held.
            stored: The snapshot's document.
            run_id: The run's.
            at: When the source was asked for its state.
            first: Whether nothing is remembered of the same moment, or nothing that counts.
        """
        self._store.overwrite(self._of_state(state), stored.canonical())
        if at < self._as_of:  # it has not come yet: the source may well change until then
            return
        note = ExtractionNote(document=stored, as_of=self._as_of, run_id=run_id, at=at).canonical()
        if first:
            self._store.overwrite(self._moment, note)
        last = self.last()
        if last is None or last.as_of <= self._as_of:
            self._store.overwrite(self._last, note)

    def _of_state(self, state: SourceState) -> str:
        return _index("snapshots", *self._asked, state.model_dump_json())

    def _note(self, key: str) -> ExtractionNote | None:
        try:
            return self._store.read(key, ExtractionNote)
        except NotFound:
            return None

    def _read(self, stored: FileRef) -> DatasetSnapshot:
        return DatasetSnapshot.parse(self._store.get_blob(stored.sha256), source=f"snapshot document {stored.sha256}")


def is_whole(store: Store, document: DatasetSnapshot) -> bool:
    """Return whether the store has every file of a snapshot."""
    digests = {file.sha256 for file in document.files}
    with ThreadPoolExecutor(PARALLEL_CHECKS) as pool:
        return all(pool.map(lambda digest: store.exists(layout.blob(digest)), digests))


def state_of(document: DatasetSnapshot) -> SourceState:
    """Return what the source held when a snapshot was taken."""
    return document.state or SourceState(objects=document.objects)


def _index(kind: str, *parts: str) -> str:
    return layout.index(kind, hashlib.sha256("\n".join(parts).encode()).hexdigest())
