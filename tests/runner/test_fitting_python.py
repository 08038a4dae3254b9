"""Old pins get the Python that has wheels for them, where nothing demands another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from runner.package_index import PackageIndex, sdist, wheel

from verbatim.stage import PrepareOutputs, StageResult
from verbatim_runner.environment.fitting_python import fitting_minor
from verbatim_runner.environment.interpreters import available_interpreters, own_interpreter
from verbatim_runner.environment.resolver import Wish

if TYPE_CHECKING:
    from pathlib import Path

    from runner.conftest import Ground


@pytest.fixture
def index(index: PackageIndex) -> PackageIndex:
    index.add(wheel("plain", "1.0"))
    return index


def built_for(minor: str) -> str:
    tag = f"cp{minor.replace('.', '')}"
    return f"{tag}-{tag}-manylinux2014_x86_64.manylinux2014_aarch64"


def chosen(ground: Ground, path: Path, minors: tuple[str, ...], *requirements: str) -> str | None:
    wish = Wish("requirements.txt", path, path, own_interpreter(), requirements=requirements)
    return fitting_minor(ground.context(ground.request("prepare")), wish, minors)


def test_the_nearest_python_with_all_wheels_is_chosen(ground, tmp_path, index):
    for minor in ("3.8", "3.9"):
        index.add(wheel("numeric", "1.0", tag=built_for(minor)))
    assert chosen(ground, tmp_path, ("3.8", "3.9", "3.13"), "numeric==1.0", "plain==1.0") == "3.9"


def test_what_has_wheels_nowhere_is_left_to_be_built(ground, tmp_path, index):
    index.add(wheel("numeric", "1.0", tag=built_for("3.9")))
    index.add(sdist("learn", "1.0"))
    assert chosen(ground, tmp_path, ("3.9", "3.10"), "numeric==1.0", "learn==1.0") == "3.9"
    assert chosen(ground, tmp_path, ("3.9", "3.10"), "plain==1.0", "learn==1.0") is None


@pytest.mark.usefixtures("index")
def test_what_no_python_can_resolve_chooses_none(ground, tmp_path):
    assert chosen(ground, tmp_path, ("3.9", "3.10"), "nowhere==1.0") is None
    assert chosen(ground, tmp_path, ("3.9", "3.10"), "plain==1.0") is None


def prepared(ground: Ground, write_tree, conf, try_number: int = 1) -> StageResult:
    code = ground.store_directory(write_tree({"train.py": "", "requirements.txt": "numeric==1.0\n"}))
    return ground.run(ground.request("prepare", conf, code, try_number=try_number))


def test_an_environment_is_of_the_python_that_fits(ground, write_tree, index):
    here = available_interpreters(ground.context(ground.request("prepare")))
    minor = next((found.minor for found in here[1:]), here[0].minor)
    index.add(wheel("numeric", "1.0", tag=built_for(minor)))
    for try_number in (1, 2):
        outputs = prepared(ground, write_tree, {}, try_number).outputs
        assert isinstance(outputs, PrepareOutputs)
        assert outputs.environment.python.rpartition(".")[0] == minor
    assert (outputs.environment.interpreter is None) == (minor == own_interpreter().minor)


def test_the_confs_python_is_kept(ground, write_tree, index):
    index.add(wheel("numeric", "1.0", tag=built_for("3.9")))
    error = prepared(ground, write_tree, {"environment": {"python": own_interpreter().minor}}).error
    assert error is not None
    assert "numeric==1.0" in error.message
