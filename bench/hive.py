"""Hive: the rows of a query into a snapshot, beside a PyHive cursor and the apache-hive provider's hook into pandas.

All read the same tables of one Spark Thrift server on this machine, each in a process of its own, in turn. Ours is the
code of the extract stage: the state before and after, the rows, and the store's Parquet files. The peers hold all rows
in memory, so they are given the smaller table alone.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.measurement import BenchmarkError, Measurement

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parents[1] / "tests"
CLIENTS = Path(__file__).parent / "hive_clients"
FEW, MANY = 1_000_000, 20_000_000
ROUNDS = 3
HEAP = "3g"
GOAL_RATIO = 10
GOAL_MEMORY = 1.25
MODES = ("client", "server")
PYHIVE, HOOK = "PyHive's cursor into pandas", "the provider's hook into pandas"
COLUMNS = (
    "id, rand(7) * 1000 AS amount, concat('user-', lpad(CAST(pmod(id * 7919, 1000000) AS STRING), 7, '0')) AS who, "
    "timestamp_micros(1700000000000000 + id * 1234567) AS at, CAST(pmod(id, 1000) AS INT) AS kind"
)


@dataclass(frozen=True)
class _Read:
    rows_a_second: float
    memory_bytes: int


def measure() -> list[Measurement]:
    """Read the smaller table with each client in turn, the larger with ours; return the medians."""
    with _server() as server:
        tables = {rows: _make_table(server, rows) for rows in (FEW, MANY)}
        _round(server, tables[FEW])  # Java's compilers are at work
        rounds = [_round(server, tables[FEW]) for _ in range(ROUNDS)]
        read = {name: _median([one[name] for one in rounds]) for name in rounds[0]}
        many = {mode: _ours(server, tables[MANY], MANY, mode) for mode in MODES}
    found = [one for mode in MODES for one in _compare(mode, read, many[mode])]
    memory = read["client"].memory_bytes / 1e6, read["pyhive_pandas"].memory_bytes / 1e6
    return [*found, Measurement("hive.memory", "MB", *memory, f"{PYHIVE}, the same {FEW:,} rows")]


def _compare(mode: str, read: dict[str, _Read], many: _Read) -> list[Measurement]:
    """Hold what a mode of ours reached against the peers."""
    ours, pyhive, hook = read[mode], read["pyhive_pandas"].rows_a_second, read["provider_hook"].rows_a_second
    goal, more = f"at least {GOAL_RATIO} times", many.rows_a_second
    found = [
        Measurement(f"hive.{mode}", "rows/s", more, pyhive, f"{PYHIVE}, of {FEW:,}", goal, more >= GOAL_RATIO * pyhive),
        Measurement(f"hive.{mode}.hook", "rows/s", more, hook, f"{HOOK}, of {FEW:,}", goal, more >= GOAL_RATIO * hook),
        Measurement(f"hive.{mode}.1_million", "rows/s", ours.rows_a_second, pyhive, PYHIVE),
    ]
    few_mb, many_mb = ours.memory_bytes / 1e6, many.memory_bytes / 1e6
    constant, goal = many_mb <= GOAL_MEMORY * few_mb, f"at most {GOAL_MEMORY} times"
    return [*found, Measurement(f"hive.{mode}.memory", "MB", many_mb, few_mb, f"ours, of {FEW:,} rows", goal, constant)]


@contextmanager
def _server() -> Iterator[Any]:
    """Run the tests' HiveServer2, with all of Java's compilers."""
    sys.path.insert(0, str(TESTS))
    from hive_server import missing, running_hive_server

    if lack := missing():
        raise BenchmarkError(f"{lack[0]}. {lack[1]}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with running_hive_server(port, heap=HEAP, java_options="-XX:+UseParallelGC") as server:
        yield server


def _make_table(server: Any, rows: int) -> str:
    name = f"bench_{rows}"
    server.execute(f"CREATE TABLE {name} STORED AS PARQUET AS SELECT {COLUMNS} FROM range({rows})")
    return name


def _round(server: Any, table: str) -> dict[str, _Read]:
    found = {mode: _ours(server, table, FEW, mode) for mode in MODES}
    for peer in ("pyhive_pandas", "provider_hook"):
        found[peer] = _run(server, peer, table, FEW)
    return found


def _ours(server: Any, table: str, rows: int, mode: str) -> _Read:
    root = tempfile.mkdtemp(prefix="verbatim-bench-hive-")
    try:
        return _run(server, "ours", table, rows, mode, root)
    finally:
        shutil.rmtree(root)


def _run(server: Any, client: str, table: str, rows: int, *further: str) -> _Read:
    """Run a client in a process of its own."""
    from hive_server import PASSWORD, USER

    command = [
        sys.executable,
        "-W",
        "ignore",
        CLIENTS / f"{client}.py",
        str(server.port),
        USER,
        PASSWORD,
        table,
        *further,
    ]
    environment = os.environ | {"PYTHONPATH": str(CLIENTS)}
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if ran.returncode:
        raise BenchmarkError(f"{client} failed: {ran.stderr[-500:]}{ran.stdout[-500:]}")
    came, took_s, memory_bytes = json.loads(ran.stdout.splitlines()[-1])
    if came != rows:
        raise BenchmarkError(f"{client} read {came} rows of {rows}")
    return _Read(rows / took_s, memory_bytes)


def _median(reads: list[_Read]) -> _Read:
    return _Read(median(one.rows_a_second for one in reads), int(median(one.memory_bytes for one in reads)))
