"""MLflow's SQLite stores. A database is read from a private copy: what a training writes meanwhile cannot disturb it.

Schema: mlflow/store/tracking/dbmodels/models.py of MLflow 2 and 3.
"""

from __future__ import annotations

import math
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verbatim.beneath import open_beneath
from verbatim_runner.mlflow_store.runs import RunPoint, StoredModel, StoredRun, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 1024 * 1024 * 1024
MAX_VALUE_BYTES = 1024 * 1024
MAX_ROWS = 1_000_000
MAX_QUERY_S = 20.0
_LARGEST = 1.7976931348623157e308
"""What MLflow writes for infinity."""
_STEPS_BETWEEN_LOOKS = 100_000
_NAMES_ANOTHER = bytes.fromhex("d9d505f920a163d7")
"""How a rollback journal ends that names a journal of several databases (sqlite.org/fileformat.html, pager.c)."""
_TABLES = frozenset({"runs", "metrics", "params", "tags"})
_TEXTS = "SELECT t.run_uuid, t.key, t.value FROM {} t JOIN runs r USING (run_uuid) WHERE r.start_time >= ?"

_Query = Callable[..., list[tuple[Any, ...]]]


class Database:
    """One SQLite store; of a file that is none, nothing is read.

    Args:
        root: A directory that no training can replace.
        path: The database, relative to it.
        since: Seconds since the epoch; runs that started before are not the training's.
    """

    def __init__(self, root: Path, path: str, since: float) -> None:
        self._root = root
        self._path = path
        self._since_ms = int(since * 1000)
        self._row = 0
        self._seen: tuple[tuple[int, int], ...] = ()

    def new_points(self) -> Iterator[RunPoint]:
        """Yield the points that came since the last time."""
        state = self._state()
        if state == self._seen:
            return
        with self._connected() as query:
            rows = query(
                "SELECT m.rowid, m.run_uuid, m.key, m.value, m.step, m.timestamp, m.is_nan FROM metrics m "
                "JOIN runs r USING (run_uuid) WHERE m.rowid > ? AND r.start_time >= ? ORDER BY m.rowid",
                self._row,
                self._since_ms,
            )
        self._seen = state
        for row, run, key, value, step, timestamp, is_nan in rows:
            number = math.nan if is_nan else _number(value)
            if number is not None and isinstance(row, int):
                self._row = max(self._row, row)
                yield RunPoint(str(run), str(key), number, step if isinstance(step, int) else 0, seconds(timestamp))

    def runs(self) -> Iterator[StoredRun]:
        """Yield all runs as they are now."""
        with self._connected() as query:
            rows = query(
                "SELECT run_uuid, name, start_time, artifact_uri FROM runs WHERE start_time >= ?", self._since_ms
            )
            params = query(_TEXTS.format("params"), self._since_ms)
            tags = query(_TEXTS.format("tags"), self._since_ms)
        for run, name, started, artifacts in rows:
            own = {str(key): str(value) for owner, key, value in tags if owner == run}
            yield StoredRun(
                id=str(run),
                name=str(name or own.get("mlflow.runName", "")),
                started_at=seconds(started),
                artifacts=str(artifacts or ""),
                params={str(key): str(value) for owner, key, value in params if owner == run},
                tags=own,
            )

    def models(self) -> Iterator[StoredModel]:
        """Yield all logged models; MLflow 2 has no table of them."""
        with self._connected() as query:
            rows = query(
                "SELECT name, source_run_id, artifact_location, creation_timestamp_ms FROM logged_models "
                "WHERE creation_timestamp_ms >= ?",
                self._since_ms,
            )
        for name, run, location, logged in rows:
            yield StoredModel(str(name or "model"), str(run or ""), str(location or ""), seconds(logged))

    @contextmanager
    def _connected(self) -> Iterator[_Query]:
        """Give a function that runs a query; it finds nothing where this is no store, or cannot be read right now."""
        with self._copy() as copy:
            if copy is None:
                yield lambda _query, *_values: []
                return
            with closing(_open(copy)) as connection:

                def query(text: str, *values: int) -> list[tuple[Any, ...]]:
                    try:
                        if not _is_store(connection):
                            return []
                        return connection.execute(text, values).fetchmany(MAX_ROWS)
                    except (sqlite3.Error, OverflowError, UnicodeDecodeError):
                        return []

                yield query

    @contextmanager
    def _copy(self) -> Iterator[Path | None]:
        """Copy the database, with what belongs to it while it is written, to where no one else writes.

        Not a journal that names another one: SQLite would delete that file, wherever it lies.
        """
        with tempfile.TemporaryDirectory(prefix="mlflow-", dir=self._root) as directory:
            copy = Path(directory) / "copy"
            for suffix in ("", "-wal", "-journal"):
                file = open_beneath(self._root, self._path + suffix)
                if file is None:
                    continue
                with file, Path(f"{copy}{suffix}").open("wb") as target:
                    if os.fstat(file.fileno()).st_size <= MAX_BYTES:
                        shutil.copyfileobj(file, target, 1024 * 1024)
                if suffix == "-journal" and Path(f"{copy}{suffix}").read_bytes().endswith(_NAMES_ANOTHER):
                    Path(f"{copy}{suffix}").unlink()
            yield copy if copy.exists() and copy.stat().st_size else None

    def _state(self) -> tuple[tuple[int, int], ...]:
        found = []
        for suffix in ("", "-wal"):
            file = open_beneath(self._root, self._path + suffix)
            if file is not None:
                with file:
                    stat = os.fstat(file.fileno())
                found.append((stat.st_size, stat.st_mtime_ns))
        return tuple(found)


def _open(path: Path) -> sqlite3.Connection:
    """Open a database that may be made to harm: nothing of its schema runs, no value and no query is endless."""
    connection = sqlite3.connect(path)
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA query_only = ON")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
    deadline = time.monotonic() + MAX_QUERY_S
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
    return connection


def _is_store(connection: sqlite3.Connection) -> bool:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return tables >= _TABLES


def _number(value: Any) -> float | None:
    if not isinstance(value, int | float):
        return None
    return math.copysign(math.inf, value) if abs(value) >= _LARGEST else float(value)
