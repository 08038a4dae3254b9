"""Holds what a source gives against what it gave before: as of the same moment, it must be the same.

A source that cannot give the past back makes a run fail, with the difference named. A query that is bound to no moment
promises nothing, and data in quarantine was used by nobody: neither is held against anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.documents import tree_digest
from verbatim.errors import UserFault
from verbatim_runner.sources.snapshots.content import sum_of_rows
from verbatim_runner.sources.snapshots.earlier import Earlier, is_whole, state_of
from verbatim_runner.sources.snapshots.moved import are_comparable, content_difference, difference, objects_difference

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.snapshot import DatasetSnapshot, ExtractionNote, SourceState
    from verbatim.spec import PinnedChannel
    from verbatim.store import Store
    from verbatim_runner.sources.data.interface import DataSource


class Proof:
    """What was given before as of the same moment, if anything was.

    Args:
        earlier: The earlier extractions.
        pinned: What is asked for.
        source: Opened; for messages.
    """

    def __init__(self, earlier: Earlier, pinned: PinnedChannel, source: DataSource) -> None:
        self._earlier = earlier
        self._as_of = pinned.as_of
        self._source = source
        self._bound = pinned.query is None or pinned.query.time_bound
        self._note = earlier.of_moment() if self._bound else None
        self._before = self._note and earlier.document(self._note)
        self._aside = (self._note, self._before)
        if self._before and earlier.quarantine(self._before):
            self._note = self._before = None

    @property
    def is_first(self) -> bool:
        """Whether nothing was given before."""
        return self._before is None

    def mended(self, document: DatasetSnapshot) -> ExtractionNote | None:
        """Return what was given before, where that is in quarantine and what is given now is not the same."""
        note, before = self._aside
        if self._before or not before or tree_digest(before.files) == tree_digest(document.files):
            return None
        return note

    def check_state(self, state: SourceState) -> None:
        """Hold what the source says that it has against what it had.

        Raises:
            UserFault: It differs; or an object that it is known to have had as of the moment is gone or replaced.
        """
        if self._note and self._before:
            moved = difference(state_of(self._before), state)
            if moved:
                raise self._fault(self._note, moved)
        elif self._bound and state.objects:
            self._check_lost(state)

    def check_rows(self, document: DatasetSnapshot, store: Store, scratch: Path) -> DatasetSnapshot:
        """Hold a table that was read against the one that was read before, where no fingerprint had done so.

        Args:
            document: The new one's.
            store: Holds both.
            scratch: A directory.

        Returns:
            The earlier one's document, where it holds the same rows and the store still has it, else the new one's.

        Raises:
            UserFault: The rows are not the same.
        """
        before = self._before
        if not (self._note and before) or document.objects:
            return document
        if tree_digest(before.files) == tree_digest(document.files):
            return before
        whole = is_whole(store, before)
        if self._differ(before, document) or (whole and not self._same_rows(before, document, store, scratch)):
            raise self._fault(self._note, content_difference(before, document))
        return before if whole else document

    @staticmethod
    def _differ(before: DatasetSnapshot, document: DatasetSnapshot) -> bool:
        return (before.rows, before.columns) != (document.rows, document.columns)

    @staticmethod
    def _same_rows(before: DatasetSnapshot, document: DatasetSnapshot, store: Store, scratch: Path) -> bool:
        """Return whether two tables hold the same rows: by what the server said of them, else by reading both."""
        if are_comparable(state_of(before), state_of(document)):
            return True  # or the state would have been refused
        return sum_of_rows(store, before.files, scratch) == sum_of_rows(store, document.files, scratch)

    def _check_lost(self, state: SourceState) -> None:
        """Look for objects that the source had as of this moment, as a later extraction saw, and has no more.

        An object that was seen had been there since its time. In a bucket with versions, what was seen is what was
        there as of the moment of that extraction; in any other, what was there when it was made.
        """
        note = self._earlier.last()
        before = self._earlier.document(note) if note else None
        if not note or not before or self._earlier.quarantine(before):
            return
        had = [
            item
            for item in before.objects
            if item.modified_at <= self._as_of <= (note.as_of if item.version else note.at)
        ]
        paths = {item.path for item in had}
        lost = objects_difference(had, [item for item in state.objects if item.path in paths])
        if lost:
            raise self._fault(note, lost)

    def _fault(self, note: ExtractionNote, moved: str) -> UserFault:
        message = (
            f"{self._source.name} does not hold any more what it held as of {self._as_of.isoformat()}, when the run "
            f"{note.run_id} read it at {note.at.isoformat(timespec='seconds')}: {moved}. No snapshot was made. To use "
            f"what was read then, reproduce that run; to use what is there now, give a later as_of"
        )
        return UserFault(message, field=self._source.field)
