"""All metrics that a training writes to files, wherever they are: read as they grow, and at the end once more.

A new kind of file is a reader and a line here.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from verbatim_runner.metrics.files import METRICS_JSON, METRICS_JSONL, HypertuneFile, JsonLinesFile, read_metrics_json
from verbatim_runner.metrics.finder import Finder
from verbatim_runner.metrics.tensorboard.follow import EventFileReader
from verbatim_runner.mlflow_store import MlflowReader

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from verbatim_runner.metrics.readings import FileReader
    from verbatim_runner.metrics.recorder import Recorder
    from verbatim_runner.mlflow_store import MlflowRecord


class WrittenMetrics:
    """Reads everything that a training writes for others to plot.

    Args:
        root: The work directory; no training can replace it.
        writable: The trees below it that the training writes; a link counts as where it leads to.
        inputs: A directory in them that holds what the training was given.
        hypertune: Where hypertune was told to write.
        recorder: Where readings go.
    """

    def __init__(
        self, root: Path, writable: Iterable[Path], inputs: Path, *, hypertune: Path, recorder: Recorder
    ) -> None:
        self._root = root
        self._recorder = recorder
        self._finder = Finder(root, [self._below(top) for top in writable], [self._below(inputs)])
        self._finder.look()
        self._mlflow = MlflowReader(self._finder, time.time())
        self._readers: tuple[FileReader, ...] = (
            JsonLinesFile(root, METRICS_JSONL),
            HypertuneFile(root, self._below(hypertune)),
            EventFileReader(self._finder),
            self._mlflow,
        )

    def read_new(self) -> None:
        """Read what came since."""
        self._finder.look_if_due()
        for reader in self._readers:
            self._recorder.add_dated(reader.read_new(), reader.source)

    def read_rest(self) -> None:
        """Read all that is left, when nothing can write any more."""
        self._finder.look()
        for reader in self._readers:
            self._recorder.add_dated(reader.read_rest(), reader.source)
        self._recorder.add(read_metrics_json(self._root, METRICS_JSON), JsonLinesFile.source)

    def logged(self, project: Path) -> MlflowRecord:
        """Return what was logged through MLflow besides metrics.

        Args:
            project: The training's working directory.
        """
        return self._mlflow.record(project, self._root)

    def _below(self, path: Path) -> str:
        return path.resolve().relative_to(self._root.resolve()).as_posix()
