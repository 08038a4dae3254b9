from __future__ import annotations

import hashlib
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from verbatim.errors import ContractError, NotFound, PlatformFault
from verbatim.metrics import MetricPoint
from verbatim.stage import S3Credentials
from verbatim.store import LiveReader, LiveWriter, Store, layout, open_object_store
from verbatim.store.live import SEGMENT_BYTES
from verbatim.store.store import CHUNK_BYTES, MAX_PARTS, PART_BYTES, part_size
from verbatim.store.transfer import Download, Truncated

if TYPE_CHECKING:
    from conftest import S3Server

POINT = MetricPoint(name="loss", value=0.5, time=1.0, source="text")
OTHER = POINT.model_copy(update={"value": 0.6})


@pytest.fixture(params=["directory", pytest.param("s3", marks=pytest.mark.s3)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of either kind."""
    if request.param == "directory":
        return Store(f"file://{tmp_path}/with%20space/store")
    server = request.getfixturevalue("s3_server")
    bucket = server.make_bucket(tmp_path.name.replace("_", "-").lower())
    credentials = S3Credentials(
        access_key_id=server.access_key, secret_access_key=server.secret_key, endpoint_url=server.endpoint_url
    )
    return Store(f"{bucket}/verbatim", credentials)


@pytest.mark.parametrize("size", [0, 10, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_a_file_comes_back_by_its_digest(store: Store, tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    (tmp_path / "model.bin").write_bytes(content[:size])
    ref = store.put_file(tmp_path / "model.bin", "weights/model.bin")
    assert (ref.path, ref.size, ref.sha256) == ("weights/model.bin", size, hashlib.sha256(content[:size]).hexdigest())
    store.fetch_blob(ref.sha256, tmp_path / "deep/back.bin")
    assert (tmp_path / "deep/back.bin").read_bytes() == content[:size]


def test_a_large_file_tells_how_much_of_it_was_sent_and_nothing_where_it_is_there(store: Store, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"x" * (3 * CHUNK_BYTES + 7))
    sent: list[int] = []
    store.put_file(tmp_path / "model.bin", on_sent=sent.append)
    assert sum(sent) == 3 * CHUNK_BYTES + 7
    sent.clear()
    store.put_file(tmp_path / "model.bin", "other", sent.append)
    assert sent == []


def test_parts_grow_where_their_number_would_pass_the_limit_of_s3() -> None:
    assert part_size(10**9) == PART_BYTES
    terabyte = 10**12
    assert part_size(terabyte) * MAX_PARTS >= terabyte > (part_size(terabyte) - 1) * MAX_PARTS


def test_the_same_content_is_stored_once(store: Store, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"same")
    refs = {store.put_file(tmp_path / "x", name).sha256 for name in "ab"} | {store.put_bytes(b"same", "c").sha256}
    assert store.keys("blobs") == [layout.blob(digest) for digest in refs]


def test_a_file_that_changes_while_it_is_stored_leaves_no_blob(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "growing"
    path.write_bytes(b"x" * (CHUNK_BYTES + 1))
    exists = store.exists

    def change_then_look(key: str) -> bool:
        path.write_bytes(b"y" * (CHUNK_BYTES + 1))
        return exists(key)

    monkeypatch.setattr(store, "exists", change_then_look)
    with pytest.raises(PlatformFault, match="growing changed"):
        store.put_file(path)
    assert store.keys("blobs") == []


def test_a_finished_file_is_taken_and_gone(store: Store, tmp_path: Path) -> None:
    content = b"data" * CHUNK_BYTES
    digest = hashlib.sha256(content).hexdigest()
    for name in ("first", "again"):
        (tmp_path / name).write_bytes(content)
        ref = store.take_file(tmp_path / name, f"data/{name}", digest)
        assert (ref.path, ref.size, ref.sha256) == (f"data/{name}", len(content), digest)
        assert not (tmp_path / name).exists()
    assert store.keys("blobs") == [layout.blob(digest)]
    store.fetch_blob(digest, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content


def test_a_local_store_takes_a_file_of_its_file_system_without_copying_it(tmp_path: Path) -> None:
    store = Store(f"file://{tmp_path}/store")
    (tmp_path / "data").write_bytes(b"x")
    inode = (tmp_path / "data").stat().st_ino
    digest = hashlib.sha256(b"x").hexdigest()
    store.take_file(tmp_path / "data", "data", digest)
    assert (tmp_path / "store" / layout.blob(digest)).stat().st_ino == inode


def test_a_local_store_takes_a_file_of_another_file_system_too(tmp_path: Path) -> None:
    store = Store(f"file://{tmp_path}/store")
    with tempfile.NamedTemporaryFile(dir="/dev/shm", delete=False) as file:
        file.write(b"x")
    digest = hashlib.sha256(b"x").hexdigest()
    store.take_file(Path(file.name), "data", digest)
    assert not Path(file.name).exists()
    assert store.get_blob(digest) == b"x"
    assert store.keys("blobs") == [layout.blob(digest)]


@pytest.mark.s3
def test_an_object_that_is_shorter_than_it_was_is_not_written_as_if_it_were_whole(
    s3_server: S3Server, tmp_path: Path
) -> None:
    name = s3_server.make_bucket("short-objects").removeprefix("s3://")
    s3_server.client().put_object(Bucket=name, Key="a", Body=b"x" * 10)
    credentials = S3Credentials(
        access_key_id=s3_server.access_key, secret_access_key=s3_server.secret_key, endpoint_url=s3_server.endpoint_url
    )
    download = Download(open_object_store(f"s3://{name}", credentials))
    with (tmp_path / "a").open("wb") as out, pytest.raises(Truncated, match="10 bytes came instead of 11"):
        download.write("a", 11, out.fileno(), [])


def test_a_damaged_blob_never_appears_at_its_path(store: Store, tmp_path: Path) -> None:
    digest = store.put_bytes(b"right", "x").sha256
    store.overwrite(layout.blob(digest), b"wrong")
    with pytest.raises(PlatformFault, match="damaged"):
        store.fetch_blob(digest, tmp_path / "out/x")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_document_is_published_once(store: Store) -> None:
    store.publish("runs/r/spec.json", POINT)
    store.publish("runs/r/spec.json", POINT)
    with pytest.raises(PlatformFault, match="never rewritten"):
        store.publish("runs/r/spec.json", OTHER)
    assert store.read("runs/r/spec.json", MetricPoint) == POINT


def test_of_two_who_publish_at_once_one_wins_and_the_other_is_told(store: Store) -> None:
    told: list[str] = []

    def publish(document: MetricPoint) -> None:
        try:
            store.publish("runs/r/manifest.json", document)
        except PlatformFault as error:
            told.append(str(error))

    documents = [POINT.model_copy(update={"value": float(number)}) for number in range(8)]
    threads = [threading.Thread(target=publish, args=(document,)) for document in documents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 7
    assert store.read("runs/r/manifest.json", MetricPoint) in documents


def test_what_is_not_there_is_not_found(store: Store, tmp_path: Path) -> None:
    assert not store.exists("runs/none/spec.json")
    assert store.keys("runs/none") == []
    for call in (
        lambda: store.read("runs/none/spec.json", MetricPoint),
        lambda: store.size("runs/none/spec.json"),
        lambda: store.get_blob("0" * 64),
        lambda: store.fetch_blob("0" * 64, tmp_path / "x"),
    ):
        with pytest.raises(NotFound, match="is not in the store"):
            call()


def test_a_garbled_document_is_a_contract_error(store: Store) -> None:
    store.overwrite("runs/r/spec.json", b'{"name": "lo')
    with pytest.raises(ContractError, match=r"runs/r/spec\.json"):
        store.read("runs/r/spec.json", MetricPoint)


def test_a_prefix_is_a_whole_path_segment(store: Store) -> None:
    for key in ("runs/a/1.json", "runs/ab/1.json", "runs/a/b/2.json"):
        store.overwrite(key, b"x")
    assert store.keys("runs/a") == ["runs/a/1.json", "runs/a/b/2.json"]


@pytest.mark.parametrize("url", ["ftp://x/", "/plain/path", "file:///proc/nowhere/store"])
def test_a_store_that_cannot_be_opened_is_a_platform_fault(url: str) -> None:
    with pytest.raises(PlatformFault):
        Store(url)


def test_a_store_that_does_not_answer_is_a_platform_fault_without_the_secret() -> None:
    credentials = S3Credentials(access_key_id="id", secret_access_key="geheim", endpoint_url="http://127.0.0.1:1")
    with pytest.raises(PlatformFault, match="does not answer") as raised:
        Store("s3://bucket/prefix", credentials).exists("x")
    assert "geheim" not in str(raised.value)


def lines_of(reader: LiveReader) -> list[bytes]:
    return b"".join(reader.read_new()).splitlines()


def test_a_follower_reads_each_line_once_as_it_comes(store: Store) -> None:
    prefix = layout.log_prefix("r", "train")
    writer, reader = LiveWriter(store, prefix, 1, "log"), LiveReader(store, prefix)
    assert lines_of(reader) == []
    writer.write(b"one\ntwo\nthr")
    assert lines_of(reader) == [], "nothing shows before it is flushed"
    writer.flush()
    assert lines_of(reader) == [b"one", b"two"]
    writer.write(b"ee\n")
    writer.flush()
    writer.flush()
    assert lines_of(reader) == [b"three"]
    assert lines_of(reader) == []


def test_a_long_stream_is_read_whole_from_the_start_and_while_it_grows(store: Store) -> None:
    prefix = layout.metrics_prefix("r")
    writer, follower = LiveWriter(store, prefix, 1, "jsonl"), LiveReader(store, prefix)
    followed: list[bytes] = []
    lines = [f"{number:06d} {'x' * 500}".encode() for number in range(3 * SEGMENT_BYTES // 500)]
    for number, line in enumerate(lines):
        for part in (line[:100], line[100:] + b"\n"):
            writer.write(part)
        if number % 200 == 0:
            writer.flush()
            followed += lines_of(follower)
    writer.flush()
    followed += lines_of(follower)
    assert followed == lines
    assert lines_of(LiveReader(store, prefix)) == lines
    assert len(store.keys(prefix)) >= 3
    assert all(store.read_bytes(key).endswith(b"\n") for key in store.keys(prefix))


def test_a_second_try_follows_the_first_which_died_within_a_line(store: Store) -> None:
    prefix = layout.log_prefix("r", "train")
    reader = LiveReader(store, prefix)
    first = LiveWriter(store, prefix, 1, "log")
    first.write(b"one\nbro")
    first.flush()
    assert lines_of(reader) == [b"one"]
    second = LiveWriter(store, prefix, 2, "log")
    second.write(b"two\n")
    second.flush()
    assert lines_of(reader) == [b"bro", b"two"]


def test_a_local_store_is_its_owners_alone_also_where_the_directory_was_there(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir(mode=0o755)
    for name in ("old", "new"):
        Store(f"file://{tmp_path}/{name}")
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o700
