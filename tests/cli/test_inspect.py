"""``verbatim inspect`` by the real runner: what it finds, what it says of problems, and that it runs nothing."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_fixture import Commands

    WriteProject = Callable[[dict[str, str]], Path]

MLPROJECT = (
    "entry_points: {main: {parameters: {alpha: {type: float, default: 0.5}}, command: 'python fit.py {alpha}'}}\n"
)


@pytest.fixture
def write_project(tmp_path: Path) -> WriteProject:
    def write(files: dict[str, str]) -> Path:
        project = tmp_path / "churn"
        for name, content in files.items():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text(content)
        return project

    return write


def inspected(offline: Commands, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = offline.run("inspect", *arguments, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def test_what_is_found_is_told_with_its_reasons(offline: Commands, write_project: WriteProject) -> None:
    project = write_project({
        "MLproject": MLPROJECT, "fit.py": "import sklearn\n", "requirements.txt": "numpy\n", "apt.txt": "libgomp1\n",
        ".python-version": "3.11\n",
    })  # fmt: skip
    done = offline.run("inspect", str(project))
    assert done.returncode == 0, done.stderr
    for said in (
        "5 files", "bash -c 'python fit.py {parameters.alpha}'", "the entry point main of MLproject", "alpha=0.5",
        "requirements.txt: numpy", "scikit-learn", ".python-version", "libgomp1",
    ):  # fmt: skip
        assert said in done.stdout
    found = inspected(offline, str(project))
    assert found["entry"]["defaults"] == {"alpha": 0.5}
    assert (found["dependencies"]["requirements"], found["dependencies"]["added"]) == (["numpy"], ["scikit-learn"])
    assert found["system_packages"] == ["libgomp1"]
    assert found["problems"] == []


def test_a_project_that_nothing_starts_says_so_and_still_what_else_was_found(
    offline: Commands, write_project: WriteProject
) -> None:
    project = write_project({"one.py": "print(1)\n", "two.py": "print(2)\n", "requirements.txt": "six\n"})
    done = offline.run("inspect", str(project))
    assert done.returncode == 65
    assert '"entry_point": "one.py"' in done.stderr
    assert "requirements.txt: six" in done.stdout
    found = inspected(offline, str(project), code=65)
    assert (found["entry"], found["problems"][0]["field"]) == (None, "entry_point")


def test_nothing_of_the_project_is_run_or_installed(
    offline: Commands, write_project: WriteProject, tmp_path: Path
) -> None:
    touch = f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()\n"
    project = write_project({"train.py": touch, "setup.py": touch, "conftest.py": touch, "sitecustomize.py": touch})
    inspected(offline, str(project))
    assert not (tmp_path / "ran").exists()
    assert not list((offline.home).glob("cache/environments/*"))


def test_a_git_repository_is_looked_at_as_of_a_ref(offline: Commands, write_project: WriteProject) -> None:
    project = write_project({"jobs/train.py": "import json\n"})
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for arguments in (("init", "-q", "-b", "main"), ("add", "-A"), (*identity, "commit", "-qm", "work"), ("tag", "v1")):
        subprocess.run(["git", *arguments], cwd=project, check=True)
    (project / "jobs/train.py").rename(project / "jobs/fit.py")
    subprocess.run(["git", *identity, "commit", "-qam", "later"], cwd=project, check=True)
    found = inspected(offline, f"file://{project}", "--ref", "v1", "--subdirectory", "jobs")
    assert found["entry"]["argv"] == ["python", "train.py"]
    assert (found["pinned"]["kind"], found["pinned"]["ref"], found["pinned"]["subdirectory"]) == ("git", "v1", "jobs")


def test_code_that_is_not_there_is_an_error_of_the_conf(offline: Commands, tmp_path: Path) -> None:
    done = offline.run("inspect", str(tmp_path / "nowhere"), "--json")
    assert done.returncode == 65
    assert json.loads(done.stdout)["error"]["problems"][0]["field"] == "code.url"


def test_nothing_is_left_behind(offline: Commands, write_project: WriteProject) -> None:
    inspected(offline, str(write_project({"train.py": ""})))
    assert not list(offline.home.glob("cache/work/*"))
    assert not (offline.home / "catalog.db").exists()
