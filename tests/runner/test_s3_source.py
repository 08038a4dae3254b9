"""Data in S3: versions as of a moment, and what happens to objects while they are on their way.

moto's server runs in this process, so that a test can say when each version was written.
"""

from __future__ import annotations

import hashlib
import socket
import threading
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from verbatim.channels import S3Source
from verbatim.errors import PlatformFault, UserFault
from verbatim.snapshot import DatasetSnapshot
from verbatim.stage import ExtractOutputs, S3Credentials, StageSecrets
from verbatim.store.transfer import PART_BYTES
from verbatim_runner.sources.data.s3.checksums import MD5_BYTES
from verbatim_runner.sources.data.s3.source import S3Data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import S3Server

pytestmark = [pytest.mark.s3, pytest.mark.filterwarnings("error")]

FIELD = "data.train.s3.uri"
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


class Lake:
    """A bucket of the test's own, in which it says when each thing was written."""

    def __init__(self, server: S3Server) -> None:
        self.server = server
        self.name = f"lake-{uuid4().hex}"
        self.client = server.client()
        self.client.create_bucket(Bucket=self.name)

    def version(self, status: str = "Enabled") -> None:
        self.client.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": status})

    def put(self, key: str, body: bytes, at: datetime, **more: Any) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=body, **more)
        self._written(key, at)

    def delete(self, key: str, at: datetime) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)
        self._written(key, at)

    def source(self, path: str = "", as_of: datetime = NOON, *, endpoint: str | None = None) -> S3Data:
        source = S3Source(uri=f"s3://{self.name}/{path}", connection="lake")
        return S3Data(source, as_of, self.credentials(endpoint), field=FIELD)

    def credentials(self, endpoint: str | None = None) -> S3Credentials:
        return S3Credentials(
            access_key_id=self.server.access_key, secret_access_key=self.server.secret_key,
            endpoint_url=endpoint or self.server.endpoint_url,
        )  # fmt: skip

    def _written(self, key: str, at: datetime) -> None:
        from moto.backends import get_backend

        versions = get_backend("s3")["123456789012"]["aws"].buckets[self.name].keys.getlist(key)
        if versions:  # what is deleted in an unversioned bucket is gone
            versions[-1].last_modified = at.replace(tzinfo=None)


@pytest.fixture
def lake(s3_server: S3Server) -> Lake:
    return Lake(s3_server)


class Sink:
    """Takes objects as files, one after the other."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.content: dict[str, bytes] = {}
        self.told = 0

    def take_objects(self, objects, copy) -> None:
        for number, item in enumerate(objects):
            target = self.directory / str(number)
            digest = copy(item, target, self._tell)
            self.content[item.path] = target.read_bytes()
            assert digest == hashlib.sha256(self.content[item.path]).hexdigest()

    def _tell(self, size: int) -> None:
        self.told += size


@pytest.fixture
def read(tmp_path: Path) -> Callable[[S3Data], dict[str, bytes]]:
    def read_all(source: S3Data) -> dict[str, bytes]:
        sink = Sink(tmp_path)
        source.fetch(source.state(), sink)
        assert sink.told == sum(map(len, sink.content.values()))
        return sink.content

    return read_all


def second(number: float) -> datetime:
    """A moment before noon."""
    return NOON - timedelta(minutes=1) + timedelta(seconds=number)


def test_what_comes_after_the_moment_does_not_change_what_a_versioned_bucket_gives(lake, read):
    lake.version()
    lake.put("churn/kept.csv", b"kept", second(0))
    lake.put("churn/overwritten.csv", b"first", second(1))
    lake.put("churn/overwritten.csv", b"second", second(2))
    lake.put("churn/deleted.csv", b"was there", second(3))
    lake.put("churn/gone.csv", b"not any more", second(4))
    lake.delete("churn/gone.csv", second(5))
    before = lake.source("churn/").state()
    contents = read(lake.source("churn/"))
    assert contents == {"kept.csv": b"kept", "overwritten.csv": b"second", "deleted.csv": b"was there"}
    lake.put("churn/overwritten.csv", b"third", NOON + timedelta(hours=1))
    lake.delete("churn/deleted.csv", NOON + timedelta(hours=2))
    lake.put("churn/gone.csv", b"back again", NOON + timedelta(hours=3))
    lake.put("churn/new.csv", b"new", NOON + timedelta(hours=4))
    assert lake.source("churn/").state() == before
    assert read(lake.source("churn/")) == contents
    assert all(item.version for item in before.objects)
    assert read(lake.source("churn/", second(1)))["overwritten.csv"] == b"first"
    assert read(lake.source("churn/overwritten.csv", second(1))) == {"overwritten.csv": b"first"}


def test_objects_that_are_older_than_the_buckets_versioning_are_read_too(lake, read):
    lake.put("a.csv", b"before", second(0))
    lake.version()
    lake.put("a.csv", b"after", second(1))
    assert read(lake.source("", second(0))) == {"a.csv": b"before"}
    assert read(lake.source("", second(1))) == {"a.csv": b"after"}


def test_while_versioning_is_suspended_the_versions_before_are_still_there(lake, read):
    lake.version()
    lake.put("a.csv", b"first", second(0))
    lake.put("a.csv", b"second", second(1))
    lake.version("Suspended")
    lake.put("b.csv", b"not versioned", second(5))
    assert read(lake.source("", second(0))) == {"a.csv": b"first"}
    assert read(lake.source()) == {"a.csv": b"second", "b.csv": b"not versioned"}


def test_a_moment_is_its_whole_second(lake, read):
    lake.version()
    lake.put("a.csv", b"early", second(0))
    lake.put("a.csv", b"late", second(1))
    assert read(lake.source("", second(0.999))) == {"a.csv": b"early"}
    assert read(lake.source("", second(1))) == {"a.csv": b"late"}


def test_the_order_of_a_write_and_a_deletion_in_one_second_is_not_guessed(lake, read):
    lake.version()
    lake.put("a.csv", b"x", second(1))
    lake.delete("a.csv", second(1.2))
    lake.put("b.csv", b"y", second(1))
    lake.put("a.csv", b"z", NOON + timedelta(hours=1))
    with pytest.raises(UserFault, match=r"a\.csv was written and deleted in the same second"):
        lake.source().state()
    assert set(read(lake.source("", NOON + timedelta(hours=1)))) == {"a.csv", "b.csv"}


@pytest.mark.parametrize(("deleted_at", "as_of", "says"), [
    (second(1), NOON, "all 1 objects had been deleted as of 2024-05-01T12:00:00"),
    (None, NOON - timedelta(days=1), "its objects \\("),
])  # fmt: skip
def test_nothing_as_of_the_moment_is_the_users_fault(lake, deleted_at, as_of, says):
    lake.version()
    lake.put("churn/a.csv", b"x", second(0))
    if deleted_at:
        lake.delete("churn/a.csv", deleted_at)
    with pytest.raises(UserFault, match=says) as raised:
        lake.source("churn/", as_of).state()
    assert raised.value.field == FIELD


def test_more_versions_than_a_page_holds_are_all_seen(lake, monkeypatch):
    from moto import settings

    monkeypatch.setattr(settings, "get_s3_default_max_keys", lambda: 7)
    lake.version()
    for number in range(20):
        lake.put(f"churn/{number:02}", b"old", second(0))
        lake.put(f"churn/{number:02}", b"newer", second(1))
    objects = lake.source("churn/", second(0)).state().objects
    assert [(item.path, item.size) for item in objects] == [(f"{number:02}", 3) for number in range(20)]


def test_in_an_unversioned_bucket_objects_count_that_are_not_newer(lake, read):
    lake.put("churn/old.csv", b"old", second(0))
    lake.put("churn/new.csv", b"new", NOON + timedelta(seconds=1))
    lake.put("churn2/other.csv", b"of another prefix", second(0))
    [item] = lake.source("churn/").state().objects
    assert (item.path, item.version, item.etag) == ("old.csv", None, hashlib.md5(b"old").hexdigest())
    assert read(lake.source("churn")) == {"old.csv": b"old"}


@pytest.mark.parametrize("key", ["churn/../secret", "churn//a.csv", "churn/./a.csv", "churn/a\tb.csv", "churn//"])
def test_a_key_that_no_file_can_have_is_refused(lake, key):
    lake.put(key, b"x", second(0))
    with pytest.raises(UserFault, match="cannot be a file"):
        lake.source("churn/").state()


def test_a_key_with_a_leading_slash_is_refused(lake):
    lake.put("/etc/passwd", b"x", second(0))
    with pytest.raises(UserFault, match="'/etc/passwd' cannot be a file"):
        lake.source().state()


def test_an_object_that_is_also_a_directory_is_refused_and_an_empty_marker_is_not(lake, read):
    lake.put("churn/day=1", b"", second(0))
    lake.put("churn/day=1/a.csv", b"x", second(0))
    lake.put("churn/day=2/", b"", second(0))
    assert read(lake.source("churn/")) == {"day=1/a.csv": b"x"}
    lake.put("churn/day=1", b"data", second(1))
    with pytest.raises(UserFault, match="'churn/day=1' cannot be a file: other objects lie below it"):
        lake.source("churn/").state()


@pytest.mark.parametrize("versioned", [True, False])
def test_an_object_that_is_replaced_while_it_is_read_is_never_mixed(lake, tmp_path, versioned):
    """A version stays what it is; without versions, the snapshot fails."""
    if versioned:
        lake.version()
    size = 3 * PART_BYTES
    lake.put("big.bin", b"a" * size, second(0))
    source = lake.source()
    state = source.state()
    lake.put("big.bin", b"b" * size, second(1))
    sink = Sink(tmp_path)
    if versioned:
        source.fetch(state, sink)
        assert sink.content == {"big.bin": b"a" * size}
    else:
        with pytest.raises(UserFault, match="changed while it was read"):
            source.fetch(state, sink)


def test_an_object_that_is_deleted_before_it_is_read_has_changed(lake, tmp_path):
    lake.put("a.csv", b"x", second(0))
    source = lake.source()
    state = source.state()
    lake.delete("a.csv", second(1))
    with pytest.raises(UserFault, match="changed while it was read"):
        source.fetch(state, Sink(tmp_path))


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA256", "SHA1", "CRC64NVME"])
def test_a_checksum_that_the_server_keeps_is_what_a_large_object_is_verified_by(lake, read, monkeypatch, algorithm):
    monkeypatch.setattr("verbatim_runner.sources.data.s3.checksums.MD5_BYTES", 0)
    body = bytes(range(256)) * 70_000
    lake.put("big.bin", body, second(0), ChecksumAlgorithm=algorithm)
    source = lake.source()
    checksum = source._checksum("big.bin", source.state().objects[0])
    assert checksum is not None
    assert checksum.kind == algorithm
    assert read(source) == {"big.bin": body}
    assert len(body) < MD5_BYTES


class Proxy:
    """Passes connections on to a server, and does to what comes back what a bad network does.

    Args:
        endpoint: The server's.
        spoil: Is given each chunk and how many bytes went before it over that connection; returns what goes on, or None
            to cut the connection.
    """

    def __init__(self, endpoint: str, spoil: Callable[[bytes, int], bytes | None]) -> None:
        parts = urlsplit(endpoint)
        self._server = (parts.hostname, parts.port)
        self._spoil = spoil
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.spoiled = 0

    def serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._server)
            for pump in (self._up, self._down):
                threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with closing(server):
            try:
                while chunk := client.recv(65536):
                    server.sendall(chunk)
            except OSError:
                pass

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        passed = 0
        with closing(client):
            try:
                while chunk := server.recv(65536):
                    kept = self._spoil(chunk, passed)
                    passed += len(chunk)
                    self.spoiled += kept != chunk
                    if kept is None:
                        client.shutdown(socket.SHUT_RDWR)
                        return
                    client.sendall(kept)
            except OSError:
                pass


@contextmanager
def proxied(endpoint: str, spoil: Callable[[bytes, int], bytes | None]) -> Iterator[Proxy]:
    proxy = Proxy(endpoint, spoil)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    yield proxy
    proxy.close()
    thread.join()


def test_a_download_goes_on_from_where_its_connection_broke(lake, read):
    body = bytes(range(251)) * 80_000
    lake.put("big.bin", body, second(0))
    cuts = iter(range(3))
    with proxied(
        lake.server.endpoint_url,
        lambda chunk, passed: None if passed > 2_000_000 and next(cuts, None) is not None else chunk,
    ) as proxy:
        assert read(lake.source(endpoint=proxy.endpoint)) == {"big.bin": body}
        assert proxy.spoiled == 3


def test_what_comes_damaged_is_asked_for_again_and_stored_whole(lake, read):
    body = b"x" * 1_000_000
    lake.put("a.bin", body, second(0))
    once = iter([True])
    with proxied(
        lake.server.endpoint_url,
        lambda chunk, passed: b"y" * len(chunk) if passed > 500_000 and next(once, False) else chunk,
    ) as proxy:
        assert read(lake.source(endpoint=proxy.endpoint)) == {"a.bin": body}
        assert proxy.spoiled == 1


def test_what_always_comes_damaged_is_the_platforms_fault_and_nothing_is_stored(lake, ground):
    lake.put("a.bin", b"x" * 1_000_000, second(0))
    with proxied(
        lake.server.endpoint_url, lambda chunk, passed: b"y" * len(chunk) if passed > 500_000 else chunk
    ) as proxy:
        secrets = StageSecrets(connections={"lake": lake.credentials(proxy.endpoint)})
        conf = {"data": {"train": {"s3": {"uri": f"s3://{lake.name}/", "connection": "lake"}}}}
        result = ground.run(ground.request("extract", conf), secrets)
    assert result.error.kind == "platform"
    assert "a.bin came damaged" in result.error.message
    assert ground.store.keys("blobs") == []


def test_versions_are_recorded_in_the_snapshot(lake, ground):
    lake.version()
    lake.put("churn/a.csv", b"x\n1\n", second(0))
    conf = {"data": {"train": {"s3": {"uri": f"s3://{lake.name}/churn/", "connection": "lake"}}}}
    result = ground.run(
        ground.request("extract", {**conf, "as_of": NOON.isoformat()}),
        StageSecrets(connections={"lake": lake.credentials()}),
    )
    assert isinstance(result.outputs, ExtractOutputs), result
    document = DatasetSnapshot.parse(
        ground.store.get_blob(result.outputs.snapshots["train"].document), source="the test"
    )
    [version] = lake.client.list_object_versions(Bucket=lake.name)["Versions"]
    assert document.objects[0].version == version["VersionId"]


def test_a_server_that_is_busy_is_asked_again(lake, read):
    lake.put("a.csv", b"x", second(0))
    busy = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    answers = iter([busy, busy])
    with proxied(lake.server.endpoint_url, lambda chunk, passed: next(answers, chunk)) as proxy:
        assert read(lake.source(endpoint=proxy.endpoint)) == {"a.csv": b"x"}
        assert proxy.spoiled == 2


def test_a_wrong_bucket_or_key_of_the_connection_says_so_without_the_secret(lake):
    source = S3Data(S3Source(uri="s3://no-such-bucket-here/", connection="lake"), NOON, lake.credentials(), field=FIELD)
    with pytest.raises(UserFault, match="no such bucket"):
        source.state()
    nobody = lake.credentials("http://127.0.0.1:9")
    source = S3Data(S3Source(uri="s3://lake/", connection="lake"), NOON, nobody, field=FIELD)
    with pytest.raises(PlatformFault, match="does not answer") as raised:
        source.state()
    assert lake.server.secret_key not in str(raised.value)
