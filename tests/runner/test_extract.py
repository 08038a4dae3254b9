"""extract, from files and from a real S3 server."""

from __future__ import annotations

import gzip
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runner.conftest import MOMENT, files_up_to

from verbatim.channels import S3Source
from verbatim.errors import UserFault
from verbatim.snapshot import DatasetSnapshot, Quarantine
from verbatim.stage import ExtractOutputs, S3Credentials, SnapshotRef, StageSecrets
from verbatim.store import layout
from verbatim_runner.sources.data.files import FileData
from verbatim_runner.sources.data.s3.source import S3Data
from verbatim_runner.sources.snapshots.rows import read_facts
from verbatim_runner.sources.snapshots.sink import StoreSink
from verbatim_runner.sources.workspace import place_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from runner.conftest import Ground

    from verbatim.documents import Document

pytestmark = pytest.mark.filterwarnings("error")


def snapshot_of(result: Document, channel: str = "train") -> SnapshotRef:
    outputs = result.outputs  # type: ignore[attr-defined]
    assert isinstance(outputs, ExtractOutputs), result
    return outputs.snapshots[channel]


def document_of(ground: Ground, snapshot: SnapshotRef) -> DatasetSnapshot:
    return DatasetSnapshot.parse(ground.store.get_blob(snapshot.document), source="test")


def file_conf(directory: Path, **conf: object) -> dict:
    return {"data": {"train": {"file": {"uri": f"file://{directory}/"}}}, **conf}


def test_files_become_a_sorted_snapshot_with_rows(ground, write_tree):
    lake = write_tree({"day=2/b.csv": "x,y\n1,2\n3,4\n", "day=1/a.jsonl": '{"x": 1}\n\n{"x": 2}\n', "_SUCCESS": ""})
    pq.write_table(pa.table({"x": [1, 2, 3]}), lake / "c.parquet")
    snapshot = snapshot_of(ground.run(ground.request("extract", file_conf(lake))))
    document = DatasetSnapshot.parse(ground.store.get_blob(snapshot.document), source="test")
    assert [file.path for file in document.files] == ["_SUCCESS", "c.parquet", "day=1/a.jsonl", "day=2/b.csv"]
    assert (snapshot.rows, snapshot.files, snapshot.reused) == (7, 4, False)
    assert [item.path for item in document.objects] == [file.path for file in document.files]


@pytest.mark.parametrize(("content", "rows"), [
    ("x,y\n" + "1,a\n" * 400_000 + "2.5,b\n", 400_001),
    ('x,y\n1,"two\nlines"\n', 1),
    ("x\n", 0),
    ("x,y\n1,2,3\n", None),
    ("", None),
])  # fmt: skip
def test_the_rows_of_a_csv_file_are_its_records(tmp_path, content, rows):
    (tmp_path / "a.csv").write_text(content)
    assert read_facts(tmp_path / "a.csv", "a.csv", "lake", field="data.train.file.uri").rows == rows


def test_an_unchanged_source_is_not_read_again(ground, write_tree):
    lake = write_tree({"a.csv": "x\n1\n"})
    first = snapshot_of(ground.run(ground.request("extract", file_conf(lake))))
    again = snapshot_of(ground.run(ground.request("extract", file_conf(lake), try_number=2)))
    assert again.reused
    assert again.digest == first.digest
    (lake / "b.csv").write_text("x\n2\n")
    grown = snapshot_of(ground.run(ground.request("extract", file_conf(lake), try_number=3)))
    assert (grown.reused, grown.rows) == (False, 2)


def test_files_newer_than_as_of_do_not_count(ground, write_tree):
    lake = write_tree({"old.csv": "x\n1\n", "new.csv": "x\n1\n2\n"})
    os.utime(lake / "old.csv", (0, datetime(2020, 1, 1, tzinfo=UTC).timestamp()))
    snapshot = snapshot_of(ground.run(ground.request("extract", file_conf(lake, as_of="2021-01-01T00:00:00Z"))))
    assert (snapshot.files, snapshot.rows) == (1, 1)


def test_one_file_is_a_channel_too(ground, write_tree):
    lake = write_tree({"only.csv": "x\n1\n", "other.csv": "x\n1\n"})
    conf = {"data": {"train": {"file": {"uri": f"file://{lake}/only.csv"}}}}
    request = ground.request("extract", conf)
    snapshot = snapshot_of(ground.run(request))
    target = ground.root / "channel"
    place_snapshot(ground.context(request), snapshot, target)
    assert [path.name for path in target.iterdir()] == ["only.csv"]
    assert (target / "only.csv").stat().st_mode & 0o777 == 0o444


@pytest.mark.parametrize(("name", "content", "said"), [
    ("a.parquet", b"", "is empty"),
    ("a.parquet", b"PAR1 and then the writer died", "cannot be read as Parquet"),
    ("a.csv.gz", gzip.compress(b"x\n" + os.urandom(9999).hex().encode())[:-99], "no whole gzip file"),
    ("a.jsonl.gz", b'{"x": 1}\n', "no whole gzip file"),
])  # fmt: skip
def test_a_damaged_file_is_named_and_nothing_is_stored(ground, write_tree, name, content, said):
    lake = write_tree({"b.txt": "fine"})
    (lake / name).write_bytes(content)
    result = ground.run(ground.request("extract", file_conf(lake)))
    assert (result.error.kind, result.error.field) == ("user", "data.train.file.uri")
    assert f"{name} " in result.error.message
    assert said in result.error.message
    stored = [ground.store.get_blob(key.rpartition("/")[2]) for key in ground.store.keys("blobs")]
    assert content not in stored
    assert not ground.store.keys("indexes")


def test_a_parquet_file_that_was_cut_off_is_named(ground, write_tree):
    lake = write_tree({})
    pq.write_table(pa.table({"x": range(10_000)}), lake / "part.parquet")
    os.truncate(lake / "part.parquet", (lake / "part.parquet").stat().st_size - 8)
    result = ground.run(ground.request("extract", file_conf(lake)))
    assert "part.parquet" in result.error.message
    assert "cannot be read as Parquet" in result.error.message


def test_the_columns_of_parquet_files_of_one_schema_are_known(ground, write_tree):
    lake = write_tree({"_SUCCESS": ""})
    for part in range(2):
        pq.write_table(pa.table({"x": [part], "y": ["a"]}), lake / f"{part}.parquet")
    document = document_of(ground, snapshot_of(ground.run(ground.request("extract", file_conf(lake)))))
    assert [(column.name, column.type) for column in document.columns] == [("x", "int64"), ("y", "string")]
    pq.write_table(pa.table({"x": [1.5]}), lake / "2.parquet")
    result = ground.run(ground.request("extract", file_conf(lake), try_number=2))
    assert document_of(ground, snapshot_of(result)).columns is None


def test_files_without_a_row_are_a_warning(ground, write_tree):
    result = ground.run(ground.request("extract", file_conf(write_tree({"a.csv": "x\n"}))))
    assert snapshot_of(result).rows == 0
    assert result.warnings == ("train: the files hold no rows",)


def test_a_snapshot_that_lost_a_file_is_taken_anew(ground, write_tree):
    lake = write_tree({"a.csv": "x\n1\n"})
    first = snapshot_of(ground.run(ground.request("extract", file_conf(lake))))
    lost = document_of(ground, first).files[0].sha256
    (ground.store.local_root / layout.blob(lost)).unlink()
    again = snapshot_of(ground.run(ground.request("extract", file_conf(lake), try_number=2)))
    assert (again.reused, again.digest) == (False, first.digest)
    assert ground.store.exists(layout.blob(lost))


def test_a_snapshot_in_quarantine_is_not_used_again(ground, write_tree, capfd):
    lake = write_tree({"a.csv": "x\n1\n"})
    first = snapshot_of(ground.run(ground.request("extract", file_conf(lake))))
    note = Quarantine(suite="train.json", channel="train", run_id="churn-1", at=MOMENT, failed=("x is not null",))
    ground.store.overwrite(layout.quarantine(first.digest), note.canonical())
    again = snapshot_of(ground.run(ground.request("extract", file_conf(lake), try_number=2)))
    assert (again.reused, again.digest) == (False, first.digest)
    assert "did not meet train.json in the run churn-1" in capfd.readouterr().out
    lifted = note.model_copy(update={"lifted_by": "churn-2"})
    ground.store.overwrite(layout.quarantine(first.digest), lifted.canonical())
    assert snapshot_of(ground.run(ground.request("extract", file_conf(lake), try_number=3))).reused


def test_a_full_disk_is_the_platforms_fault_and_leaves_nothing(ground, write_tree):
    lake = write_tree({"a.bin": "x" * 500_000})
    request = ground.request("extract", file_conf(lake))
    with files_up_to(100_000):
        result = ground.run(request)
    assert result.error.kind == "platform"
    assert "no room" in result.error.message
    assert not ground.store.keys("indexes")
    assert not (ground.root / "work").exists()


def test_a_file_of_unknown_format_leaves_the_rows_unknown(ground, write_tree):
    assert snapshot_of(ground.run(ground.request("extract", file_conf(write_tree({"a.bin": "?"}))))).rows is None


@pytest.mark.parametrize(("files", "as_of", "said"), [
    ({}, None, "holds no data"),
    ({"a.csv": "x\n1\n"}, "2001-01-01T00:00:00Z", "nothing as old as the run's as_of"),
])  # fmt: skip
def test_nothing_to_read_is_the_users_fault_and_names_the_field(ground, write_tree, files, as_of, said):
    result = ground.run(ground.request("extract", file_conf(write_tree(files), as_of=as_of)))
    assert (result.error.kind, result.error.field) == ("user", "data.train.file.uri")
    assert said in result.error.message


def test_a_directory_that_is_not_there_is_the_users_fault(ground, tmp_path):
    result = ground.run(ground.request("extract", file_conf(tmp_path / "nowhere")))
    assert result.error.kind == "user"
    assert "nowhere" in result.error.message


def test_a_link_out_of_the_data_is_refused(ground, write_tree, tmp_path):
    lake = write_tree({"a.csv": "x\n1\n"})
    (lake / "secret.csv").symlink_to(tmp_path)
    result = ground.run(ground.request("extract", file_conf(lake)))
    assert result.error.kind == "user"
    assert "leads out" in result.error.message


def test_a_file_that_changes_while_it_is_read_is_an_error(ground, write_tree):
    lake = write_tree({"a.csv": "x\n1\n"})
    request = ground.request("extract", file_conf(lake))
    pinned = request.spec.data["train"]
    source = FileData(pinned.source, pinned.as_of, field="data.train.file.uri")
    listed = source.state()
    (lake / "a.csv").write_text("x\n1\n2\n")
    with StoreSink(ground.context(request), "train", source, None) as sink:
        with pytest.raises(UserFault, match="changed while it was read"):
            source.fetch(listed, sink)
        assert not sink.files


def test_a_file_that_becomes_a_link_out_of_the_data_is_not_read(ground, write_tree, tmp_path):
    lake, secret = write_tree({"a.csv": "x\n1\n"}), tmp_path / "secret"
    secret.write_text("s\n2\n")
    for path in (lake / "a.csv", secret):
        os.utime(path, (5, 5))
    request = ground.request("extract", file_conf(lake))
    pinned = request.spec.data["train"]
    source = FileData(pinned.source, pinned.as_of, field="data.train.file.uri")
    listed = source.state()
    (lake / "a.csv").unlink()
    (lake / "a.csv").symlink_to(secret)
    with (
        StoreSink(ground.context(request), "train", source, None) as sink,
        pytest.raises(UserFault, match="cannot be read any more"),
    ):
        source.fetch(listed, sink)
    assert not list(ground.store.keys("blobs"))


@pytest.mark.s3
class TestS3:
    @pytest.fixture
    def lake(self, s3_server, request):
        name = f"lake-{abs(hash(request.node.name)) % 10**9}"
        s3_server.make_bucket(name)
        client = s3_server.client()
        return lambda files: (
            [client.put_object(Bucket=name, Key=key, Body=body) for key, body in files.items()] and name
        )

    @pytest.fixture
    def secrets(self, s3_server):
        credentials = S3Credentials(
            access_key_id=s3_server.access_key,
            secret_access_key=s3_server.secret_key,
            endpoint_url=s3_server.endpoint_url,
        )
        return StageSecrets(connections={"s3_lake": credentials})

    @staticmethod
    def conf(uri: str) -> dict:
        return {"data": {"train": {"s3": {"uri": uri, "connection": "s3_lake"}}}}

    def test_a_prefix_becomes_a_snapshot_and_is_reused(self, ground: Ground, lake, secrets):
        bucket = lake(
            {f"churn/day={day}/part.csv": b"x\n1\n2\n" for day in range(30)} | {"churn/": b"", "other/x.csv": b"x\n1\n"}
        )
        request = ground.request("extract", self.conf(f"s3://{bucket}/churn/"))
        snapshot = snapshot_of(ground.run(request, secrets))
        assert (snapshot.files, snapshot.rows, snapshot.reused) == (30, 60, False)
        document = DatasetSnapshot.parse(ground.store.get_blob(snapshot.document), source="test")
        assert document.files[0].path == "day=0/part.csv"
        assert all(item.etag for item in document.objects)
        again = ground.request("extract", self.conf(f"s3://{bucket}/churn/"), try_number=2)
        assert snapshot_of(ground.run(again, secrets)).reused

    def test_one_object_is_a_channel_too(self, ground: Ground, lake, secrets):
        bucket = lake({"churn/a b.csv": b"x\n1\n", "churn/a b.csv.md5": b"?"})
        snapshot = snapshot_of(
            ground.run(ground.request("extract", self.conf(f"s3://{bucket}/churn/a b.csv")), secrets)
        )
        document = DatasetSnapshot.parse(ground.store.get_blob(snapshot.document), source="test")
        assert [file.path for file in document.files] == ["a b.csv"]

    def test_an_empty_prefix_names_the_field(self, ground: Ground, lake, secrets):
        bucket = lake({"other/a.csv": b"x\n1\n"})
        result = ground.run(ground.request("extract", self.conf(f"s3://{bucket}/churn/")), secrets)
        assert (result.error.kind, result.error.field) == ("user", "data.train.s3.uri")
        assert "holds no data" in result.error.message

    def test_a_bucket_that_is_not_there_is_the_users_fault(self, ground: Ground, secrets, s3_server):
        result = ground.run(ground.request("extract", self.conf("s3://nosuchbucket/churn/")), secrets)
        assert (result.error.kind, result.error.field) == ("user", "data.train.s3.uri")

    def test_an_object_that_changed_since_it_was_listed_is_an_error(self, ground: Ground, lake, secrets):
        bucket = lake({"churn/a.csv": b"x\n1\n"})
        source = S3Data(
            S3Source(uri=f"s3://{bucket}/churn/", connection="s3_lake"),
            MOMENT,
            secrets.connections["s3_lake"],
            field="data.train.s3.uri",
        )
        listed = source.state()
        lake({"churn/a.csv": b"x\n2\n"})
        request = ground.request("extract", self.conf(f"s3://{bucket}/churn/"))
        sink = StoreSink(ground.context(request), "train", source, None)
        with sink, pytest.raises(UserFault, match="changed while it was read"):
            source.fetch(listed, sink)

    def test_a_server_that_does_not_answer_is_the_platforms_fault(self, ground: Ground):
        nobody = S3Credentials(access_key_id="a", secret_access_key="b", endpoint_url="http://127.0.0.1:9")
        result = ground.run(
            ground.request("extract", self.conf("s3://lake/churn/")), StageSecrets(connections={"s3_lake": nobody})
        )
        assert result.error.kind == "platform"


def test_a_file_whose_name_is_not_utf8_is_a_fault_of_the_data(ground, write_tree):
    lake = write_tree({"a.csv": "x\n"})
    (lake / os.fsdecode(b"caf\xe9.csv")).write_text("x\n")
    result = ground.run(ground.request("extract", file_conf(lake)))
    assert (result.error.kind, result.error.field) == ("user", "data.train.file.uri")
    assert "caf\\xe9.csv" in result.error.message
