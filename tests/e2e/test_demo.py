"""``verbatim demo``, which ``make demo`` ends in: from a home that is not there to a registered model, twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from platform_fixture import Commands

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.airflow


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Commands]:
    """The command with a home that is not there yet."""
    verbatim = Commands(tmp_path / "home", tmp_path / "platform.yaml")
    yield verbatim
    verbatim("down")


def test_the_demo_goes_from_nothing_to_a_model_and_then_to_the_same_model_again(newcomer: Commands) -> None:
    newcomer.use_engine("process")

    first, second = newcomer("demo", parse=False), newcomer("demo", parse=False)

    for output, version in ((first, 1), (second, 2)):
        assert "(engine: process)" in output
        for said in (
            "val_auc >= 0.97",
            "passed",
            f"breast-cancer version {version} @champion",
            "Where to look",
            "/page",
        ):
            assert said in output, output
    assert "Version 2 is version 1 again, byte for byte" in second


def test_the_demo_can_be_scripted(newcomer: Commands) -> None:
    newcomer.use_engine("process")
    assert newcomer("demo", "--json")["model"]["version"] == 1
