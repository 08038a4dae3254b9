"""S3: one object of 1 GB and 10,000 of 10 kB, down and up, beside s5cmd, the AWS CLI and boto3.

All talk to the same server on this machine (rclone, over a directory), each as a process of its own, start included.
Ours is the code that the extract stage and the store use: listing, downloading, verifying, hashing and storing as blobs
in a local store; and putting files as blobs into a store on S3.
"""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.measurement import BenchmarkError, Measurement

if TYPE_CHECKING:
    from collections.abc import Iterator

PEERS = Path(__file__).parents[1] / "dist" / "bench" / "s3-peers"
PACKAGES = ("awscli", "awscrt", "boto3", "s5cmd")
PEER_NAMES = ("s5cmd", "AWS CLI", "boto3")
HERE = Path(__file__).parent / "s3_clients"
LARGE_BYTES = 10**9
SMALL_FILES, SMALL_BYTES = 10_000, 10_000
ROUNDS = 3
NOISE = 0.05
KEYS = {"AWS_ACCESS_KEY_ID": "bench-access-key", "AWS_SECRET_ACCESS_KEY": "bench-secret-key", "AWS_REGION": "us-east-1"}
OURS = "verbatim"
Command = list[str | Path]


@dataclass
class _Ground:
    """The server, what is moved, and where to.

    Attributes:
        root: Holds the server's directory, the files to upload, and what comes down.
        endpoint: The server's URL.
        runs: How many there were; the last one's number keeps apart where clients move things to.
    """

    root: Path
    endpoint: str
    runs: int = 0

    def commands(self, way: str, what: str) -> dict[str, Command]:
        """Return what each client is started with."""
        local, remote = self.root / "files" / what, f"s3://lake/{what}/"
        out, up = self.root / f"down{self.runs}", f"s3://lake/up{self.runs}/"
        pair = (remote, f"{out}/") if way == "down" else (f"{local}/", up)
        flat = (f"{pair[0]}*", pair[1]) if way == "down" else pair
        return {
            OURS: [sys.executable, HERE / "ours.py", self.endpoint, way, *pair],
            "s5cmd": [PEERS / "bin/s5cmd", "--endpoint-url", self.endpoint, "--log", "error", "cp", *flat],
            "AWS CLI": [
                PEERS / "bin/aws",
                "--endpoint-url",
                self.endpoint,
                "s3",
                "cp",
                "--recursive",
                "--quiet",
                *pair,
            ],
            "boto3": [PEERS / "bin/python", HERE / "boto.py", self.endpoint, way, *pair],
        }

    def warm(self) -> None:
        """Have the server count the ETags of all that is to come down, which it does once."""
        for what, files in (("large", 1), ("small", SMALL_FILES)):
            self.run(self.commands("down", what)["s5cmd"], self.root / "down0", files)

    def run(self, command: Command, target: Path, files: int) -> tuple[float, float]:
        """Return the seconds that a client takes, and its processor seconds.

        Raises:
            BenchmarkError: It failed, or something is missing where it moved it to.
        """
        target.mkdir()
        environment = os.environ | KEYS | {"AWS_CONFIG_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}
        used = _processor_s()
        started = time.perf_counter()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        took = time.perf_counter() - started
        used = _processor_s() - used
        if done.returncode:
            raise BenchmarkError(f"{command[0]} failed: {done.stderr[-500:]}")
        there = sum(len(names) for _, _, names in os.walk(target))
        shutil.rmtree(target)
        if there < files:
            raise BenchmarkError(f"{command[0]} moved {there} of {files} files")
        return took, used


def measure() -> list[Measurement]:
    """Run all clients in turn, and return the medians beside the fastest peer's."""
    _install_peers()
    with _ground() as ground:
        return [
            measurement
            for what, files in (("large", 1), ("small", SMALL_FILES))
            for way in ("down", "up")
            for measurement in _measurements(f"s3.{what}_{way}", _rounds(ground, way, what, files))
        ]


def _rounds(ground: _Ground, way: str, what: str, files: int) -> dict[str, list[tuple[float, float]]]:
    """Return the seconds and processor seconds of each client's runs."""
    runs: dict[str, list[tuple[float, float]]] = {}
    for _ in range(ROUNDS):
        for client in (OURS, *PEER_NAMES):
            ground.runs += 1
            target = ground.root / (f"down{ground.runs}" if way == "down" else f"served/lake/up{ground.runs}")
            command = ground.commands(way, what)[client]
            runs.setdefault(client, []).append(ground.run(command, target, files))
    return runs


def _measurements(name: str, runs: dict[str, list[tuple[float, float]]]) -> list[Measurement]:
    wall = {client: median(took for took, _ in times) for client, times in runs.items()}
    used = {client: median(used for _, used in times) for client, times in runs.items()}
    ours = wall.pop(OURS)
    fastest, *others = sorted(wall, key=wall.__getitem__)
    goal = f"no slower than the fastest, of which {NOISE:.0%} is noise"
    return [
        Measurement(
            name, "s", ours, wall[fastest], f"{fastest}, the fastest", goal, ours <= wall[fastest] * (1 + NOISE)
        ),
        *(Measurement(name, "s", ours, wall[client], client) for client in others),
        Measurement(f"{name}.processor", "s", used[OURS], used[fastest], fastest),
    ]


def _install_peers() -> None:
    if (PEERS / "ready").exists():
        return
    for command in (
        [sys.executable, "-m", "venv", "--clear", PEERS],
        [PEERS / "bin/pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchmarkError(f"the peers cannot be installed: {done.stderr[-500:]}")
    (PEERS / "ready").touch()


@contextmanager
def _ground() -> Iterator[_Ground]:
    """Make the files, and serve them."""
    rclone = Path(sys.executable).parent / "rclone"
    if not rclone.exists():
        raise BenchmarkError(f"{rclone} is not there; run: make setup")
    with (
        tempfile.TemporaryDirectory(prefix="verbatim-bench-") as scratch,
        socket.create_server(("127.0.0.1", 0)) as free,
    ):
        root, port = Path(scratch), free.getsockname()[1]
        free.close()
        _write(root / "served/lake/large", 1, LARGE_BYTES)
        _write(root / "served/lake/small", SMALL_FILES, SMALL_BYTES)
        (root / "files").symlink_to(root / "served/lake")
        keys = f"{KEYS['AWS_ACCESS_KEY_ID']},{KEYS['AWS_SECRET_ACCESS_KEY']}"
        command = [rclone, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", keys, root / "served"]
        with (root / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
            try:
                _await_server(server, port, root / "log")
                ground = _Ground(root, f"http://127.0.0.1:{port}")
                ground.warm()
                yield ground
            finally:
                server.terminate()


def _await_server(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise BenchmarkError(f"rclone's server does not start: {log.read_text()[-500:]}")


def _write(directory: Path, files: int, size: int) -> None:
    directory.mkdir(parents=True)
    block = min(size, 10**6)
    for number in range(files):
        with (directory / f"{number:05d}.bin").open("wb") as file:
            for _ in range(size // block):
                file.write(os.urandom(block))


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
