"""Takes what a data source gives into the store, and says every while how far it is."""

from __future__ import annotations

import threading
import time
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING

from verbatim_runner.sources.snapshots.rows import count_rows
from verbatim_runner.sources.snapshots.table import TableFiles, columns_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from verbatim.documents import FileRef
    from verbatim.snapshot import Column, SourceObject
    from verbatim_runner.sources.data.interface import CopyObject
    from verbatim_runner.stage_context import StageContext

PARALLEL_FILES = 16
PROGRESS_INTERVAL_S = 2.0


class StoreSink:
    """The files of one channel.

    Args:
        context: The stage's.
        channel: The channel's name.

    Attributes:
        files: What was taken, in order; complete only when the source's ``fetch`` has returned.
        rows: Of all files; None where the rows of one are not known.
        columns: Of a table; None for files that are of no one table.
    """

    def __init__(self, context: StageContext, channel: str) -> None:
        self.files: tuple[FileRef, ...] = ()
        self.rows: int | None = None
        self.columns: tuple[Column, ...] | None = None
        self._context = context
        self._channel = channel
        self._scratch = context.work_dir / "extract" / channel
        self._scratch.mkdir(parents=True)
        self._lock = threading.Lock()
        self._moved_files = self._moved_bytes = 0

    def take_objects(self, objects: Sequence[SourceObject], copy: CopyObject) -> None:
        """Take objects as files of the same paths, several at once."""
        pool = ThreadPoolExecutor(PARALLEL_FILES)
        try:
            tasks = [pool.submit(self._move, number, item, copy) for number, item in enumerate(objects)]
            self._await(tasks, sum(item.size for item in objects))
            moved = [task.result() for task in tasks]
        finally:
            pool.shutdown(cancel_futures=True)
        counts = [rows for _, rows in moved]
        self.files = tuple(file for file, _ in moved)
        self.rows = sum(filter(None, counts)) if None not in counts else None

    @contextmanager
    def take_table(
        self, schema: pa.Schema, source_types: Mapping[str, str]
    ) -> Iterator[Callable[[pa.RecordBatch], None]]:
        """Take a table as Parquet files; the same rows in the same order give the same bytes."""
        table = TableFiles(self._scratch, schema)
        started = said = time.monotonic()

        def take(batch: pa.RecordBatch) -> None:
            nonlocal said
            table.write(batch)
            now = time.monotonic()
            if now - said >= PROGRESS_INTERVAL_S:
                said = now
                self._say(f"{table.rows} rows, {megabytes(table.bytes)}, {table.rows / (now - started):.0f} rows/s")

        yield take
        self.files = tuple(self._context.store.put_file(path, path.name) for path in table.close())
        self.rows = table.rows
        self.columns = columns_of(schema, source_types)

    def take_parquet(self, paths: Sequence[Path], source_types: Mapping[str, str]) -> None:
        """Take Parquet files that the source's server wrote, under names of our own."""
        import pyarrow.parquet

        metadata = [pyarrow.parquet.read_metadata(path) for path in paths]
        self.files = tuple(
            self._context.store.put_file(path, f"part-{number:05d}.parquet") for number, path in enumerate(paths)
        )
        self.rows = sum(int(item.num_rows) for item in metadata)
        self.columns = columns_of(metadata[0].schema.to_arrow_schema(), source_types)

    def _move(self, number: int, item: SourceObject, copy: CopyObject) -> tuple[FileRef, int | None]:
        part = self._scratch / str(number)
        copy(item, part, self._on_bytes)
        file = self._context.store.put_file(part, item.path)
        rows = count_rows(part, item.path)
        part.unlink()
        with self._lock:
            self._moved_files += 1
        return file, rows

    def _on_bytes(self, size: int) -> None:
        with self._lock:
            self._moved_bytes += size

    def _await(self, tasks: list[Future[tuple[FileRef, int | None]]], total: int) -> None:
        started = time.monotonic()
        pending = set(tasks)
        while pending:
            done, pending = wait(pending, timeout=PROGRESS_INTERVAL_S, return_when=FIRST_EXCEPTION)
            for task in done:
                task.result()
            if pending:
                with self._lock:
                    files, size = self._moved_files, self._moved_bytes
                speed = megabytes(size / (time.monotonic() - started))
                self._say(f"{files} of {len(tasks)} files, {megabytes(size)} of {megabytes(total)}, {speed}/s")

    def _say(self, progress: str) -> None:
        self._context.console.say(f"{self._channel}: {progress}")


def megabytes(size: float) -> str:
    """Return bytes as people read them."""
    return f"{size / 1e6:.1f} MB"
