"""The directories that a training may count on: SageMaker's under ``/opt/ml``, Kubeflow's under ``/workspace``, a home.

In the image both lead into the work directory. With the process engine they are there alone; ``private_view`` may show
them to the command under those names all the same.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from verbatim_runner.isolation import TRAINER_UID, Isolation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SAGEMAKER_BASE = Path("/opt/ml")
KUBEFLOW_WORKSPACE = Path("/workspace")


@dataclass(frozen=True)
class Places:
    """Where things lie in one stage's work directory.

    Attributes:
        work: The work directory.
        base: SageMaker's base directory, as the training sees it.
    """

    work: Path
    base: Path

    @classmethod
    def make(cls, work: Path) -> Places:
        """Make all directories; they are the runner's until ``open_to_trainer``."""
        tree = work / "ml"
        at_sagemakers = SAGEMAKER_BASE.resolve() == tree.resolve()
        places = cls(work=work, base=SAGEMAKER_BASE if at_sagemakers else tree)
        tree.mkdir(parents=True, exist_ok=True)
        for directory in (
            places.data, places.config, places.model, places.output_data, places.intermediate, places.checkpoints,
            places.tensorboard, places.home, places.temporary, places.mlflow, places.workspace, places.hypertune.parent,
        ):  # fmt: skip
            directory.mkdir(parents=True, exist_ok=True)
        for name in ("model", "output"):  # Kubeflow's trainers leave the model in the one or the other
            (places.workspace / name).symlink_to(places.model)
        return places

    def show_channels(self, channels: Mapping[str, Path]) -> None:
        """Show the data as Kubeflow does: its one directory is the channel, or has a directory for each of several."""
        dataset = self.workspace / "dataset"
        if len(channels) == 1:
            dataset.symlink_to(next(iter(channels.values())))
            return
        dataset.mkdir()
        for name, directory in channels.items():
            (dataset / name).symlink_to(directory)

    def write_token(self, token: str, isolation: Isolation) -> None:
        """Put the live server's token where clients read it from a file; nobody but the training can."""
        self.token.touch(mode=0o600)
        self.token.write_text(token)
        isolation.give_to_trainer(self.token)

    def open_to_trainer(self, isolation: Isolation) -> None:
        """Let the training write into every directory, not into the files that are there: inputs stay the runner's."""
        if not isolation.switches:
            return
        with isolation.as_root():
            for top in (*self.writable, self.data.resolve()):  # data may be a link to the host's cache
                for folder, _, _ in os.walk(top):
                    os.chown(folder, TRAINER_UID, TRAINER_UID)

    @property
    def writable(self) -> tuple[Path, ...]:
        """The trees that the training may write."""
        return (self.source, self.base.resolve(), self.workspace, self.mlflow, self.home, self.temporary)

    @property
    def source(self) -> Path:
        """The whole code tree; ``code`` leads to the project in it."""
        return self.work / "source"

    @property
    def code(self) -> Path:
        """The project, as a link."""
        return self.base / "code"

    @property
    def input(self) -> Path:
        """Data and configuration."""
        return self.base / "input"

    @property
    def data(self) -> Path:
        """One directory a channel."""
        return self.input / "data"

    @property
    def config(self) -> Path:
        """Parameters and SageMaker's JSON files."""
        return self.input / "config"

    @property
    def parameters(self) -> Path:
        """The parameters, with their types."""
        return self.config / "parameters.json"

    @property
    def model(self) -> Path:
        """Everything here is the model."""
        return self.base / "model"

    @property
    def output(self) -> Path:
        """Other outputs, and the failure file."""
        return self.base / "output"

    @property
    def output_data(self) -> Path:
        """Where a training puts its other outputs."""
        return self.output / "data"

    @property
    def intermediate(self) -> Path:
        """SageMaker's intermediate outputs."""
        return self.output / "intermediate"

    @property
    def failure(self) -> Path:
        """Where a training may write why it failed."""
        return self.output / "failure"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints."""
        return self.base / "checkpoints"

    @property
    def tensorboard(self) -> Path:
        """TensorBoard's event files."""
        return self.base / "tensorboard"

    @property
    def notebook_program(self) -> Path:
        """What executes notebooks, where the training can read it; no ``.py``, since it is not the user's script."""
        return self.work / "programs" / "execute-notebook"

    @property
    def installed(self) -> Path:
        """What stands for the installation of packages that lie in the code; only the runner writes here."""
        return self.work / "installed" / "packages"

    @property
    def wheels(self) -> Path:
        """Wheels that lie in the code, unpacked."""
        return self.work / "installed" / "wheels"

    @property
    def commands(self) -> Path:
        """Those packages' commands."""
        return self.work / "installed" / "bin"

    @property
    def hypertune(self) -> Path:
        """The metric file of Vertex AI's tuner."""
        return self.output / "hypertune" / "output.metrics"

    @property
    def mlflow(self) -> Path:
        """What MLflow is told to write in."""
        return self.work / "mlflow"

    @property
    def mlflow_store(self) -> Path:
        """MLflow's store. MLflow makes it: it takes a directory that is there already for a store with its contents."""
        return self.mlflow / "mlruns"

    @property
    def workspace(self) -> Path:
        """Kubeflow's directory of data and model."""
        return self.work / "workspace"

    @property
    def token(self) -> Path:
        """A file with what the live server asks for."""
        return self.work / "token"

    @property
    def home(self) -> Path:
        """The training's HOME."""
        return self.work / "home"

    @property
    def temporary(self) -> Path:
        """The training's TMPDIR."""
        return self.work / "tmp"

    def channels(self, names: Iterable[str]) -> dict[str, Path]:
        """Return the directory of each channel."""
        return {name: self.data / name for name in sorted(names)}
