"""MLflow's file stores: a directory for each experiment, in it one for each run, in that a file for each metric.

Layout: mlflow/store/tracking/file_store.py of MLflow 2 and 3.
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from verbatim.beneath import open_beneath, open_directory_beneath
from verbatim_runner.metrics.files import GrowingFile
from verbatim_runner.mlflow_store.runs import RunPoint, StoredModel, StoredRun, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verbatim_runner.metrics.finder import Finder

MAX_META_BYTES = 64 * 1024
MAX_VALUE_BYTES = 8 * 1024
MAX_RUNS = 2000
MAX_FILES_A_RUN = 2000


class FileStore:
    """All file stores of a training: every ``meta.yaml`` that the finder finds is a run, a model or an experiment.

    Args:
        finder: Says where they are.
        since: Seconds since the epoch; runs that started before are not the training's.
    """

    def __init__(self, finder: Finder, since: float) -> None:
        self._finder = finder
        self._since = since
        self._metas: dict[str, dict[str, Any]] = {}
        self._files: dict[str, GrowingFile] = {}
        self._seen: dict[str, set[str]] = defaultdict(set)

    def new_points(self) -> Iterator[RunPoint]:
        """Yield the points that came since the last time.

        MLflow 3 writes a run's points again when it logs a model; a line that was there before is the same point.
        """
        for directory, meta in self._run_directories():
            for key, path in self._files_below(f"{directory}/metrics"):
                file = self._files.setdefault(path, GrowingFile(self._finder.root, path))
                for line in file.read_new():
                    point = _point(meta["run_id"], key, line)
                    if point and line not in self._seen[path]:
                        self._seen[path].add(line)
                        yield point

    def runs(self) -> Iterator[StoredRun]:
        """Yield all runs as they are now."""
        for directory, meta in self._run_directories():
            params = {key: self._text(path) for key, path in self._files_below(f"{directory}/params")}
            tags = {key: self._text(path) for key, path in self._files_below(f"{directory}/tags")}
            yield StoredRun(
                id=str(meta["run_id"]),
                name=str(meta.get("run_name") or tags.get("mlflow.runName") or ""),
                started_at=seconds(meta.get("start_time")),
                artifacts=str(meta.get("artifact_uri") or ""),
                params=params,
                tags=tags,
            )

    def models(self) -> Iterator[StoredModel]:
        """Yield all logged models."""
        for meta in self._read_metas().values():
            logged_at = seconds(meta.get("creation_timestamp"))
            if isinstance(meta.get("model_id"), str) and logged_at >= self._since:
                location, run = str(meta.get("artifact_location") or ""), str(meta.get("source_run_id") or "")
                yield StoredModel(str(meta.get("name") or "model"), run, location, logged_at)

    def _run_directories(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for path, meta in self._read_metas().items():
            if isinstance(meta.get("run_id"), str) and seconds(meta.get("start_time")) >= self._since:
                yield str(PurePosixPath(path).parent), meta

    def _read_metas(self) -> dict[str, dict[str, Any]]:
        """Return the content of each ``meta.yaml``; what counts of it is written once, at the beginning."""
        for path in self._finder.meta_files[:MAX_RUNS]:
            if path not in self._metas and (meta := self._meta(path)) is not None:
                self._metas[path] = meta
        return self._metas

    def _meta(self, path: str) -> dict[str, Any] | None:
        import yaml

        try:
            content = yaml.safe_load(self._text(path, MAX_META_BYTES))
        except (yaml.YAMLError, ValueError, RecursionError):
            return None
        return content if isinstance(content, dict) else None

    def _files_below(self, directory: str) -> list[tuple[str, str]]:
        """Return the key and the path of each file, sorted; a key may have slashes. No link is followed."""
        found: list[tuple[str, str]] = []
        held = open_directory_beneath(self._finder.root, directory)
        if held is None:
            return found
        try:
            for folder, names, files, _ in os.fwalk(".", dir_fd=held):
                names.sort()
                below = PurePosixPath(folder)
                found += [(str(below / name), f"{directory}/{below / name}") for name in sorted(files)]
                if len(found) > MAX_FILES_A_RUN:
                    break
        finally:
            os.close(held)
        return found[:MAX_FILES_A_RUN]

    def _text(self, path: str, limit: int = MAX_VALUE_BYTES) -> str:
        file = open_beneath(self._finder.root, path)
        if file is None:
            return ""
        with file:
            return file.read(limit).decode("utf-8", "replace")


def _point(run: str, key: str, line: str) -> RunPoint | None:
    """Return the point of a line: milliseconds, value, step (MLflow 3 may add a dataset)."""
    parts = line.split(" ")
    try:
        return RunPoint(run, key, float(parts[1]), int(parts[2]) if len(parts) > 2 else 0, int(parts[0]) / 1000)
    except (ValueError, IndexError, OverflowError):
        return None
