"""What a conf may name of the platform's machine and of Airflow's connections: what the settings allow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from verbatim.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence


def is_inside(path: Path, allowed: Sequence[str]) -> bool:
    """Return whether a path lies in one of the directories that the settings allow; links are followed."""
    real = Path(os.path.realpath(path))  # Path.resolve raises at links in a circle
    return "*" in allowed or any(real.is_relative_to(os.path.realpath(root)) for root in allowed)


def unreadable(field: str, path: Path, allowed: Sequence[str], setting: str) -> Problem | None:
    """Return the problem of a path that the settings do not allow.

    Args:
        field: The conf's field that names it.
        path: The path.
        allowed: The directories that are allowed.
        setting: The key in the settings that says so, such as ``files.read``.
    """
    if is_inside(path, allowed):
        return None
    known = ", ".join(allowed) or "none"
    hint = f"An administrator allows one under {setting} in config/platform.yaml."
    expected = f"a path inside a directory that is allowed ({known})"
    return Problem(field=field, expected=expected, got=str(path), hint=hint)


def unknown_connection(field: str, name: str, allowed: Sequence[str], setting: str) -> Problem | None:
    """Return the problem of a connection that the settings do not allow.

    Args:
        field: The conf's field that names it.
        name: The connection's id.
        allowed: Those that are allowed.
        setting: The key in the settings that says so, such as ``connections.data``.
    """
    if name in allowed:
        return None
    known = ", ".join(allowed) or "none"
    hint = f"An administrator allows one under {setting} in config/platform.yaml."
    return Problem(field=field, expected=f"a connection that is allowed ({known})", got=repr(name), hint=hint)
