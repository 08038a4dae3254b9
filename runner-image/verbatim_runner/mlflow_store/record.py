"""What a training logged through MLflow, as the rest of the runner sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class LoggedModel:
    """A model that was logged.

    Attributes:
        name: As the code named it (``model``, where it did not).
        path: Its directory, which holds ``MLmodel``.
        run: The MLflow run that logged it.
        nested: Whether that run has a parent.
        logged_at: Seconds since the epoch.
    """

    name: str
    path: Path
    run: str
    nested: bool
    logged_at: float


@dataclass(frozen=True)
class MlflowRecord:
    """All that the runs of all stores logged since the training began, but metrics, which are read as they come.

    Attributes:
        params: Name to text; those of nested and of further runs under the run's name (``depth-5/max_depth``).
        tags: The same; MLflow's own are left out.
        artifacts: The path that each file was logged under, and the file; no logged model among them.
        models: In the order in which they were logged, those of nested runs too.
    """

    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    artifacts: tuple[tuple[str, Path], ...] = ()
    models: tuple[LoggedModel, ...] = ()
