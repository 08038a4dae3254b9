"""Debian packages where a stage runs: what is told of those that are there, and what follows from those that are not."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from verbatim.errors import UserFault
from verbatim_runner.system_packages import SystemPackagesNeeded, ensure_system_packages

if TYPE_CHECKING:
    from collections.abc import Callable

    from verbatim.stage import EngineName
    from verbatim_runner.stage_context import StageContext

ABSENT = "libverbatim-nowhere"


@pytest.fixture
def context_on(ground, unavailable) -> Callable[[EngineName], StageContext]:
    if not shutil.which("dpkg-query"):
        unavailable("Debian packages", "dpkg-query is not there", "Run it on Debian or Ubuntu, or in a container")
    return lambda engine: ground.context(ground.request("prepare").model_copy(update={"engine": engine}))


def test_what_is_installed_is_told_with_its_version(context_on) -> None:
    version = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Version}", "dpkg"], check=True, capture_output=True, text=True
    ).stdout
    for engine in ("docker", "process"):
        assert ensure_system_packages(context_on(engine), ["dpkg"]) == (f"dpkg={version}",)


def test_a_virtual_package_is_told_as_what_provides_it(context_on) -> None:
    (found,) = ensure_system_packages(context_on("docker"), ["awk"])
    assert found.split("=")[0] in {"mawk", "gawk", "original-awk"}


def test_a_container_that_lacks_one_asks_for_all(context_on) -> None:
    with pytest.raises(SystemPackagesNeeded) as caught:
        ensure_system_packages(context_on("docker"), [ABSENT, "dpkg"])
    assert caught.value.packages == ("dpkg", ABSENT)


def test_a_process_goes_on_and_names_the_line_that_installs_what_it_lacks(context_on) -> None:
    context = context_on("process")
    (found,) = ensure_system_packages(context, ["dpkg", ABSENT])
    assert found.startswith("dpkg=")
    assert f"apt-get install {ABSENT}" in context.warnings[0]


@pytest.mark.parametrize("name", ["--allow-downgrades", "dpkg-", "./own.deb", "dpkg/sid", "lib*", ""])
def test_what_apt_would_take_for_something_else_is_refused(context_on, name: str) -> None:
    with pytest.raises(UserFault) as caught:
        ensure_system_packages(context_on("docker"), [name])
    assert caught.value.field == "apt.txt"
