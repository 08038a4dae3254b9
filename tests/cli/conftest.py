"""The `verbatim` command over a home of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from platform_fixture import Commands

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def verbatim(tmp_path_factory: pytest.TempPathFactory) -> Commands:
    """A home with no platform in it, where a module's runs are run by hand and share their packages."""
    return _in_processes(tmp_path_factory.mktemp("verbatim"))


@pytest.fixture
def offline(tmp_path: Path) -> Commands:
    """A home of the test's own where nothing is up."""
    return _in_processes(tmp_path)


def _in_processes(root: Path) -> Commands:
    commands = Commands(root / "home", root / "platform.yaml")
    commands.use_engine("process")
    return commands
