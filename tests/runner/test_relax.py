"""environment.relax: names are kept, and of the pins as many as can be installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from runner.package_index import PackageIndex, wheel

from verbatim.stage import PrepareOutputs, StageResult
from verbatim_runner.environment.interpreters import own_interpreter
from verbatim_runner.environment.relax import dropped, relaxed
from verbatim_runner.environment.resolver import Wish
from verbatim_runner.environment.uv import Refused

if TYPE_CHECKING:
    from pathlib import Path

    from runner.conftest import Ground

FOREIGN = "cp27-cp27mu-manylinux1_x86_64"
CONF = {"environment": {"relax": True, "python": own_interpreter().minor}}


@pytest.fixture
def index(index: PackageIndex) -> PackageIndex:
    index.add(wheel("numeric", "1.0", tag=FOREIGN))
    index.add(wheel("numeric", "1.5"))
    index.add(wheel("numeric", "2.0"))
    index.add(wheel("learn", "0.9", tag=FOREIGN))
    index.add(wheel("learn", "1.0"))
    index.add(wheel("six", "1.0"))
    index.add(wheel("six", "1.1"))
    return index


def prepared(ground: Ground, write_tree, requirements: str, conf=CONF) -> StageResult:
    code = ground.store_directory(write_tree({"train.py": "", "requirements.txt": requirements}))
    return ground.run(ground.request("prepare", conf, code))


def lock_of(ground: Ground, result: StageResult) -> list[str]:
    assert isinstance(result.outputs, PrepareOutputs), result.error
    lock = ground.store.get_blob(result.outputs.environment.lock_digest).decode()
    return [line.split()[0] for line in lock.splitlines() if not line.startswith(" ")]


@pytest.mark.usefixtures("index")
def test_only_pins_that_fail_are_dropped_and_named(ground, write_tree):
    result = prepared(ground, write_tree, "numeric==1.0\nlearn==0.9\nsix==1.0\n")
    assert lock_of(ground, result) == ["learn==1.0", "numeric==1.5", "six==1.0"]
    assert result.outputs.environment.relaxed == ("numeric==1.0", "learn==0.9")
    assert any("numeric==1.0" in warning for warning in result.warnings)


@pytest.mark.usefixtures("index")
def test_nothing_is_dropped_where_all_can_be_installed(ground, write_tree):
    result = prepared(ground, write_tree, "numeric==1.5\n")
    assert (lock_of(ground, result), result.outputs.environment.relaxed) == (["numeric==1.5"], ())


def test_pins_that_exclude_each_other_are_loosened(ground, write_tree, index):
    index.add(wheel("frame", "3.0", requires=("numeric>=2",)))
    result = prepared(ground, write_tree, "frame==3.0\nnumeric==1.5\n")
    assert "numeric==2.0" in lock_of(ground, result)


@pytest.mark.usefixtures("index")
def test_without_relax_the_reason_and_the_line_to_try_are_shown(ground, write_tree):
    result = prepared(ground, write_tree, "numeric==1.0\n", {"environment": {"python": own_interpreter().minor}})
    assert result.error is not None
    lines = result.error.message.splitlines()
    assert lines[0].startswith("resolving requirements.txt failed: ")
    assert "numeric==1.0" in lines[1]
    assert '"environment": {"relax": true}' in lines[-1]
    assert len(lines) < 8


@pytest.mark.usefixtures("index")
def test_a_name_that_does_not_exist_cannot_be_relaxed(ground, write_tree):
    result = prepared(ground, write_tree, "nowhere==1.0\n")
    assert result.error is not None
    assert (result.error.kind, "To try" in result.error.message) == ("user", False)


def refusal(said: str) -> Refused:
    refused = Refused(said)
    refused.said = said
    return refused


def wished(path: Path, *requirements: str) -> Wish:
    return Wish("requirements.txt", path, path, own_interpreter(), requirements=requirements)


@pytest.mark.parametrize(("line", "steps"), [
    ("numpy==1.19.0", ["numpy<2,>=1.19.0", "numpy>=1.19.0", "numpy"]),
    ('numpy[all]==1.19.* ; python_version > "3"', ['numpy[all]<2,>=1.19; python_version > "3"']),
    ("numpy<1.20", ["numpy"]),
    ("numpy~=1.19", ["numpy>=1.19", "numpy"]),
])  # fmt: skip
def test_a_pin_is_loosened_by_steps_that_keep_extras_and_markers(tmp_path, line, steps):
    wish: Wish | None = wished(tmp_path, line, "six==1.0")
    for step in steps:
        wish = relaxed(wish, refusal("Because numpy==1.19.0 has no usable wheels and you require numpy==1.19.0, …"))
        assert wish is not None
        assert wish.requirements == (step, "six==1.0")
    assert dropped(wished(tmp_path, line, "six==1.0"), wish) == (line,)


def test_where_no_pin_can_be_told_all_are_dropped(tmp_path):
    wish: Wish | None = wished(tmp_path, "numpy==1.0", "six==1.0", "idna")
    for _ in range(3):
        wish = relaxed(wish, refusal("it cannot be done"))
    assert wish is not None
    assert wish.requirements == ("numpy", "six", "idna")
    assert relaxed(wish, refusal("it cannot be done")) is None
