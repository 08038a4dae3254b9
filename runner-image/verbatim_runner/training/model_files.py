"""What looks like a model: for trainings that save one where they please."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SUFFIXES = frozenset((
    ".bst", ".cbm", ".ckpt", ".cloudpickle", ".dill", ".gguf", ".h5", ".joblib", ".keras", ".mar", ".mlmodel", ".model",
    ".nemo", ".onnx", ".pickle", ".pkl", ".pt", ".pth", ".rda", ".rdata", ".rds", ".safetensors", ".skops", ".tflite",
    ".ubj", ".zip",
))  # fmt: skip
_COMPRESSED = frozenset((".bz2", ".gz", ".xz", ".z"))
_BOOSTERS = {".json": b'{"learner":', ".txt": b"tree\nversion="}
"""Text formats by how they begin: XGBoost's JSON, LightGBM's text."""
_BESIDE = frozenset((".json", ".md", ".toml", ".txt", ".yaml", ".yml"))
"""What describes the models of a directory and is kept with them."""
_LESS_LIKELY = frozenset((
    "cache", "checkpoint", "checkpoints", "ckpt", "ckpts", "data", "dataset", "datasets", "nltk_data",
    "scikit_learn_data", "tmp", "wandb",
))  # fmt: skip
"""Directories that hold data, or models on their way; a model elsewhere comes before them."""
_MLFLOW_STORES = frozenset(("mlartifacts", "mlruns"))


def looks_like_model(path: Path) -> bool:
    """Return whether a file's name, or the beginning of a text format, is a model's."""
    suffix = path.suffix.lower()
    if suffix in _COMPRESSED:
        return Path(path.stem).suffix.lower() in _SUFFIXES
    if suffix in _SUFFIXES:
        return True
    if suffix not in _BOOSTERS:
        return False
    with path.open("rb") as content:
        return content.read(64).replace(b" ", b"").startswith(_BOOSTERS[suffix])


def is_model_directory(names: Iterable[str]) -> bool:
    """Return whether a directory with these files is one model: of TensorFlow, MLflow, Hugging Face or spaCy."""
    held = set(names)
    if "saved_model.pb" in held or "MLmodel" in held or {"config.cfg", "meta.json"} <= held:
        return True
    weights = any(
        name.endswith(".safetensors") or name.startswith("pytorch_model") or name == "tf_model.h5" for name in held
    )
    return weights and not held.isdisjoint(("adapter_config.json", "config.json"))


def find_models(made: Sequence[Path], tops: Sequence[Path]) -> list[Path]:
    """Return the files and directories that look like models, sorted; the likely ones if there are any.

    Args:
        made: The files that the training made.
        tops: The directories that they were looked for in; none of these is itself a model.
    """
    made = [path for path in made if _MLFLOW_STORES.isdisjoint(path.parts)]
    names: dict[Path, list[str]] = defaultdict(list)
    for path in made:
        names[path.parent].append(path.name)
    directories = {folder for folder, held in names.items() if folder not in tops and is_model_directory(held)}
    outermost = {folder for folder in directories if directories.isdisjoint(folder.parents)}
    files = [path for path in made if outermost.isdisjoint(path.parents) and looks_like_model(path)]
    found = sorted([*outermost, *files])
    return [path for path in found if not _is_less_likely(path, tops)] or found


def common_directory(found: Sequence[Path], tops: Sequence[Path], before: Mapping[Path, object]) -> Path | None:
    """Return the one directory that holds several models and nothing else but what describes them, all of it new."""
    together = Path(os.path.commonpath([path.parent for path in found]))
    if together in tops or not any(together.is_relative_to(top) for top in tops):
        return None
    for folder, _, names in os.walk(together):
        for path in (Path(folder, name) for name in names):
            belongs = path in found or not set(found).isdisjoint(path.parents) or path.suffix.lower() in _BESIDE
            if path in before or not belongs:
                return None
    return together


def _is_less_likely(path: Path, tops: Sequence[Path]) -> bool:
    top = next(top for top in tops if path.is_relative_to(top))
    parts = path.relative_to(top.parent).parts
    folders = parts if path.is_dir() else parts[:-1]
    return any(part.lower() in _LESS_LIKELY or part.startswith("checkpoint-") for part in folders)
