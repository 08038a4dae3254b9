"""What looks like a model: for trainings that save one where they please."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SUFFIXES = frozenset((
    ".bst", ".cbm", ".h5", ".joblib", ".keras", ".mar", ".onnx", ".pickle", ".pkl", ".pt", ".pth", ".rds",
    ".safetensors", ".ubj", ".zip",
))  # fmt: skip
_BOOSTERS = {".json": b'{"learner":', ".txt": b"tree\nversion="}
"""Text formats by how they begin: XGBoost's JSON, LightGBM's text."""


def looks_like_model(path: Path) -> bool:
    """Return whether a file's name, or the beginning of a text format, is a model's."""
    suffix = path.suffix.lower()
    if suffix in _SUFFIXES:
        return True
    if suffix not in _BOOSTERS:
        return False
    with path.open("rb") as content:
        return content.read(64).replace(b" ", b"").startswith(_BOOSTERS[suffix])
