"""What every kind of store tells: runs, the models of MLflow 3, points; and how a run is called among others."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PARENT_TAG = "mlflow.parentRunId"
OWN_TAGS = "mlflow."
MAX_LABEL_CHARS = 100
_NOT_IN_NAMES = re.compile(r"[^\w.@+=,:() -]")
_MADE_UP = re.compile(r"[a-z]+-([a-z]+)-\d{1,4}")
# MLflow makes names of an adjective, one of these and a number; they are others at each run. mlflow, name_utils.py
_ANIMALS = frozenset((
    "ant", "ape", "asp", "auk", "bass", "bat", "bear", "bee", "bird", "boar", "bug", "calf", "carp", "cat", "chimp",
    "cod", "colt", "conch", "cow", "crab", "crane", "croc", "crow", "cub", "deer", "doe", "dog", "dolphin",
    "donkey", "dove", "duck", "eel", "elk", "fawn", "finch", "fish", "flea", "fly", "foal", "fowl", "fox", "frog",
    "gnat", "gnu", "goat", "goose", "grouse", "grub", "gull", "hare", "hawk", "hen", "hog", "horse", "hound", "jay",
    "kit", "kite", "koi", "lamb", "lark", "loon", "lynx", "mare", "midge", "mink", "mole", "moose", "moth", "mouse",
    "mule", "newt", "owl", "ox", "panda", "penguin", "perch", "pig", "pug", "quail", "ram", "rat", "ray", "robin",
    "roo", "rook", "seal", "shad", "shark", "sheep", "shoat", "shrew", "shrike", "shrimp", "skink", "skunk",
    "sloth", "slug", "smelt", "snail", "snake", "snipe", "sow", "sponge", "squid", "squirrel", "stag", "steed",
    "stoat", "stork", "swan", "tern", "toad", "trout", "turtle", "vole", "wasp", "whale", "wolf", "worm", "wren",
    "yak", "zebra",
))  # fmt: skip


class RunPoint(NamedTuple):
    """One value that a run logged."""

    run: str
    key: str
    value: float
    step: int
    moment: float


@dataclass(frozen=True)
class StoredRun:
    """One MLflow run.

    Attributes:
        id: MLflow's.
        name: As the code named it, or MLflow.
        started_at: Seconds since the epoch.
        artifacts: Where its artifacts are, a path or URI.
        params: Name to text.
        tags: The same, MLflow's own among them.
    """

    id: str
    name: str
    started_at: float
    artifacts: str
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def parent(self) -> str | None:
        """The run that it is nested in."""
        return self.tags.get(PARENT_TAG)


@dataclass(frozen=True)
class StoredModel:
    """A logged model of MLflow 3; those of MLflow 2 are artifacts of their run."""

    name: str
    run: str
    artifacts: str
    logged_at: float


class Store(Protocol):
    """A store that a training writes."""

    def new_points(self) -> Iterable[RunPoint]:
        """Return the points that came since the last time, in the order of their store."""

    def runs(self) -> Iterable[StoredRun]:
        """Return all runs as they are now."""

    def models(self) -> Iterable[StoredModel]:
        """Return all logged models."""


def labels(runs: Iterable[StoredRun]) -> dict[str, str]:
    """Return how each run is called, by its id: as it is named, else by its place in the order of starts."""
    called: dict[str, str] = {}
    for number, run in enumerate(sorted(runs, key=lambda run: (run.started_at, run.id)), start=1):
        made_up = _MADE_UP.fullmatch(run.name)
        name = _NOT_IN_NAMES.sub("_", run.name)[:MAX_LABEL_CHARS].strip(" .")
        if not name or (made_up and made_up[1] in _ANIMALS) or name in called.values():
            name = f"run-{number}"
        called[run.id] = name
    return called


def seconds(milliseconds: Any) -> float:
    """Return a stored moment in seconds since the epoch; 0 where it is none."""
    try:
        return milliseconds / 1000 if isinstance(milliseconds, int | float) else 0.0
    except OverflowError:
        return 0.0
