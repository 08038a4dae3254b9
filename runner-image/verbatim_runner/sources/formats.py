"""The formats of data files, by their names alone."""

from __future__ import annotations

from typing import Literal

Format = Literal["parquet", "csv", "jsonl"]
SUFFIXES: dict[str, Format] = {".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def format_of(name: str) -> Format | None:
    """Return the format that a file's name ends in, where it is one with rows; ``.gz`` may follow."""
    plain = name.lower().removesuffix(".gz")
    return next((kind for suffix, kind in SUFFIXES.items() if plain.endswith(suffix)), None)


def is_compressed(name: str) -> bool:
    """Return whether a file's name says that it is compressed."""
    return name.lower().endswith(".gz")


def is_marker(name: str) -> bool:
    """Return whether a file holds no data, but something of its writer: ``_SUCCESS``, ``_metadata``, ``.part.crc``."""
    return name.rpartition("/")[2].startswith(("_", "."))
