"""The platform of docker-compose.yaml: brought up, used for a run in containers, stopped and started again, taken down."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from e2e.airflow_api import AirflowApi

from verbatim.documents import now
from verbatim.ids import new_run_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import docker

pytestmark = pytest.mark.compose

ROOT = Path(__file__).parents[2]
SERVICES = {"api-server", "dag-processor", "postgres", "s3", "scheduler", "triggerer"}


@dataclass(frozen=True)
class ComposePlatform:
    """A project of its own: its containers, volumes, networks, secrets and port meet no other's."""

    project: str
    port: int
    secrets: Path
    projects: Path

    def compose(self, *arguments: str) -> str:
        settings = {
            "VERBATIM_PROJECT": self.project,
            "VERBATIM_PORT": str(self.port),
            "VERBATIM_SECRETS": str(self.secrets),
            "VERBATIM_PROJECTS": str(self.projects),
        }
        command = [ROOT / "deploy/compose.sh", *arguments]
        done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    @contextmanager
    def api(self) -> Iterator[AirflowApi]:
        api = AirflowApi(f"http://127.0.0.1:{self.port}", "admin", (self.secrets / "admin_password").read_text())
        try:
            yield api
        finally:
            api.close()

    def record(self, run_id: str) -> dict[str, Any]:
        """Return a run's record, made where the platform is."""
        program = (
            "import json, sys; from verbatim.record import run_record; from verbatim_operators.worker import open_platform; "
            "platform = open_platform(); print(json.dumps(run_record(platform.store, platform.catalog, sys.argv[1])))"
        )
        entrypoint = ("exec", "-T", "scheduler", "/usr/local/bin/platform_entrypoint.sh", "python", "-c", program)
        return dict(json.loads(self.compose(*entrypoint, run_id).splitlines()[-1]))


@pytest.fixture(scope="module")
def platform(
    docker_daemon: docker.DockerClient, unavailable: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ComposePlatform]:
    if (
        not shutil.which("docker-compose")
        and subprocess.run(["docker", "compose", "version"], check=False, capture_output=True).returncode
    ):
        unavailable(
            "Docker Compose",
            "neither `docker compose` nor docker-compose is installed",
            "Debian: apt install docker-compose",
        )
    subprocess.run(["make", "images"], cwd=ROOT, check=True)
    scratch = tmp_path_factory.mktemp("compose")
    platform = ComposePlatform(f"verbatim-test-{os.getpid()}", free_port(), scratch / "secrets", scratch / "projects")
    subprocess.run(
        [ROOT / "deploy/make_secrets.sh"], env=os.environ | {"VERBATIM_SECRETS": str(platform.secrets)}, check=True
    )
    shutil.copytree(ROOT / "examples/breast-cancer", platform.projects / "breast-cancer")
    for directory in (scratch, *scratch.parents[:2]):
        directory.chmod(0o755)  # Airflow in its container is another user
    try:
        platform.compose("up", "--detach", "--no-build")
        wait_for_dag(platform)
        yield platform
    finally:
        platform.compose("down", "--volumes", "--timeout", "30")


def wait_for_dag(platform: ComposePlatform) -> None:
    """Wait until the DAG processor, which starts last, has read the DAG."""
    deadline = time.monotonic() + 240
    with platform.api() as api:
        while not api.get("dags")["dags"]:
            assert time.monotonic() < deadline, platform.compose("logs", "--tail", "30", "dag-processor")
            time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def run_id(platform: ComposePlatform) -> str:
    """A finished run of an example, whose code and data lie in the projects' directory."""
    project = platform.projects / "breast-cancer"
    conf = json.loads((project / "conf.json").read_text())
    conf |= {"code": str(project)}
    conf["data"]["train"]["file"]["uri"] = f"file://{project}/lake/"
    with platform.api() as api:
        run_id = api.trigger(conf, run_id=new_run_id("breast-cancer", now()))
        state = api.wait(run_id)
        tasks = api.tasks(run_id)
        failed = {task: api.log_lines(run_id, task)[:5] for task in tasks if tasks[task]["state"] == "failed"}
    assert state == "success", failed
    return run_id


def test_a_run_registers_a_model_in_the_s3_store(platform: ComposePlatform, run_id: str):
    record = platform.record(run_id)

    assert record["status"] == "succeeded"
    assert record["engine"] == "docker"
    assert record["model"]["version"] == 1
    assert all(gate["passed"] for gate in record["gates"])


def test_what_runs_shows_no_secret_to_docker_inspect(
    platform: ComposePlatform, docker_daemon: docker.DockerClient, run_id: str
):
    containers = docker_daemon.containers.list(
        all=True, filters={"label": f"com.docker.compose.project={platform.project}"}
    )
    inspected = json.dumps([container.attrs for container in containers])

    assert {container.labels["com.docker.compose.service"] for container in containers} == SERVICES | {"prepare"}
    for secret in platform.secrets.iterdir():
        assert secret.read_text() not in inspected, secret.name


def test_only_the_api_server_can_be_reached_from_outside_and_only_from_this_machine(
    platform: ComposePlatform, docker_daemon: docker.DockerClient
):
    published = {
        container.labels["com.docker.compose.service"]: container.ports
        for container in docker_daemon.containers.list(
            filters={"label": f"com.docker.compose.project={platform.project}"}
        )
        if any(container.ports.values())
    }

    assert published == {"api-server": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(platform.port)}]}}


def test_the_containers_of_stages_see_the_store_and_nothing_else_of_the_platform(
    platform: ComposePlatform, docker_daemon: docker.DockerClient
):
    program = """
import socket
for name in ("s3", "postgres", "api-server", "scheduler"):
    try:
        socket.getaddrinfo(name, 80)
        print(name)
    except OSError:
        pass
"""
    seen = docker_daemon.containers.run(
        "verbatim-runner:latest",
        ["-c", program],
        entrypoint="python3",
        network=f"{platform.project}-stages",
        remove=True,
    )

    assert seen.decode().split() == ["s3"]


def test_a_run_outlives_the_platform_that_made_it(platform: ComposePlatform, run_id: str):
    before = platform.record(run_id)

    platform.compose("down", "--timeout", "30")
    platform.compose("up", "--detach", "--no-build")

    assert platform.record(run_id) == before
