"""System packages through Airflow and real containers, and a shell in the state of such a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from platform_fixture import ROOT, VERBATIM

from verbatim.container import RUN_LABEL, STAGE_LABEL
from verbatim.system_packages import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import docker
    from platform_fixture import Commands

pytestmark = [pytest.mark.airflow, pytest.mark.docker]

TRAIN = "hello >$SM_MODEL_DIR/model.txt\n"


@pytest.fixture
def verbatim(platform_with_engine: Callable[[str], Commands], runner_image: str) -> Commands:
    return platform_with_engine("docker")


@pytest.fixture
def without_made_images(docker_daemon: docker.DockerClient) -> Iterator[None]:
    """Removes the images with packages that a test has made."""
    before = {image.id for image in docker_daemon.images.list(REPOSITORY)}
    yield
    for image in docker_daemon.images.list(REPOSITORY):
        if image.id not in before:
            docker_daemon.images.remove(image.id, force=True)


def submit(verbatim: Commands, tmp_path: Path, files: dict[str, str], expect: int = 0) -> Any:
    project = tmp_path / "project"
    project.mkdir()
    for name, content in files.items():
        (project / name).write_text(content)
    conf = tmp_path / "conf.json"
    conf.write_text(json.dumps({"code": str(project), "parameters": {"epochs": 3}}))
    return verbatim("submit", str(conf), "--wait", "--json", expect=expect)


@pytest.mark.usefixtures("without_made_images")
def test_a_run_has_the_packages_of_apt_txt_and_so_has_its_shell(
    verbatim: Commands, docker_daemon: docker.DockerClient, tmp_path: Path
) -> None:
    record = submit(verbatim, tmp_path, {"train.sh": TRAIN, "apt.txt": "hello  # says so\n"})
    assert [package.split("=")[0] for package in record["system_packages"]] == ["hello"]

    script = "hello; id -u; pwd; ls; echo $SM_HP_EPOCHS; test -d /opt/ml/input/config && echo at its place; touch /usr/x 2>/dev/null || echo read-only; exit 3"
    done = verbatim.run("shell", record["run_id"], "--", "sh", "-c", script)
    assert done.returncode == 3, done.stderr
    assert done.stdout.splitlines() == [
        "Hello, world!", "65521", "/verbatim/work/source", "apt.txt", "train.sh", "3", "at its place", "read-only",
    ]  # fmt: skip

    on_a_terminal = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    own = {"VERBATIM_HOME": str(verbatim.home), "VERBATIM_CONFIG": str(verbatim.config), "TERM": "dumb"}
    typed = subprocess.run(
        [sys.executable, "-c", on_a_terminal, VERBATIM, "shell", record["run_id"]],
        cwd=ROOT, env=os.environ | own, input=b"test -t 0 && echo is $((40 + 2)); exit 5\n", stdout=subprocess.PIPE,
        timeout=120, check=False,
    )  # fmt: skip
    assert typed.returncode == 5
    assert b"is 42" in typed.stdout
    assert not docker_daemon.containers.list(all=True, filters={"label": f"{RUN_LABEL}={record['run_id']}"})


def test_after_a_failed_install_a_shell_opens_with_an_environment_to_mend_it_in(
    verbatim: Commands, tmp_path: Path
) -> None:
    files = {"train.sh": TRAIN, "requirements.txt": "verbatim-nowhere-to-be-found==1\n"}
    record = submit(verbatim, tmp_path, files, expect=65)
    script = "uv pip install --quiet six && python -c 'import six; print(six.__name__)'"
    done = verbatim.run("shell", record["run_id"], "--", "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "six\n"
    assert "the run failed in prepare" in done.stderr


def test_down_ends_a_shell_that_was_left_open(
    verbatim: Commands, docker_daemon: docker.DockerClient, tmp_path: Path
) -> None:
    from verbatim_cli.embedded.containers import remove_stage_containers

    record = submit(verbatim, tmp_path, {"train.sh": "echo m >$SM_MODEL_DIR/model.txt\n"})
    own = {"VERBATIM_HOME": str(verbatim.home), "VERBATIM_CONFIG": str(verbatim.config)}
    with subprocess.Popen(
        [VERBATIM, "shell", record["run_id"], "--", "sh", "-c", "echo ready; exec sleep 600"],
        cwd=ROOT, env=os.environ | own, stdout=subprocess.PIPE, text=True,
    ) as shell:  # fmt: skip
        assert shell.stdout is not None
        assert shell.stdout.readline() == "ready\n"
        labels = [f"{RUN_LABEL}={record['run_id']}", f"{STAGE_LABEL}=shell"]
        assert len(docker_daemon.containers.list(filters={"label": labels})) == 1
        assert remove_stage_containers({record["run_id"]}) == 1
        assert shell.wait(60) != 0
