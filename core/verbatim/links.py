"""Symbolic links in code: one that is part of it leads nowhere but into the code itself."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def leads_out(name: str, link: str) -> bool:
    """Return whether a link may lead out of the tree that it lies in.

    ``..`` is allowed only at its beginning, no deeper than the link lies: so it stays inside whatever it passes.

    Args:
        name: The link's own path in the tree.
        link: What it points to.
    """
    parts = PurePosixPath(link).parts
    ups = next((place for place, part in enumerate(parts) if part != ".."), len(parts))
    depth = len(PurePosixPath(name).parts) - 1
    return PurePosixPath(link).is_absolute() or ups > depth or ".." in parts[ups:] or "\0" in link


def leading_out(root: Path, files: Sequence[str]) -> dict[str, str]:
    """Return those of a directory's files that are links and may lead out of it, with what they point to."""
    links = ((name, os.readlink(root / name)) for name in files if (root / name).is_symlink())  # noqa: PTH115 - as it is written
    return {name: link for name, link in links if leads_out(name, link)}


def words_for(links: dict[str, str]) -> str:
    """Return the warning that links are left out."""
    shown = ", ".join(f"{name} → {link}" for name, link in list(links.items())[:3]) + (", …" if len(links) > 3 else "")
    return f"links that lead out of the code are left out ({len(links)}): {shown}. Data is named under 'data'"
