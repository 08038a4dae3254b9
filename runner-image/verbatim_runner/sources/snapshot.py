"""Takes a channel's snapshot: its files as blobs, then the one document that names them.

A source that holds the same objects as at an earlier snapshot is not read again.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from verbatim.documents import FileRef, tree_digest
from verbatim.errors import NotFound, UserFault
from verbatim.snapshot import DatasetSnapshot, SourceObject
from verbatim.stage import SnapshotRef
from verbatim.store import layout
from verbatim_runner.sources.data import open_source
from verbatim_runner.sources.rows import count_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from verbatim.spec import PinnedChannel
    from verbatim_runner.sources.data.interface import DataSource
    from verbatim_runner.stage_context import StageContext

PARALLEL_FILES = 16
PROGRESS_INTERVAL_S = 2.0


def take_snapshot(context: StageContext, channel: str, pinned: PinnedChannel) -> SnapshotRef:
    """Take the snapshot of one channel.

    Args:
        context: The stage's.
        channel: The channel's name.
        pinned: Its source, and the moment as of which it is read: newer objects do not count.

    Raises:
        UserFault: There is nothing as of that moment, or something changed while it was read.
    """
    source = open_source(context, channel, pinned.source)
    objects = _as_of(source, pinned.as_of)
    listing = json.dumps([item.model_dump(mode="json") for item in objects])
    index = layout.index(
        "snapshots", hashlib.sha256(f"{pinned.source.model_dump_json()}\n{listing}".encode()).hexdigest()
    )
    known = _known(context, index)
    if known:
        document = known.model_copy(update={"as_of": pinned.as_of})
    else:
        files, rows = _Transfer(context, channel, source, objects).run()
        document = DatasetSnapshot(
            source=pinned.source, as_of=pinned.as_of, files=files, objects=tuple(objects), rows=rows
        )
    stored = context.store.put_bytes(document.canonical(), f"{channel}.json")
    if not known:
        context.store.overwrite(index, stored.canonical())
    total = sum(file.size for file in document.files)
    context.console.say(
        f"{channel}: {len(objects)} files, {_megabytes(total)}{', unchanged, not read again' if known else ''}"
    )
    return SnapshotRef(
        digest=tree_digest(document.files),
        document=stored.sha256,
        files=len(objects),
        bytes=total,
        rows=document.rows,
        reused=known is not None,
    )


def _as_of(source: DataSource, as_of: datetime) -> list[SourceObject]:
    there = source.objects()
    objects = sorted((item for item in there if item.modified_at <= as_of), key=lambda item: item.path)
    if there and not objects:
        message = (
            f"{source.uri} holds {len(there)} objects, and all are newer than the run's as_of, {as_of.isoformat()}"
        )
        raise UserFault(message, field=source.field)
    if not objects:
        message = (
            f"{source.uri} holds no data; expected at least one object. Check the bucket, the prefix and its spelling"
        )
        raise UserFault(message, field=source.field)
    return objects


def _known(context: StageContext, index: str) -> DatasetSnapshot | None:
    """Return the earlier snapshot of the same objects, if the store still has it."""
    try:
        entry = context.store.read(index, FileRef)
        return DatasetSnapshot.parse(context.store.get_blob(entry.sha256), source=index)
    except NotFound:
        return None


class _Transfer:
    """Moves a source's objects into the store, several at once, and says every while how far it is."""

    def __init__(
        self, context: StageContext, channel: str, source: DataSource, objects: Sequence[SourceObject]
    ) -> None:
        self._context = context
        self._channel = channel
        self._source = source
        self._objects = objects
        self._scratch = context.work_dir / "extract" / channel
        self._lock = threading.Lock()
        self._moved_files = self._moved_bytes = 0

    def run(self) -> tuple[tuple[FileRef, ...], int | None]:
        """Return the files, in the objects' order, and their rows where every file's are known."""
        self._scratch.mkdir(parents=True)
        pool = ThreadPoolExecutor(PARALLEL_FILES)
        try:
            tasks = [pool.submit(self._move, number, item) for number, item in enumerate(self._objects)]
            self._await(tasks)
            moved = [task.result() for task in tasks]
        finally:
            pool.shutdown(cancel_futures=True)
        counts = [rows for _, rows in moved]
        return tuple(file for file, _ in moved), sum(filter(None, counts)) if None not in counts else None

    def _move(self, number: int, item: SourceObject) -> tuple[FileRef, int | None]:
        part = self._scratch / str(number)
        self._source.copy(item, part)
        file = self._context.store.put_file(part, item.path)
        rows = count_rows(part, item.path)
        part.unlink()
        with self._lock:
            self._moved_files += 1
            self._moved_bytes += item.size
        return file, rows

    def _await(self, tasks: list[Future[tuple[FileRef, int | None]]]) -> None:
        started = time.monotonic()
        total = sum(item.size for item in self._objects)
        pending = set(tasks)
        while pending:
            done, pending = wait(pending, timeout=PROGRESS_INTERVAL_S, return_when=FIRST_EXCEPTION)
            for task in done:
                task.result()
            if pending:
                with self._lock:
                    files, size = self._moved_files, self._moved_bytes
                speed = _megabytes(size / (time.monotonic() - started))
                progress = f"{files} of {len(tasks)} files, {_megabytes(size)} of {_megabytes(total)}, {speed}/s"
                self._context.console.say(f"{self._channel}: {progress}")


def _megabytes(size: float) -> str:
    return f"{size / 1e6:.1f} MB"
