"""The host's cache of environments and packages: bounded, and never short of what a stage uses."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from runner.package_index import wheel

from verbatim.stage import CacheLimits, PrepareOutputs
from verbatim_runner.environment.bound import hold, record_of, size_of
from verbatim_runner.environment.build import ensure_environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runner.conftest import Ground
    from runner.package_index import PackageIndex

    from verbatim.stage import EnvironmentRef, StageRequest
    from verbatim_runner.stage_context import StageContext

PLENTY = 10**12
pytestmark = pytest.mark.filterwarnings("error")


class Host:
    """A host whose stages prepare environments of one package each."""

    def __init__(self, ground: Ground, index: PackageIndex, write_tree: Callable[[dict[str, str]], Path]) -> None:
        self.ground = ground
        self._index = index
        self._write_tree = write_tree
        self._tries = 0

    def request(self, package: str, limit: int) -> StageRequest:
        if package not in self._index.files:
            self._index.add(wheel(package, "1.0"))
        self._tries += 1
        code = self.ground.store_directory(
            self._write_tree({"train.py": f"import {package}\n", "requirements.txt": f"{package}==1.0\n"})
        )
        request = self.ground.request("prepare", code=code, try_number=self._tries)
        return request.model_copy(update={"limits": CacheLimits(environment_bytes=limit)})

    def prepare(self, package: str, limit: int = PLENTY) -> EnvironmentRef:
        result = self.ground.run(self.request(package, limit))
        assert isinstance(result.outputs, PrepareOutputs), result.error
        return result.outputs.environment

    def context(self, limit: int = PLENTY) -> StageContext:
        request = self.ground.request("train").model_copy(update={"limits": CacheLimits(environment_bytes=limit)})
        return self.ground.context(request)

    def home(self, environment: EnvironmentRef) -> Path:
        context = self.context()
        with context.closing:
            return ensure_environment(context, environment.lock_digest, environment.python).bin_dir.parent

    @property
    def homes(self) -> set[Path]:
        return {path.with_suffix("") for path in (self.ground.cache / "environments").glob("*.json")}

    @property
    def packages(self) -> int:
        return size_of(self.ground.cache / "wheels")


@pytest.fixture
def host(ground: Ground, index: PackageIndex, write_tree: Callable[[dict[str, str]], Path]) -> Host:
    return Host(ground, index, write_tree)


def test_the_environment_that_was_not_used_for_longest_is_removed(host: Host):
    first, second = host.home(host.prepare("first")), host.home(host.prepare("second"))
    for home, used_at in ((first, 2_000_000_000), (second, 1_000_000_000)):
        os.utime(record_of(home), (used_at, used_at))
    third = host.home(host.prepare("third", limit=int(2.5 * size_of(first)) + host.packages))
    assert host.homes == {first, third}
    assert not second.exists()


def test_one_that_a_stage_uses_stays(host: Host):
    environment = host.prepare("first")
    context = host.context()
    with context.closing:
        home = ensure_environment(context, environment.lock_digest, environment.python).bin_dir.parent
        os.utime(record_of(home), (0, 0))
        host.prepare("second", limit=1)
        assert (home / "bin/python").exists()
    host.prepare("third", limit=1)
    assert not home.exists()


def test_the_one_that_was_just_built_stays_and_is_found_again(host: Host):
    environment = host.prepare("first", limit=1)
    assert not environment.cached
    assert host.prepare("first").cached


def test_packages_go_where_environments_alone_are_not_enough(host: Host):
    host.prepare("first")
    before = host.packages
    host.prepare("second", limit=1)
    assert host.packages < before


def test_what_was_left_unfinished_is_removed_first(host: Host):
    first = host.home(host.prepare("first"))
    unfinished = first.with_name("0" * 24)
    unfinished.mkdir()
    (unfinished / "half").write_bytes(b"x" * size_of(first))
    second = host.home(host.prepare("second", limit=int(2.5 * size_of(first)) + host.packages))
    assert not unfinished.exists()
    assert host.homes == {first, second}


def test_using_one_makes_it_the_last_to_go(host: Host):
    home = host.home(host.prepare("first"))
    os.utime(record_of(home), (0, 0))
    context = host.context()
    with context.closing:
        assert hold(context, home)
    assert record_of(home).stat().st_mtime > 0
    assert not hold(context, home.with_name("nothing"))
