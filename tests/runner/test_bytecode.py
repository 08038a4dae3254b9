"""What is compiled when an environment is built, and what is taken over from another."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import pytest
from runner.package_index import PackageIndex, sdist, wheel

from verbatim.stage import PrepareOutputs
from verbatim_runner.environment.build import ensure_environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runner.conftest import Ground


@pytest.fixture
def index(index: PackageIndex) -> PackageIndex:
    index.add(wheel("six", "1.0"))
    index.add(wheel("numeric", "1.0"))
    index.add(wheel("numeric", "2.0"))
    return index


@pytest.fixture
def build(ground: Ground, write_tree) -> Callable[[str], Path]:
    """Build an environment and return its packages' directory."""
    tries: list[str] = []

    def built(requirements: str) -> Path:
        tries.append(requirements)
        code = ground.store_directory(write_tree({"train.py": "", "requirements.txt": requirements}))
        result = ground.run(ground.request("prepare", code=code, try_number=len(tries)))
        assert isinstance(result.outputs, PrepareOutputs), result.error
        made = result.outputs.environment
        environment = ensure_environment(ground.context(ground.request("train")), made.lock_digest, made.python)
        return next(environment.bin_dir.parent.glob("lib/python*/site-packages"))

    return built


def marked(packages: Path, module: str) -> Path:
    """Mark a module's bytecode, so that it is told from what is compiled anew; return it."""
    (compiled,) = packages.glob(f"__pycache__/{module}.*.pyc")
    compiled.write_bytes(compiled.read_bytes() + b"marked")
    return compiled


def is_marked(packages: Path, module: str) -> bool:
    (compiled,) = packages.glob(f"__pycache__/{module}.*.pyc")
    return compiled.read_bytes().endswith(b"marked")


@pytest.mark.usefixtures("index")
def test_only_what_changed_is_compiled_again(build):
    first = build("six\nnumeric==1.0\n")
    marked(first, "six")
    marked(first, "numeric")
    second = build("six\nnumeric==2.0\n")
    assert (is_marked(second, "six"), is_marked(second, "numeric")) == (True, False)


def test_nothing_is_taken_from_where_code_of_packages_ran(build, index):
    index.add(sdist("source", "1.0"))
    marked(build("six\nsource\n"), "six")
    assert not is_marked(build("six\n"), "six")


def test_bytecode_that_a_package_brings_is_not_kept(build, index):
    name, content = wheel("brings", "1.0")
    changed = io.BytesIO(content)
    with zipfile.ZipFile(changed, "a") as out:
        out.writestr("__pycache__/six.cpython-311.pyc", b"brought")
    index.add((name, changed.getvalue()))
    packages = build("six\nbrings\n")
    assert [path.name for path in packages.glob("__pycache__/*") if path.read_bytes() == b"brought"] == []
