"""Tables as Parquet files: the same bytes however the rows come, in bounded memory, with every row there."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runner.conftest import files_up_to

from verbatim.channels import Sample
from verbatim.errors import PlatformFault
from verbatim.snapshot import SourceState
from verbatim_runner.sources.snapshots import table as tables
from verbatim_runner.sources.snapshots.row_sizes import row_sizes
from verbatim_runner.sources.snapshots.sink import StoreSink
from verbatim_runner.sources.snapshots.table import TableFiles

if TYPE_CHECKING:
    from pathlib import Path

    from runner.conftest import Ground

    from verbatim_runner.sources.data.interface import DataSink


@dataclass
class Rows:
    """A source of a table that is in memory."""

    batches: list[pa.RecordBatch]
    name: str = "the query on db"
    field: str = "data.train.sql.query"
    fails: Exception | None = None

    def state(self) -> SourceState:
        return SourceState(rows=sum(batch.num_rows for batch in self.batches))

    def fetch(self, _state: SourceState, sink: DataSink) -> None:
        with sink.take_table(self.batches[0].schema, {"x": "BIGINT"}) as take:
            for batch in self.batches:
                take(batch)
            if self.fails:
                raise self.fails


def written(directory: Path, batches: list[pa.RecordBatch]) -> list[bytes]:
    directory.mkdir()
    found: list[bytes] = []
    files = TableFiles(directory, batches[0].schema, lambda path: found.append(path.read_bytes()))
    for batch in batches:
        files.write(batch)
    files.close()
    return found


def mixed_rows(count: int) -> pa.RecordBatch:
    """Return rows of many types, some null."""
    return pa.RecordBatch.from_pylist(
        [
            {
                "n": None if row % 7 == 0 else row,
                "text": "x" * (row % 23) or None,
                "items": [str(item) for item in range(row % 4)] or None,
                "nested": {"when": datetime(2026, 1, 1 + row % 28), "sum": Decimal(row)},  # noqa: DTZ001
                "pairs": [("a", row)] if row % 3 else None,
            }
            for row in range(count)
        ],
        pa.schema({
            "n": pa.int64(), "text": pa.string(), "items": pa.list_(pa.string()), "pairs": pa.map_(pa.string(), pa.int32()),
            "nested": pa.struct({"when": pa.timestamp("us"), "sum": pa.decimal128(20, 2)}),
        }),
    )  # fmt: skip


@pytest.mark.parametrize("cut", [7, 37, 999])
def test_the_same_rows_give_the_same_bytes_however_they_are_cut(tmp_path, monkeypatch, cut):
    monkeypatch.setattr(tables, "ROW_GROUP_ROWS", 400)
    monkeypatch.setattr(tables, "ROW_GROUP_BYTES", 20_000)
    monkeypatch.setattr(tables, "FILE_ROW_GROUPS", 3)
    rows = mixed_rows(3000)
    whole = written(tmp_path / "whole", [rows])
    assert len(whole) == 3
    parts = [rows.slice(start, cut) for start in range(0, 3000, cut)]
    assert written(tmp_path / "cut", parts) == whole
    rebuilt = [pa.RecordBatch.from_pylist(part.to_pylist(), rows.schema) for part in parts]  # without masks of no nulls
    assert written(tmp_path / "rebuilt", rebuilt) == whole
    restored = pa.concat_tables(pq.read_table(pa.BufferReader(content)) for content in whole)
    assert restored.to_pylist() == rows.to_pylist()


def test_a_row_group_of_wide_rows_is_bounded_by_its_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "ROW_GROUP_BYTES", 100_000)
    wide = pa.record_batch({"document": ["y" * 10_000] * 35, "n": range(35)})
    content = written(tmp_path / "wide", [wide])
    groups = pq.read_metadata(pa.BufferReader(content[0]))
    assert [groups.row_group(number).num_rows for number in range(groups.num_row_groups)] == [10, 10, 10, 5]


def test_the_size_of_a_row_is_its_own():
    rows = mixed_rows(500)
    sizes = row_sizes(rows)
    assert list(row_sizes(rows.slice(100, 50))) == list(sizes[100:150])
    assert [size for start in range(500) for size in row_sizes(rows.slice(start, 1))] == list(sizes)
    fixed = pa.record_batch({"v": pa.array([[1.0, 2.0]] * 3, pa.list_(pa.float64(), 2)), "n": pa.nulls(3)})
    assert list(row_sizes(fixed)) == [16, 16, 16]
    assert list(row_sizes(fixed.slice(1, 2))) == [16, 16]


def test_a_table_without_rows_still_has_its_columns(tmp_path):
    (content,) = written(tmp_path / "empty", [mixed_rows(0)])
    assert pq.read_schema(pa.BufferReader(content)).names == ["n", "text", "items", "pairs", "nested"]


def test_a_sink_stores_every_row_and_leaves_no_scratch(ground: Ground, monkeypatch):
    monkeypatch.setattr(tables, "ROW_GROUP_ROWS", 100)
    monkeypatch.setattr(tables, "FILE_ROW_GROUPS", 1)
    source = Rows([pa.record_batch({"x": range(start, start + 50)}) for start in range(0, 1000, 50)])
    with StoreSink(ground.context(ground.request("extract")), "train", source, None) as sink:
        source.fetch(source.state(), sink)
    assert (sink.rows, sink.whole_rows) == (1000, 1000)
    assert [file.path for file in sink.files] == [f"part-{number:05d}.parquet" for number in range(10)]
    contents = [pq.read_table(pa.BufferReader(ground.store.get_blob(file.sha256))) for file in sink.files]
    assert pa.concat_tables(contents)["x"].to_pylist() == list(range(1000))
    assert [(column.name, column.type, column.source_type) for column in sink.columns or ()] == [
        ("x", "int64", "BIGINT")
    ]
    assert not list((ground.root / "work").rglob("*.parquet"))


def test_a_connection_that_is_lost_midway_leaves_no_file(ground: Ground):
    source = Rows([pa.record_batch({"x": [1]})], fails=PlatformFault("the connection was lost"))
    sink = StoreSink(ground.context(ground.request("extract")), "train", source, None)
    with sink, pytest.raises(PlatformFault, match="lost"):
        source.fetch(source.state(), sink)
    assert not sink.files
    assert sink.rows is None
    assert not list((ground.root / "work" / "extract").iterdir())


def test_of_a_sample_only_the_sample_is_written(ground: Ground):
    source = Rows([pa.record_batch({"x": [key % 100 for key in range(1000)]})])
    sample = Sample(fraction=0.3, key="x")
    with StoreSink(ground.context(ground.request("extract")), "train", source, sample) as sink:
        source.fetch(source.state(), sink)
    (file,) = sink.files
    kept = pq.read_table(pa.BufferReader(ground.store.get_blob(file.sha256)))["x"].to_pylist()
    record = sink.sample_record()
    assert record
    assert (sink.whole_rows, record.whole.rows, record.taken.rows) == (1000, 1000, len(kept))
    assert len(kept) == 10 * len(set(kept)) == sink.rows


def test_a_source_that_starts_anew_gives_every_row_once(ground: Ground):
    source = Rows([pa.record_batch({"x": range(1000)})], fails=PlatformFault("the connection was lost"))
    sample = Sample(fraction=0.5, key="x")
    with StoreSink(ground.context(ground.request("extract")), "train", source, sample) as sink:
        with pytest.raises(PlatformFault, match="lost"):
            source.fetch(source.state(), sink)
        source.fails = None
        source.fetch(source.state(), sink)
        record = sink.sample_record()
    assert record
    assert (record.whole.rows, record.taken.rows, len(sink.files)) == (1000, sink.rows, 1)


@pytest.mark.parametrize("sample", [None, Sample(fraction=0.5, key="x")])
def test_what_the_server_wrote_is_taken_as_it_is_or_sampled(ground: Ground, tmp_path, sample):
    paths = [tmp_path / "000000_0", tmp_path / "000001_0"]
    for path in paths:
        pq.write_table(pa.table({"x": range(100)}), path)
    source = Rows([])
    with StoreSink(ground.context(ground.request("extract")), "train", source, sample) as sink:
        sink.take_parquet(paths, {"x": "BIGINT"})
    assert sink.whole_rows == 200
    assert (sink.rows == 200) == (sample is None)
    assert sink.files[0].path == "part-00000.parquet"
    assert [column.source_type for column in sink.columns or ()] == ["BIGINT"]


def test_a_damaged_file_of_the_server_is_told(ground: Ground, tmp_path):
    (tmp_path / "000000_0").write_bytes(b"PAR1")
    sink = StoreSink(ground.context(ground.request("extract")), "train", Rows([]), None)
    with sink, pytest.raises(Exception, match="cannot be read as Parquet"):
        sink.take_parquet([tmp_path / "000000_0"], {})


def test_a_disk_that_fills_up_while_a_table_is_written_is_told_by_its_number(ground: Ground):
    source = Rows([pa.record_batch({"x": [os.urandom(1000) for _ in range(1000)]})])
    sink = StoreSink(ground.context(ground.request("extract")), "train", source, None)
    with files_up_to(100_000), sink, pytest.raises(OSError, match="File too large") as told:
        source.fetch(source.state(), sink)
    assert told.value.errno == errno.EFBIG
    assert not list((ground.root / "work" / "extract").iterdir())
