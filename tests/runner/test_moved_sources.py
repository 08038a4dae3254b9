"""As of a moment, proven: what cannot be given again is refused with the difference named, or taken from the store."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runner.conftest import MOMENT

from verbatim.channels import SqlSource
from verbatim.documents import now
from verbatim.snapshot import Column, DatasetSnapshot, Quarantine, SourceObject, SourceState
from verbatim.spec import BoundQuery, PinnedChannel
from verbatim.stage import DatabaseLogin, ExtractOutputs, SnapshotRef, StageResult, StageSecrets
from verbatim.store import layout
from verbatim_runner.sources.snapshots import stored, take
from verbatim_runner.sources.snapshots.content import sum_of_rows
from verbatim_runner.sources.snapshots.moved import content_difference, difference

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runner.conftest import Ground

    from verbatim_runner.sources.data.interface import DataSink

EARLIER = datetime(2026, 1, 1, tzinfo=UTC)
AS_OF = datetime(2026, 2, 1, tzinfo=UTC)


def snapshot_of(result: StageResult) -> SnapshotRef:
    assert isinstance(result.outputs, ExtractOutputs), result.error
    return result.outputs.snapshots["train"]


class Lake:
    """A directory of files with times of our choice, read by one extraction after the other."""

    def __init__(self, ground: Ground, directory: Path) -> None:
        self.ground = ground
        self.directory = directory
        self.tries = 0

    def write(self, name: str, content: str, modified_at: datetime = EARLIER) -> None:
        (self.directory / name).write_text(content)
        os.utime(self.directory / name, (0, modified_at.timestamp()))

    def extract(self, as_of: datetime = AS_OF, stored: str | None = None) -> StageResult:
        self.tries += 1
        conf = {"data": {"train": {"file": {"uri": f"file://{self.directory}/"}}}, "as_of": as_of.isoformat()}
        return self.ground.run(with_channel(self.ground.request("extract", conf, try_number=self.tries), stored=stored))


def with_channel(request: Any, **changes: object) -> Any:
    channel = request.spec.data["train"].model_copy(update=changes)
    return request.model_copy(update={"spec": request.spec.model_copy(update={"data": {"train": channel}})})


@pytest.fixture
def lake(ground: Ground, write_tree) -> Lake:
    made = Lake(ground, write_tree({}))
    made.write("a.csv", "x\n1\n")
    made.write("b.csv", "x\n2\n")
    return made


def test_what_came_after_the_moment_changes_nothing(lake: Lake):
    first = snapshot_of(lake.extract())
    lake.write("c.csv", "x\n3\n", now())
    again = snapshot_of(lake.extract())
    assert again.reused
    assert again.digest == first.digest


@pytest.mark.parametrize(("change", "said"), [
    (lambda lake: (lake.directory / "a.csv").unlink(), "1 is gone or overwritten since: a.csv"),
    (lambda lake: lake.write("a.csv", "x\n7\n8\n", now()), "1 is gone or overwritten since: a.csv"),
    (lambda lake: lake.write("a.csv", "x\n7\n8\n"), "1 is replaced: a.csv (4 bytes"),
    (lambda lake: lake.write("late.csv", "x\n3\n"), "1 is new: late.csv"),
    (lambda lake: [lake.write(f"{n}.csv", "x\n") for n in range(8)], "8 are new: 0.csv, 1.csv, 2.csv, 3.csv, 4.csv and 3 more"),
])  # fmt: skip
def test_files_that_are_not_what_they_were_as_of_the_same_moment_are_named(lake: Lake, change, said):
    first = snapshot_of(lake.extract())
    change(lake)
    result = lake.extract()
    assert (result.error.kind, result.error.field) == ("user", "data.train.file.uri")
    assert said in result.error.message
    assert "churn-20260102T030405-abcdef" in result.error.message
    assert "reproduce" in result.error.message
    assert snapshot_of(lake.extract(stored=first.document)).digest == first.digest


def test_of_two_runs_that_read_at_once_only_one_is_what_was_there(lake: Lake, monkeypatch):
    read, other = take._Reading.read, list[StageResult]()

    def overtaken(reading: Any, state: SourceState) -> Any:
        found = read(reading, state)
        lake.write("late.csv", "x\n3\n")
        monkeypatch.setattr(take._Reading, "read", read)
        other.append(lake.extract())
        return found

    monkeypatch.setattr(take._Reading, "read", overtaken)
    result = lake.extract()
    assert snapshot_of(other[0]).files == 3
    assert "1 is gone or overwritten since: late.csv" in result.error.message
    assert snapshot_of(lake.extract()).reused


def test_a_moment_that_is_yet_to_come_promises_nothing(lake: Lake):
    lake.extract(MOMENT)
    lake.write("c.csv", "x\n3\n")
    assert snapshot_of(lake.extract(MOMENT)).files == 3


def test_another_moment_is_another_state(lake: Lake):
    snapshot_of(lake.extract())
    (lake.directory / "a.csv").unlink()
    assert snapshot_of(lake.extract(now() + timedelta(minutes=1))).files == 1


def test_a_file_that_is_known_to_have_been_there_as_of_an_earlier_moment_is_missed(lake: Lake):
    snapshot_of(lake.extract())
    lake.write("a.csv", "x\n7\n8\n", now())
    result = lake.extract(AS_OF - timedelta(days=1))
    assert result.error.kind == "user"
    assert "1 is gone or overwritten since: a.csv" in result.error.message
    result = lake.extract(EARLIER - timedelta(days=1))
    assert "its objects (2) are newer" in result.error.message


def test_data_in_quarantine_may_be_mended(lake: Lake):
    first = snapshot_of(lake.extract())
    note = Quarantine(suite="s.json", channel="train", run_id="churn-1", at=now(), failed=())
    lake.ground.store.overwrite(layout.quarantine(first.digest), note.canonical())
    unchanged = lake.extract()
    assert (snapshot_of(unchanged).digest, unchanged.warnings) == (first.digest, ())
    lake.write("a.csv", "x\n3\n4\n")
    result = lake.extract()
    mended = snapshot_of(result)
    assert (mended.reused, mended.rows) == (False, 3)
    assert "read other data as of the same moment" in result.warnings[0]
    lake.write("a.csv", "x\n5\n6\n7\n")
    assert "is replaced: a.csv" in lake.extract().error.message


def test_a_stored_snapshot_is_used_and_says_how_the_source_has_moved(lake: Lake):
    first = snapshot_of(lake.extract())
    still = lake.extract(stored=first.document)
    assert (snapshot_of(still).reused, snapshot_of(still).moved, still.warnings) == (True, None, ())
    (lake.directory / "a.csv").unlink()
    moved = lake.extract(stored=first.document)
    assert snapshot_of(moved).moved == "1 is gone or overwritten since: a.csv"
    assert (snapshot_of(moved).digest, snapshot_of(moved).document) == (first.digest, first.document)
    assert moved.warnings == (
        "train: the source has moved: 1 is gone or overwritten since: a.csv; the stored snapshot is used",
    )


def test_a_stored_snapshot_is_used_where_the_source_does_not_answer(lake: Lake):
    first = snapshot_of(lake.extract())
    for file in lake.directory.iterdir():
        file.unlink()
    lake.directory.rmdir()
    result = lake.extract(stored=first.document)
    assert snapshot_of(result).digest == first.digest
    assert "cannot be told" in result.warnings[0]


@pytest.mark.parametrize("what", ["document", "file"])
def test_a_stored_snapshot_that_is_not_whole_any_more_is_told(lake: Lake, what):
    first = snapshot_of(lake.extract())
    document = DatasetSnapshot.parse(lake.ground.store.get_blob(first.document), source="test")
    gone = first.document if what == "document" else document.files[1].sha256
    (lake.ground.store.local_root / layout.blob(gone)).unlink()
    result = lake.extract(stored=first.document)
    assert (result.error.kind, result.error.field) == ("user", "data.train")
    assert f"does not have {'its document' if what == 'document' else 'some of its files'}" in result.error.message


@dataclass
class Table:
    """What a query gives; each extraction asks a source of it."""

    rows: list[Any]
    counted: list[int] | None = None
    fingerprint: str | None = None
    fetched: int = 0
    name: str = "the query on db"
    field: str = "data.train.sql.query"

    def state(self) -> SourceState:
        return SourceState(rows=self.counted.pop(0) if self.counted else None, fingerprint=self.fingerprint)

    def fetch(self, _state: SourceState, sink: DataSink) -> None:
        self.fetched += 1
        batch = pa.RecordBatch.from_pylist([{"x": row} for row in self.rows], pa.schema({"x": pa.int64()}))
        with sink.take_table(batch.schema, {}) as give:
            give(batch)


@pytest.fixture
def query(ground: Ground, monkeypatch) -> Callable[..., StageResult]:
    tries = iter(range(1, 100))

    def extract(table: Table, *, time_bound: bool = True, as_of: datetime = AS_OF) -> StageResult:
        monkeypatch.setattr(take, "open_source", lambda *_: table)
        monkeypatch.setattr(stored, "open_source", lambda *_: table)
        channel = PinnedChannel(
            source=SqlSource(connection="db", query="SELECT"),
            as_of=as_of,
            query=BoundQuery(statement="SELECT x FROM t", time_bound=time_bound),
        )
        request = ground.request("extract", try_number=next(tries))
        return ground.run(
            request.model_copy(update={"spec": request.spec.model_copy(update={"data": {"train": channel}})})
        )

    return extract


def test_the_same_rows_in_another_order_are_the_earlier_snapshot(query):
    first = snapshot_of(query(Table([1, 2, 3, None])))
    again = snapshot_of(query(Table([None, 3, 1, 2])))
    assert (again.digest, again.reused) == (first.digest, False)


def test_a_fingerprint_that_is_made_in_another_way_by_now_tells_nothing_and_the_rows_decide(query):
    first = snapshot_of(query(Table([1, 2], [2, 2], "hive-hash-1:7")))
    again = snapshot_of(query(Table([2, 1], [2, 2], "spark-hash-1:9")))
    assert again.digest == first.digest
    for fingerprint, rows in (("hive-hash-1:8", [1, 2]), ("hive-hash-2:8", [1, 3])):
        result = query(Table(rows, [2, 2], fingerprint))
        assert "of its 2 rows, as many as before, some are not the same any more" in result.error.message


@pytest.mark.parametrize(("rows", "said"), [
    ([1, 2, 4], "of its 3 rows, as many as before, some are not the same any more"),
    ([1, 2], "it had 3 rows and has 2 now"),
])  # fmt: skip
def test_rows_that_changed_under_their_moment_are_refused(query, rows, said):
    snapshot_of(query(Table([1, 2, 3])))
    result = query(Table(rows))
    assert (result.error.kind, result.error.field) == ("user", "data.train.sql.query")
    assert said in result.error.message


def test_a_query_that_is_bound_to_no_moment_is_a_new_snapshot_each_time_and_marked(query):
    first, again = (snapshot_of(query(Table(rows), time_bound=False)) for rows in ([1], [2]))
    assert first.digest != again.digest
    assert (first.time_bound, again.time_bound) == (False, False)


def test_a_query_without_a_row_is_the_users_fault(query, ground: Ground):
    for table in (Table([]), Table([], counted=[0])):
        result = query(table)
        assert (result.error.kind, result.error.field) == ("user", "data.train.sql.query")
        assert "gives 0 rows" in result.error.message
    assert not ground.store.keys("indexes")


def test_a_table_that_changed_while_it_was_read_is_read_once_more(query):
    table = Table([1, 2, 3], counted=[4, 3])
    assert snapshot_of(query(table)).rows == 3
    assert table.fetched == 2


def test_a_table_that_changes_again_while_it_is_read_is_never_a_short_snapshot(query, ground: Ground):
    result = query(Table([1, 2, 3], counted=[4, 5]))
    assert result.error.kind == "user"
    assert "gave 3 rows, and its server had counted 5, twice" in result.error.message
    assert not ground.store.keys("indexes")


def test_changed_rows_of_a_real_database_are_refused_and_the_stored_snapshot_is_used(ground: Ground, tmp_path):
    file = tmp_path / "lake.sqlite"
    with sqlite3.connect(file) as database:
        database.executescript("CREATE TABLE t (x); INSERT INTO t VALUES (1), (2)")
    channel = PinnedChannel(
        source=SqlSource(connection="db", query="SELECT"),
        as_of=AS_OF,
        query=BoundQuery(statement="SELECT x FROM t", time_bound=True),
        database_file=str(file),
    )
    secrets = StageSecrets(databases={"db": DatabaseLogin(kind="sqlite", database=str(file))})

    def extract(try_number: int, stored: str | None = None) -> StageResult:
        request = ground.request("extract", try_number=try_number)
        data = {"train": channel.model_copy(update={"stored": stored})}
        return ground.run(request.model_copy(update={"spec": request.spec.model_copy(update={"data": data})}), secrets)

    first = snapshot_of(extract(1))
    with sqlite3.connect(file) as database:
        database.execute("UPDATE t SET x = 3 WHERE x = 2")
    assert "of its 2 rows, as many as before, some are not the same" in extract(2).error.message
    reproduced = extract(3, first.document)
    assert snapshot_of(reproduced).digest == first.digest
    assert "some are not the same any more" in snapshot_of(reproduced).moved


def test_an_etag_says_more_than_a_time():
    one = SourceObject(path="a", size=1, modified_at=EARLIER, etag="1", version="v1")
    copied = one.model_copy(update={"modified_at": AS_OF, "version": "v2"})
    other = copied.model_copy(update={"etag": "2"})
    assert difference(SourceState(objects=(one,)), SourceState(objects=(copied,))) is None
    assert "ETag 1, version v1, now 1 bytes, of 2026-02-01" in difference(
        SourceState(objects=(one,)), SourceState(objects=(other,))
    )


def test_columns_that_changed_are_named():
    columns = (Column(name="x", type="int64"), Column(name="y", type="string"))
    before = DatasetSnapshot(
        source=SqlSource(connection="db", query="q"), as_of=AS_OF, files=(), rows=1, columns=columns
    )
    after = before.model_copy(update={"columns": (Column(name="x", type="double"), Column(name="z", type="string"))})
    assert content_difference(before, after).endswith("of its columns y is gone, z is new, x was int64 and is double")


def test_rows_of_any_type_are_compared_whatever_their_order(ground: Ground, tmp_path):
    table = pa.table({
        "when": pa.array([EARLIER, AS_OF, None], pa.timestamp("us", "UTC")), "day": pa.array([1, 2, 3], pa.date32()),
        "raw": [b"\xff", None, b""], "list": [[1], None, []], "flag": [True, None, False],
        "word": pa.array(["a", "b", "a"]).dictionary_encode(), "price": pa.array([1, 2, 3]).cast(pa.decimal128(25, 2)),
    })  # fmt: skip

    def total(rows: pa.Table) -> int:
        pq.write_table(rows, tmp_path / "t.parquet")
        return sum_of_rows(ground.store, (ground.store.put_file(tmp_path / "t.parquet"),), tmp_path)

    assert total(table) == total(table.take([2, 0, 1]))
    assert total(table) != total(table.take([2, 0, 0]))
