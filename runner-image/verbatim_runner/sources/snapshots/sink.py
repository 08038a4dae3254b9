"""Takes what a data source gives into the store, and says every while how far it is."""

from __future__ import annotations

import shutil
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from verbatim.store import hash_file
from verbatim_runner.console import PROGRESS_INTERVAL_S, megabytes
from verbatim_runner.sources.formats import is_marker
from verbatim_runner.sources.parquet import read_batches
from verbatim_runner.sources.snapshots.rows import FileFacts, read_facts
from verbatim_runner.sources.snapshots.sample import Sampler
from verbatim_runner.sources.snapshots.sampled_files import sample_file
from verbatim_runner.sources.snapshots.table import TableFiles, columns_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from verbatim.channels import Sample
    from verbatim.documents import FileRef
    from verbatim.snapshot import Column, SampleRecord, SourceObject
    from verbatim_runner.sources.data.interface import CopyObject, DataSource
    from verbatim_runner.stage_context import StageContext

PARALLEL_FILES = 16


class StoreSink:
    """The files of one channel. A context manager: its scratch files are gone after it.

    Args:
        context: The stage's.
        channel: The channel's name.
        source: What gives the data, for messages.
        sample: What is taken of it; None: all.

    Attributes:
        files: What was taken, in order; complete only when the source's ``fetch`` has returned.
        rows: Of all files; None where the rows of one are not known.
        whole_rows: As ``rows``, of what the source gave, of which a sample may be a part.
        columns: Of a table, or of Parquet files that all have the same; else None.
    """

    def __init__(self, context: StageContext, channel: str, source: DataSource, sample: Sample | None) -> None:
        self.files: tuple[FileRef, ...] = ()
        self.rows: int | None = None
        self.whole_rows: int | None = None
        self.columns: tuple[Column, ...] | None = None
        self._context = context
        self._channel = channel
        self._source = source
        self._sample = sample
        self._sampler: Sampler | None = None
        self._scratch = context.work_dir / "extract" / channel
        self._lock = threading.Lock()
        self._sampling = (
            threading.Lock()
        )  # one file at a time: it is bound by the processor, and holds a batch in memory
        self._moved_files = self._moved_bytes = 0

    def __enter__(self) -> Self:
        self._scratch.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)

    def sample_record(self) -> SampleRecord | None:
        """Return what was taken of the whole; None where all was.

        Raises:
            UserFault: Nothing was taken.
        """
        return self._sampler.record() if self._sampler else None

    def take_objects(self, objects: Sequence[SourceObject], copy: CopyObject) -> None:
        """Take objects as files of the same paths, several at once.

        Of a sample, markers that hold something (checksums, ``_metadata``) are left out: they are not true any more.
        """
        self._begin()
        wanted = [item for item in objects if not (self._sampler and is_marker(item.path) and item.size)]
        pool = ThreadPoolExecutor(PARALLEL_FILES)
        try:
            tasks = [pool.submit(self._move, number, item, copy) for number, item in enumerate(wanted)]
            self._await(tasks, sum(item.size for item in wanted))
            moved = [task.result() for task in tasks]
        finally:
            pool.shutdown(cancel_futures=True)
        facts = [fact for _, fact in moved]
        self.files = tuple(file for file, _ in moved)
        self.rows = _sum_rows(facts)
        self.whole_rows = self._sampler.whole_rows if self._sampler else self.rows
        self.columns = _shared_columns(
            [fact for fact, item in zip(facts, wanted, strict=True) if not is_marker(item.path)]
        )

    @contextmanager
    def take_table(
        self, schema: pa.Schema, source_types: Mapping[str, str]
    ) -> Iterator[Callable[[pa.RecordBatch], None]]:
        """Take a table as Parquet files; the same rows in the same order give the same bytes.

        A source whose connection was lost takes a table anew, from its first row.
        """
        self._begin()
        with self._storing() as on_file:
            table = TableFiles(self._scratch, schema, on_file)
            progress = _TableProgress(table, self._say)

            def take(batch: pa.RecordBatch) -> None:
                progress.rows += batch.num_rows
                table.write(self._sampler.filter(batch, self._source.name) if self._sampler else batch)
                progress.tell()

            if self._sampler:
                self._sampler.position(schema.names, self._source.name)
            try:
                yield take
                table.close()
            except BaseException:
                table.abandon()
                raise
        self.rows = table.rows
        self.whole_rows = progress.rows
        self.columns = columns_of(schema, source_types)

    def take_parquet(self, paths: Sequence[Path], source_types: Mapping[str, str]) -> None:
        """Take Parquet files that the source's server wrote, under names of our own; a sample is written anew."""
        facts = [read_facts(path, "result.parquet", self._source.name, field=self._source.field) for path in paths]
        schema = next(fact.schema for fact in facts)
        if self._sample:
            with self.take_table(schema, source_types) as take:
                for path in paths:
                    for batch in read_batches(path):
                        take(batch)
            return
        self.files = tuple(self._keep(path, f"part-{number:05d}.parquet") for number, path in enumerate(paths))
        self.rows = self.whole_rows = _sum_rows(facts)
        self.columns = columns_of(schema, source_types)

    @contextmanager
    def _storing(self) -> Iterator[Callable[[Path], None]]:
        """Give a function that stores one file after the other, each while the next is made, and deletes it."""
        stored: list[Future[FileRef]] = []

        def on_file(path: Path) -> None:
            if stored:
                stored[-1].result()  # at most one waits: the disk holds two files of a table, not all of it
            stored.append(pool.submit(self._keep, path, path.name))

        with ThreadPoolExecutor(1) as pool:
            yield on_file
        self.files = tuple(file.result() for file in stored)

    def _move(self, number: int, item: SourceObject, copy: CopyObject) -> tuple[FileRef, FileFacts]:
        part = self._scratch / str(number)
        digest = copy(item, part, self._on_bytes)
        if self._sampler and not is_marker(item.path):
            with self._sampling:
                facts = sample_file(part, item.path, self._sampler, self._source.name, field=self._source.field)
            digest = None
        else:
            facts = read_facts(part, item.path, self._source.name, field=self._source.field)
        file = self._keep(part, item.path, digest)
        with self._lock:
            self._moved_files += 1
        return file, facts

    def _begin(self) -> None:
        """Forget what an earlier attempt chose."""
        self._sampler = Sampler(self._sample, self._channel) if self._sample else None

    def _keep(self, path: Path, name: str, digest: str | None = None) -> FileRef:
        """Move a file into the store; it is read for its digest unless that is known."""
        return self._context.store.take_file(path, name, digest or hash_file(path)[0])

    def _on_bytes(self, size: int) -> None:
        with self._lock:
            self._moved_bytes += size

    def _await(self, tasks: list[Future[tuple[FileRef, FileFacts]]], total: int) -> None:
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


class _TableProgress:
    """Says every while how far a table is.

    Attributes:
        rows: That the source gave so far.
    """

    def __init__(self, table: TableFiles, say: Callable[[str], None]) -> None:
        self.rows = 0
        self._table = table
        self._say = say
        self._started = self._said = time.monotonic()

    def tell(self) -> None:
        now = time.monotonic()
        if now - self._said < PROGRESS_INTERVAL_S:
            return
        self._said = now
        taken = "" if self._table.rows == self.rows else f", {self._table.rows} taken"
        rate = self.rows / (now - self._started)
        self._say(f"{self.rows} rows{taken}, {megabytes(self._table.bytes)}, {rate:.0f} rows/s")


def _sum_rows(facts: Sequence[FileFacts]) -> int | None:
    known = [fact.rows for fact in facts if fact.rows is not None]
    return sum(known) if len(known) == len(facts) else None


def _shared_columns(facts: Sequence[FileFacts]) -> tuple[Column, ...] | None:
    """Return the columns of files that are all Parquet, and all have the same; else None."""
    first = facts[0].schema if facts else None
    if first is None or not all(fact.schema is not None and fact.schema.equals(first) for fact in facts):
        return None
    return columns_of(first, {})
