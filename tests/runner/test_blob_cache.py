"""The host's cache of data files: filled once, bounded, safe with several stages at once and after one was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from runner.conftest import Ground

from verbatim.channels import FileSource
from verbatim.documents import now, tree_digest
from verbatim.errors import PlatformFault
from verbatim.snapshot import DatasetSnapshot
from verbatim.stage import CacheLimits, S3Credentials, SnapshotRef
from verbatim.store import Store, layout
from verbatim_runner.sources.blob_cache import BlobCache
from verbatim_runner.sources.workspace import place_snapshot, place_snapshots

if TYPE_CHECKING:
    from verbatim.documents import FileRef
    from verbatim_runner.stage_context import StageContext

LIMIT = 1000


class Host:
    """One host with a small cache."""

    def __init__(self, ground: Ground, limit: int = LIMIT) -> None:
        request = ground.request("train").model_copy(update={"limits": CacheLimits(data_bytes=limit)})
        self.context: StageContext = ground.context(request)
        self.store = ground.store
        self.root = ground.cache / "data" / str(os.geteuid())

    def cache(self) -> BlobCache:
        return BlobCache(self.context)

    def put(self, content: str, size: int = 300) -> FileRef:
        return self.store.put_bytes(content.encode().ljust(size, b"."), f"{content}.csv")

    def use(self, *files: FileRef) -> list[bytes]:
        """Read files as a stage does, and end."""
        cache = self.cache()
        with cache.tree() as tree:
            cache.place({tree / file.path: file for file in files})
            return [(tree / file.path).read_bytes() for file in files]

    def lose(self, file: FileRef) -> None:
        """Take a blob away from the store."""
        assert self.store.local_root
        (self.store.local_root / layout.blob(file.sha256)).unlink()

    @property
    def kept(self) -> set[str]:
        """The digests that the cache holds."""
        return {path.name for path in self.root.glob("blobs/*/*")}

    @property
    def trees(self) -> list[Path]:
        return list(self.root.glob("trees/*"))


@pytest.fixture
def host(ground: Ground) -> Host:
    return Host(ground)


def test_a_file_is_fetched_once_and_read_only(host: Host):
    file = host.put("a")
    host.use(file)
    host.lose(file)
    cache = host.cache()
    with cache.tree() as tree:
        cache.place({tree / "x/a.csv": file})
        assert (tree / "x/a.csv").read_bytes() == b"a".ljust(300, b".")
        assert (tree / "x/a.csv").stat().st_mode & 0o777 == 0o444
    assert host.trees == []


def test_what_was_not_used_for_longest_goes_first(host: Host):
    first, second, third, fourth = (host.put(name) for name in "abcd")
    for file in (first, second, third, first, fourth):
        host.use(file)
    assert host.kept == {first.sha256, third.sha256, fourth.sha256}


def test_what_a_stage_reads_is_neither_evicted_nor_broken(host: Host):
    files = [host.put(name) for name in "abcdef"]
    cache = host.cache()
    with cache.tree() as tree:
        cache.place({tree / file.path: file for file in files})
        host.use(host.put("other"))
        assert {file.sha256 for file in files} <= host.kept
        assert [len((tree / file.path).read_bytes()) for file in files] == [300] * 6
    assert len(host.kept) == 3


def test_room_is_made_before_a_file_comes(host: Host):
    host.use(*(host.put(name) for name in "abc"))
    cache = host.cache()
    with cache.tree() as tree:
        cache.place({tree / "large": host.put("large", 900)})
        assert len(host.kept) == 1


def test_a_limit_of_nothing_keeps_nothing(ground: Ground):
    host = Host(ground, limit=0)
    assert host.use(host.put("a")) == [b"a".ljust(300, b".")]
    assert host.kept == set()


def test_a_blob_that_lost_its_end_is_fetched_again(host: Host):
    file = host.put("a")
    host.use(file)
    blob = next(host.root.glob("blobs/*/*"))
    blob.chmod(0o644)
    blob.write_bytes(b"")
    assert host.use(file) == [b"a".ljust(300, b".")]
    assert next(host.root.glob("blobs/*/*")).stat().st_size == 300


def test_a_blob_that_is_damaged_in_the_store_is_not_kept(host: Host):
    file = host.put("a")
    assert host.store.local_root
    (host.store.local_root / layout.blob(file.sha256)).write_bytes(b"b".ljust(300, b"."))
    with pytest.raises(PlatformFault, match="damaged"):
        host.use(file)
    assert (host.kept, host.trees) == (set(), [])


def test_a_killed_stage_leaves_nothing_that_the_next_one_does_not_remove(host: Host, ground: Ground):
    file = host.put("a")
    holds = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom runner.conftest import Ground\n"
        "from runner.test_blob_cache import Host\nfrom verbatim.documents import FileRef\nfrom verbatim.store import Store\n"
        f"ground = Ground(Path({str(ground.root)!r}), Store({ground.store.url!r}), Path({str(ground.cache)!r}))\n"
        "cache = Host(ground).cache()\n"
        "with cache.tree() as tree:\n"
        f"    cache.place({{tree / 'a': FileRef(path='a', size=300, sha256={file.sha256!r})}})\n"
        "    print('placed', flush=True)\n    signal.pause()\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    with subprocess.Popen([sys.executable, "-c", holds], stdout=subprocess.PIPE, env=environment) as stage:
        assert stage.stdout
        assert stage.stdout.readline() == b"placed\n"
        host.use(file)
        assert len(host.trees) == 2  # the living stage's tree and its lock
        stage.send_signal(signal.SIGKILL)
    host.use(file)
    assert host.trees == []
    assert host.kept == {file.sha256}


def test_stages_at_once_in_a_cache_that_is_too_small_all_read_what_they_should(host: Host):
    files = [host.put(f"file{number}", 200 + number) for number in range(30)]
    wrong: list[str] = []

    def stage(turn: int) -> None:
        chosen = files[turn:] + files[:turn]
        read = host.use(*chosen)
        wrong.extend(file.path for file, content in zip(chosen, read, strict=True) if len(content) != file.size)

    threads = [threading.Thread(target=stage, args=(turn,)) for turn in range(0, 30, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert host.trees == []
    assert sum(path.stat().st_size for path in host.root.glob("blobs/*/*")) <= LIMIT


def snapshot_of(store: Store, *files: FileRef) -> SnapshotRef:
    document = DatasetSnapshot(source=FileSource(uri="file:///somewhere/"), as_of=now(), files=files)
    stored = store.put_bytes(document.canonical(), "snapshot")
    return SnapshotRef(digest=tree_digest(files), document=stored.sha256, files=len(files), bytes=1)


def test_with_the_platforms_own_uid_channels_are_copies(host: Host, tmp_path: Path):
    snapshot = snapshot_of(host.store, host.put("a"))
    place_snapshots(host.context, {"train": snapshot, "test": snapshot}, tmp_path / "channels")
    placed = sorted((tmp_path / "channels").rglob("*.csv"))
    assert [path.relative_to(tmp_path / "channels").as_posix() for path in placed] == ["test/a.csv", "train/a.csv"]
    assert {path.stat().st_nlink for path in placed} == {1}


@pytest.mark.s3
def test_a_remote_store_is_asked_once_and_a_cached_file_that_was_changed_is_found_out(s3_server, tmp_path: Path):
    bucket = s3_server.make_bucket(f"cached-{abs(hash(str(tmp_path))) % 10**9}")
    login = S3Credentials(
        access_key_id=s3_server.access_key, secret_access_key=s3_server.secret_key, endpoint_url=s3_server.endpoint_url
    )
    host = Host(Ground(tmp_path, Store(bucket, login), tmp_path / "cache"))
    file = host.put("a")
    snapshot = snapshot_of(host.store, file)
    place_snapshot(host.context, snapshot, tmp_path / "first")
    assert host.kept == {file.sha256}
    (blob,) = host.root.glob("blobs/*/*")
    blob.chmod(0o644)
    blob.write_bytes(b"x" * 300)
    place_snapshot(host.context, snapshot, tmp_path / "second")
    assert (tmp_path / "second/a.csv").read_bytes() == b"a".ljust(300, b".")
    assert host.kept == set()


def test_what_the_cache_holds_is_gone_when_the_stage_is(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Switching:
        """As in a container, but for the uids."""

        switches = True
        make_directory = staticmethod(host.context.isolation.make_directory)
        as_root = staticmethod(host.context.isolation.as_root)

    context = replace(host.context, isolation=Switching(), closing=ExitStack())  # type: ignore[arg-type]
    place_snapshots(context, {"train": snapshot_of(host.store, host.put("a"))}, tmp_path / "channels")
    assert (tmp_path / "channels").is_symlink()
    assert (tmp_path / "channels/train/a.csv").stat().st_nlink == 2
    assert context.own_directories == [(tmp_path / "channels").resolve()]
    context.closing.close()
    assert not (tmp_path / "channels/train").exists()
