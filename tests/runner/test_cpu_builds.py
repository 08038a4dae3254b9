"""No CUDA where no GPU is asked for, with an index and a directory that have packages of torch's form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from runner.package_index import PackageIndex, wheel

from verbatim.stage import PrepareOutputs, StageResult
from verbatim_runner.environment import cpu_builds
from verbatim_runner.environment.interpreters import own_interpreter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runner.conftest import Ground

TAG = f"cp{own_interpreter().minor.replace('.', '')}-none-any"


@pytest.fixture(autouse=True)
def index(index: PackageIndex, monkeypatch) -> PackageIndex:
    """Two releases of torch with CUDA; and PyTorch's own index does not answer."""
    monkeypatch.setattr(cpu_builds, "_index_answers", lambda: False)
    for version in ("2.0", "2.1"):
        index.add(wheel("torch", version, requires=("nvidia-cublas",)), f"202{version[-1]}-01-01T00:00:00Z")
        index.add(wheel("torchvision", version, requires=(f"torch=={version}",)))
    index.add(wheel("nvidia_cublas", "1.0"))
    index.add(wheel("boost", "1.0", requires=("nvidia-cublas",)))
    return index


@pytest.fixture
def add_build(tmp_path, monkeypatch) -> Callable[[str, str], None]:
    """Put a build for the CPU into the machine's directory of packages."""
    directory: Path = tmp_path / "wheels"
    directory.mkdir()
    monkeypatch.setenv("UV_FIND_LINKS", str(directory))

    def add(name: str, version: str, requires: tuple[str, ...] = ()) -> None:
        file, content = wheel(name, version, requires, TAG)
        (directory / file).write_bytes(content)

    return add


def prepared(ground: Ground, write_tree, requirements: str, gpus: int = 0, as_of: str = "now") -> StageResult:
    code = ground.store_directory(write_tree({"train.py": "", "requirements.txt": requirements}))
    conf = {"resources": {"gpus": gpus}, "environment": {"as_of": as_of}}
    return ground.run(ground.request("prepare", conf, code))


def lock_of(ground: Ground, result: StageResult) -> list[str]:
    assert isinstance(result.outputs, PrepareOutputs), result.error
    lock = ground.store.get_blob(result.outputs.environment.lock_digest).decode()
    return [line.split()[0] for line in lock.splitlines() if not line.startswith(" ")]


def test_a_build_of_this_machine_is_taken_where_it_is_in_range(ground, write_tree, add_build):
    add_build("torch", "2.0+cpu")
    result = prepared(ground, write_tree, "torch\nboost\n")
    assert lock_of(ground, result) == ["boost==1.0", "torch==2.0+cpu"]
    assert result.warnings == ()


def test_a_build_out_of_range_is_not_taken_and_the_size_is_said(ground, write_tree, add_build):
    add_build("torch", "2.0+cpu")
    result = prepared(ground, write_tree, "torch==2.1\n")
    assert lock_of(ground, result) == ["nvidia-cublas==1.0", "torch==2.1"]
    assert any("CUDA" in warning and "GB" in warning for warning in result.warnings)


def test_a_dated_environment_takes_no_other_version_for_the_cpus_sake(ground, write_tree, add_build):
    add_build("torch", "2.1+cpu")
    result = prepared(ground, write_tree, "torch\n", as_of="2020-06-01T00:00:00Z")
    assert "torch==2.0" in lock_of(ground, result)


def test_with_gpus_no_build_for_the_cpu_is_taken(ground, write_tree, add_build):
    add_build("torch", "2.1+cpu")
    assert lock_of(ground, prepared(ground, write_tree, "torch==2.1\n", gpus=1)) == ["nvidia-cublas==1.0", "torch==2.1"]


@pytest.mark.parametrize("complete", [False, True])
def test_builds_of_both_kinds_are_not_mixed(ground, write_tree, add_build, complete):
    add_build("torch", "2.1+cpu")
    if complete:
        add_build("torchvision", "2.1+cpu", ("torch==2.1",))
    lock = lock_of(ground, prepared(ground, write_tree, "torch\ntorchvision\n"))
    kind = "2.1+cpu" if complete else "2.1"
    assert {line for line in lock if line.startswith("torch")} == {f"torch=={kind}", f"torchvision=={kind}"}


def test_libraries_that_are_loaded_only_with_a_gpu_are_left_out(ground, write_tree):
    assert lock_of(ground, prepared(ground, write_tree, "boost\n")) == ["boost==1.0"]


@pytest.mark.parametrize(("lock", "options"), [
    ("torch==2.0+cpu \\\n    --hash=sha256:00\n", ()),
    ("torch==1.9+cpu \\\n    --hash=sha256:00\n", ("--torch-backend", "cpu")),
    ("torch==2.0 \\\n    --hash=sha256:00\n", ()),
])  # fmt: skip
def test_a_lock_is_installed_from_where_its_builds_are(add_build, lock, options):
    add_build("torch", "2.0+cpu")
    assert cpu_builds.install_options(lock) == options
