"""The `verbatim` command over a home of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from platform_fixture import Commands

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def offline(tmp_path: Path) -> Commands:
    """A home where nothing is up."""
    commands = Commands(tmp_path / "home", tmp_path / "platform.yaml")
    commands.use_engine("process")
    return commands
