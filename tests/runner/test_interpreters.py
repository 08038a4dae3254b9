"""Which Python an environment is made of."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from verbatim.errors import PlatformFault, UserFault
from verbatim.stage import PrepareOutputs
from verbatim_runner.environment.build import ensure_environment
from verbatim_runner.environment.declared import PythonDemand
from verbatim_runner.environment.interpreters import (
    Interpreter,
    available_interpreters,
    choose_interpreter,
    find_interpreter,
    own_interpreter,
)

if TYPE_CHECKING:
    from conftest import Unavailable
    from runner.conftest import Ground

OWN = own_interpreter()


@pytest.fixture(autouse=True)
def _nothing_to_fetch(monkeypatch) -> None:
    monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", "http://127.0.0.1:9")


@pytest.fixture
def other(ground: Ground, unavailable: Unavailable) -> Interpreter:
    """Another Python of this machine."""
    found = available_interpreters(ground.context(ground.request("prepare")))
    others = [interpreter for interpreter in found if interpreter.minor != OWN.minor]
    if not others:
        unavailable("a second Python", f"only {OWN.version} is here", "Install one (pyenv, or uv python install 3.12)")
    return others[0]


def test_without_a_demand_it_is_the_platforms_own(ground):
    context = ground.context(ground.request("prepare"))
    assert choose_interpreter(context, None) == OWN


def test_the_platforms_own_is_taken_where_it_will_do(ground):
    chosen = choose_interpreter(ground.context(ground.request("prepare")), PythonDemand(">=3.8", "pyproject.toml"))
    assert (chosen.path, chosen.why) == (OWN.path, "pyproject.toml demands >=3.8")


def test_another_python_of_the_machine_is_found_and_used(ground, write_tree, other):
    code = ground.store_directory(write_tree({"train.py": "", "runtime.txt": f"python-{other.version}\n"}))
    result = ground.run(ground.request("prepare", code=code))
    assert isinstance(result.outputs, PrepareOutputs), result.error
    made = result.outputs.environment
    assert made.python.rpartition(".")[0] == other.minor
    assert "runtime.txt" in (made.interpreter or "")
    environment = ensure_environment(ground.context(ground.request("train", code=code)), made.lock_digest, made.python)
    asked = [environment.python, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() == made.python


def test_the_confs_python_comes_before_the_projects(ground, other):
    request = ground.request("prepare", {"environment": {"python": OWN.minor}})
    assert (
        choose_interpreter(ground.context(request), PythonDemand(f"=={other.minor}.*", "runtime.txt")).path == OWN.path
    )


def test_a_demand_that_cannot_be_met_names_what_is_here_and_what_to_write(ground):
    context = ground.context(ground.request("prepare"))
    with pytest.raises(UserFault) as raised:
        choose_interpreter(context, PythonDemand("==3.2.*", "runtime.txt"))
    assert raised.value.field == "environment.python"
    assert raised.value.message.startswith("runtime.txt demands ==3.2.*")
    for said in (OWN.version, '"environment": {"python": "', '"environment": {"relax": true}'):
        assert said in raised.value.message


def test_relax_takes_the_python_nearest_to_the_demand_and_says_so(ground):
    context = ground.context(ground.request("prepare", {"environment": {"relax": True}}))
    chosen = choose_interpreter(context, PythonDemand("==3.2.*", "runtime.txt"))
    oldest = min(int(interpreter.version.split(".")[1]) for interpreter in available_interpreters(context))
    assert int(chosen.version.split(".")[1]) == oldest
    assert "runtime.txt" in context.warnings[0]


def test_a_lock_for_a_python_that_this_host_lacks_is_the_platforms_fault(ground):
    with pytest.raises(PlatformFault, match=r"3\.2\.1"):
        find_interpreter(ground.context(ground.request("train")), "3.2.1")


def test_neither_virtual_environments_nor_scripts_are_taken(ground, tmp_path, monkeypatch):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    shims = tmp_path / "shims"
    shims.mkdir()
    (shims / "python3").write_text(f'#!/bin/sh\nexec "{tmp_path}/venv/bin/python" "$@"\n')
    (shims / "python3").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/venv/bin:{shims}")
    found = available_interpreters(ground.context(ground.request("prepare")))
    assert not [interpreter for interpreter in found if str(tmp_path) in interpreter.path]
