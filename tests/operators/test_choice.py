from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from verbatim.errors import PlatformFault
from verbatim_operators.engines.choice import choose_engine

if TYPE_CHECKING:
    from verbatim.settings import PlatformSettings


@pytest.fixture
def zipapp(settings: PlatformSettings) -> Path:
    Path(settings.runner).write_bytes(b"zip")
    return Path(settings.runner)


def no_daemon() -> NoReturn:
    raise PlatformFault("nobody listens")


@pytest.mark.usefixtures("zipapp")
def test_without_a_daemon_auto_means_processes_and_says_why(settings: PlatformSettings) -> None:
    choice = choose_engine(settings, no_daemon)
    assert choice.engine.name == "process"
    assert "nobody listens" in choice.reason
    assert "no container" in choice.engine.isolation


def test_without_a_daemon_docker_is_a_fault_and_never_quietly_something_else(settings: PlatformSettings) -> None:
    with pytest.raises(PlatformFault, match="nobody listens"):
        choose_engine(settings.model_copy(update={"engine": "docker"}), no_daemon)


def test_the_process_engines_image_is_the_zipapps_content(settings: PlatformSettings, zipapp: Path) -> None:
    asked = settings.model_copy(update={"engine": "process"})
    before = choose_engine(asked, no_daemon).image
    zipapp.write_bytes(b"another zip")
    assert before.digest.startswith("sha256:")
    assert choose_engine(asked, no_daemon).image.digest != before.digest


def test_without_a_zipapp_the_fault_says_how_to_build_it(settings: PlatformSettings) -> None:
    with pytest.raises(PlatformFault, match="make zipapp"):
        choose_engine(settings, no_daemon)


@pytest.mark.docker
@pytest.mark.usefixtures("script_image")
def test_with_a_daemon_that_has_the_image_auto_means_containers(settings: PlatformSettings) -> None:
    choice = choose_engine(settings)
    assert choice.engine.name == "docker"
    assert choice.image.digest.startswith("sha256:")
