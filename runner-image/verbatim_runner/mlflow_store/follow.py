"""Reads all stores that a training writes: their points while it runs, everything else at its end."""

from __future__ import annotations

import os
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from verbatim_runner.mlflow_store.database import Database
from verbatim_runner.mlflow_store.files import FileStore
from verbatim_runner.mlflow_store.record import LoggedModel, MlflowRecord
from verbatim_runner.mlflow_store.runs import OWN_TAGS, Store, StoredRun, labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verbatim_runner.metrics.finder import Finder
    from verbatim_runner.metrics.readings import DatedReading

INTERVAL_S = 3.0
WORK_SHARE = 0.02
"""Reading takes at most this share of the time, while the training runs."""
MAX_DATABASES = 20
MAX_ARTIFACTS = 20_000
MAX_TEXTS = 5000
"""Parameters, and tags, of all runs together."""
CLOCK_MARGIN_S = 1.0
MODEL_FILE = "MLmodel"
MODEL = "model"


class MlflowReader:
    """Follows the stores of one training.

    A metric has the name that it was logged under by the first run that has no parent and logs it. Nested runs, and
    further runs with the same name, have their run's name in front: ``depth-5/rmse``.

    Args:
        finder: Says where stores may be.
        started_at: Seconds since the epoch; older runs came with the code.
    """

    source = "mlflow"

    def __init__(self, finder: Finder, started_at: float) -> None:
        self._finder = finder
        self._since = started_at - CLOCK_MARGIN_S
        self._files = FileStore(finder, self._since)
        self._databases: dict[str, Database] = {}
        self._owners: dict[str, str] = {}
        self._due_at = 0.0

    def read_new(self) -> list[DatedReading]:
        """Return the points that came, every few seconds."""
        started_at = time.monotonic()
        if started_at < self._due_at:
            return []
        readings = self.read_rest()
        took_s = time.monotonic() - started_at
        self._due_at = started_at + took_s + max(INTERVAL_S, took_s / WORK_SHARE)
        return readings

    def read_rest(self) -> list[DatedReading]:
        """Return the points that are left."""
        points = [point for store in self._stores() for point in store.new_points()]
        if not points:
            return []
        runs = self._runs()
        called = labels(runs.values())
        order = {run: number for number, run in enumerate(called)}
        points.sort(key=lambda point: order.get(point.run, len(order)))
        return [
            (self._name(point.key, runs.get(point.run), called), point.value, point.step, point.moment)
            for point in points
        ]

    def record(self, project: Path, work: Path) -> MlflowRecord:
        """Return what was logged besides metrics; ask when the training has ended.

        Args:
            project: The training's working directory, which relative places start from.
            work: Nothing outside is taken.
        """
        runs = self._runs()
        called = labels(runs.values())
        first = next((run for run in called if not _is_nested(runs[run], runs)), None)
        models = tuple(self._models(runs, project, work))
        params: dict[str, str] = {}
        tags: dict[str, str] = {}
        artifacts: list[tuple[str, Path]] = []
        for run in (runs[run] for run in called):
            prefix = "" if run.id == first else f"{called[run.id]}/"
            params |= {f"{prefix}{key}": value for key, value in run.params.items()}
            tags |= {f"{prefix}{key}": value for key, value in run.tags.items() if not key.startswith(OWN_TAGS)}
            if directory := _local(run.artifacts, project, work):
                artifacts += [
                    (f"{prefix}{path.relative_to(directory).as_posix()}", path)
                    for path in _files_below(directory)
                    if not any(path.is_relative_to(model.path) for model in models)
                ]
        return MlflowRecord(_first_of(params), _first_of(tags), tuple(artifacts[:MAX_ARTIFACTS]), models)

    def _stores(self) -> list[Store]:
        for path in self._finder.databases:
            if path not in self._databases and len(self._databases) < MAX_DATABASES:
                self._databases[path] = Database(self._finder.root, path, self._since)
        return [self._files, *self._databases.values()]

    def _runs(self) -> dict[str, StoredRun]:
        return {run.id: run for store in self._stores() for run in store.runs()}

    def _name(self, key: str, run: StoredRun | None, called: dict[str, str]) -> str:
        if run is None:
            return key
        if run.parent is None and self._owners.setdefault(key, run.id) == run.id:
            return key
        return f"{called[run.id]}/{key}"

    def _models(self, runs: dict[str, StoredRun], project: Path, work: Path) -> Iterator[LoggedModel]:
        """Yield the models by the time of their logging."""
        found = []
        for run in runs.values():
            if top := _local(run.artifacts, project, work):
                found += [
                    (path.stat().st_mtime, path.relative_to(top).as_posix() if path != top else MODEL, path, run.id)
                    for path in _model_directories(top)
                ]
        for model in (model for store in self._stores() for model in store.models()):
            directory = _local(model.artifacts, project, work)
            if directory and (directory / MODEL_FILE).is_file():
                found.append((model.logged_at, model.name, directory, model.run))
        for logged_at, name, path, run_id in sorted(found):
            nested = run_id in runs and _is_nested(runs[run_id], runs)
            yield LoggedModel(name=name, path=path, run=run_id, nested=nested, logged_at=logged_at)


def _first_of(texts: dict[str, str]) -> dict[str, str]:
    return dict(islice(texts.items(), MAX_TEXTS))


def _is_nested(run: StoredRun, runs: dict[str, StoredRun]) -> bool:
    return run.parent in runs


def _local(location: str, project: Path, work: Path) -> Path | None:
    """Return the directory that a path or URI names, if it is one of the run's."""
    try:
        parts = urlsplit(location)
        if parts.scheme not in {"", "file"} or not parts.path:
            return None
        path = Path(os.path.realpath(project / (unquote(parts.path) if parts.scheme else location)))
        return path if path.is_relative_to(os.path.realpath(work)) and path.is_dir() else None
    except (OSError, ValueError):  # no path at all
        return None


def _files_below(directory: Path) -> Iterator[Path]:
    """Yield the files of a directory, sorted; no links."""
    for folder, names, files in os.walk(directory):
        names.sort()
        for name in sorted(files):
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _model_directories(directory: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(directory):
        if MODEL_FILE in files:
            names.clear()
            yield Path(folder)
