"""The docker engine against a real daemon."""

from __future__ import annotations

import gc
import json
import logging
import multiprocessing
import os
import stat
import threading
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from verbatim.errors import PlatformFault, UserFault
from verbatim.settings import DockerSettings, PlatformSettings
from verbatim.stage import S3Credentials, StageSecrets
from verbatim_operators.engines.base import Launch
from verbatim_operators.engines.daemon import connect
from verbatim_operators.engines.docker import DockerEngine, container_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import docker

    from verbatim.stage import StageRequest

    MakeRequest = Callable[..., StageRequest]

pytestmark = pytest.mark.docker

SECRETS = StageSecrets(store=S3Credentials(access_key_id="known", secret_access_key="never-to-be-seen"))
SETTLED_S = 30
IDLE = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done"


@pytest.fixture
def make_engine(settings: PlatformSettings, docker_daemon: docker.DockerClient) -> Iterator[Callable[[], DockerEngine]]:
    """Makes engines, each with a connection of its own, as every task has."""
    with ExitStack() as connections:
        yield lambda: DockerEngine(settings, lambda: connections.enter_context(closing(connect())))


@pytest.fixture
def engine(make_engine: Callable[[], DockerEngine]) -> DockerEngine:
    return make_engine()


class Run:
    """A stage that runs in a thread of its own, so that a test can look at it meanwhile."""

    def __init__(self, engine: DockerEngine, request: StageRequest) -> None:
        self.lines: list[str] = []
        self.outcome: Any = None
        self._said = threading.Condition()
        self._thread = threading.Thread(target=self._run, args=(engine, request))
        self._thread.start()

    def _run(self, engine: DockerEngine, request: StageRequest) -> None:
        self.outcome = engine.run(Launch(request, SECRETS), self._on_line)

    def _on_line(self, line: str) -> None:
        with self._said:
            self.lines.append(line)
            self._said.notify_all()

    def wait_for(self, line: str) -> None:
        with self._said:
            assert self._said.wait_for(lambda: line in self.lines, SETTLED_S), self.lines

    def wait(self) -> None:
        self._thread.join(SETTLED_S)
        assert not self._thread.is_alive()


def run(engine: DockerEngine, request: StageRequest) -> tuple[Any, list[str]]:
    lines: list[str] = []
    return engine.run(Launch(request, SECRETS), lines.append), lines


def containers(daemon: docker.DockerClient) -> list[Any]:
    return daemon.containers.list(all=True, filters={"label": "verbatim.run=churn-20261120T042010-9f3c1a"})


def test_a_stage_runs_and_leaves_nothing_behind(
    engine: DockerEngine, make_request: MakeRequest, script_image: str, docker_daemon: docker.DockerClient
) -> None:
    volumes = {volume.id for volume in docker_daemon.volumes.list()}
    outcome, lines = run(engine, make_request(image=script_image, command="echo said; echo warned >&2; exit 7"))
    assert outcome.exit_code == 7
    assert sorted(lines) == ["said", "warned"]
    assert containers(docker_daemon) == []
    assert {volume.id for volume in docker_daemon.volumes.list()} == volumes


def test_secrets_reach_the_stage_and_nobody_who_inspects_it(
    engine: DockerEngine, make_request: MakeRequest, script_image: str, docker_daemon: docker.DockerClient
) -> None:
    command = f"cat /verbatim/in/secrets.json; echo; stat -c '%a %u' /verbatim/in/secrets.json; {IDLE}"
    started = Run(engine, make_request(image=script_image, command=command))
    started.wait_for("ready")
    container = docker_daemon.containers.get(container_name(make_request()))
    inspected = json.dumps(container.attrs)
    as_the_user = container.exec_run(["cat", "/verbatim/in/secrets.json"], user="65521")
    engine.stop()
    started.wait()
    assert "never-to-be-seen" in started.lines[0]
    assert started.lines[1] == "600 0"
    assert "never-to-be-seen" not in inspected
    assert as_the_user.exit_code != 0
    assert b"never-to-be-seen" not in as_the_user.output


def test_a_stage_has_few_rights(engine: DockerEngine, make_request: MakeRequest, script_image: str) -> None:
    command = """
    touch /usr/x 2>/dev/null || echo read-only
    grep CapBnd /proc/self/status | tr -d '\\t'
    grep NoNewPrivs /proc/self/status | tr -d '\\t'
    test -e /var/run/docker.sock || echo no socket
    touch /tmp/x /verbatim/work/x /verbatim/store/x /verbatim/cache/x && echo can work
    """
    outcome, lines = run(engine, make_request(image=script_image, command=command))
    capabilities = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 5 | 1 << 6 | 1 << 7  # see linux/capability.h
    assert lines == ["read-only", f"CapBnd:{capabilities:016x}", "NoNewPrivs:1", "no socket", "can work"]
    assert outcome.exit_code == 0


def test_limits_are_the_confs(
    engine: DockerEngine, make_request: MakeRequest, script_image: str, docker_daemon: docker.DockerClient
) -> None:
    resources = {"memory": "256m", "cpus": 0.5}
    started = Run(engine, make_request(image=script_image, command=IDLE, resources=resources))
    started.wait_for("ready")
    container = docker_daemon.containers.get(container_name(make_request()))
    config, labels = container.attrs["HostConfig"], container.labels
    engine.stop()
    started.wait()
    assert (config["Memory"], config["MemorySwap"], config["NanoCpus"]) == (256 * 2**20, 256 * 2**20, 500_000_000)
    assert (config["PidsLimit"], config["ShmSize"]) == (4096, 128 * 2**20)
    assert labels["verbatim.stage"] == "train"
    assert labels["verbatim.try"] == "1"


def test_lines_come_whole_and_as_they_are_said(
    engine: DockerEngine, make_request: MakeRequest, script_image: str
) -> None:
    command = "python3 -c 'print(\"é\" * 60000)'; printf 'a'; printf 'b\\n'; printf 'the last has no end'"
    _, lines = run(engine, make_request(image=script_image, command=command))
    assert lines == ["é" * 60000, "ab", "the last has no end"]


def test_a_stopped_stage_gets_sigterm_first(engine: DockerEngine, make_request: MakeRequest, script_image: str) -> None:
    command = "trap 'echo told; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    started = Run(engine, make_request(image=script_image, command=command))
    started.wait_for("ready")
    engine.stop()
    started.wait()
    assert started.lines == ["ready", "told"]


def test_running_out_of_memory_is_named_with_the_limit(
    engine: DockerEngine, make_request: MakeRequest, script_image: str
) -> None:
    command = "exec python3 -c 'b\"x\" * (200 << 20)'"
    outcome, _ = run(engine, make_request(image=script_image, command=command, resources={"memory": "64m"}))
    assert outcome.exit_code == 137
    assert "64 MiB" in outcome.out_of_memory
    assert "resources.memory" in outcome.out_of_memory


def start_and_die(settings: PlatformSettings, request: StageRequest, daemon: docker.DockerClient) -> None:
    """Start a stage in a process of its own, which is killed as soon as the stage speaks."""

    def work(said: int) -> None:
        DockerEngine(settings, connect).run(Launch(request, SECRETS), lambda line: os.write(said, f"{line}\n".encode()))

    readable, writable = os.pipe()
    worker = multiprocessing.get_context("fork").Process(target=work, args=(writable,))
    worker.start()
    os.close(writable)
    with os.fdopen(readable) as said:
        assert said.readline() == "ready\n"
    worker.kill()
    worker.join()
    assert len(containers(daemon)) == 1


def test_a_second_process_of_the_same_try_follows_the_container_that_the_first_left(
    engine: DockerEngine,
    settings: PlatformSettings,
    make_request: MakeRequest,
    script_image: str,
    docker_daemon: docker.DockerClient,
) -> None:
    command = "echo ready; until test -e /verbatim/store/go; do sleep 0.05; done; date > /verbatim/store/ends; exit 3"
    request = make_request(image=script_image, command=command)
    start_and_die(settings, request, docker_daemon)
    again = Run(engine, request)
    again.wait_for("ready")
    Path(settings.store_url.removeprefix("file://"), "go").touch()
    again.wait()
    assert (again.outcome.exit_code, again.lines) == (3, ["ready"])
    assert containers(docker_daemon) == []


def test_what_an_earlier_try_left_is_removed_first(
    engine: DockerEngine,
    settings: PlatformSettings,
    make_request: MakeRequest,
    script_image: str,
    docker_daemon: docker.DockerClient,
) -> None:
    start_and_die(settings, make_request(image=script_image, command=IDLE), docker_daemon)
    outcome, lines = run(engine, make_request(image=script_image, command="echo second", try_number=2))
    assert (outcome.exit_code, lines) == (0, ["second"])
    assert containers(docker_daemon) == []


def test_local_data_is_seen_at_its_own_path_and_not_written_to(
    engine: DockerEngine, make_request: MakeRequest, script_image: str, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    lake.mkdir()
    (lake / "part.csv").write_text("x\n")
    command = f"cat {lake}/part.csv; touch {lake}/y 2>/dev/null || echo read-only"
    data = {"train": {"file": {"uri": f"file://{lake}/"}}}
    _, lines = run(engine, make_request("extract", image=script_image, command=command, data=data))
    assert lines == ["x", "read-only"]
    _, lines = run(engine, make_request("train", image=script_image, command=f"ls {lake} 2>&1 | wc -l", data=data))
    assert "part.csv" not in lines


def test_packages_beside_the_index_are_seen_and_not_written_to(
    settings: PlatformSettings, make_request: MakeRequest, script_image: str, tmp_path: Path, docker_daemon: Any
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "own.whl").touch()
    command = "ls $UV_FIND_LINKS; touch $UV_FIND_LINKS/x 2>/dev/null || echo read-only"
    with closing(connect()) as client:
        engine = DockerEngine(settings.model_copy(update={"wheels": str(wheels)}), lambda: client)
        for stage in ("prepare", "train", "evaluate"):
            assert run(engine, make_request(stage, image=script_image, command=command))[1] == ["own.whl", "read-only"]
        assert run(engine, make_request("extract", image=script_image, command="echo $UV_FIND_LINKS"))[1] == [""]


def test_more_cpus_than_the_machine_has_is_the_confs_fault(
    engine: DockerEngine, make_request: MakeRequest, script_image: str
) -> None:
    with pytest.raises(UserFault, match="does not have 4096 cpus") as caught:
        run(engine, make_request(image=script_image, command="true", resources={"cpus": 4096}))
    assert caught.value.field == "resources.cpus"


def test_a_password_in_an_index_never_becomes_a_variable(
    engine: DockerEngine, make_request: MakeRequest, script_image: str, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://ada:hush@index.example/simple")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://index.example/simple")
    with caplog.at_level(logging.WARNING):
        _, lines = run(engine, make_request(image=script_image, command="env"))
    assert "UV_DEFAULT_INDEX=https://index.example/simple" in lines
    assert not [line for line in lines if "hush" in line]
    assert "PIP_INDEX_URL is not passed" in caplog.text


def test_a_ca_bundle_of_the_machine_is_trusted_inside(
    engine: DockerEngine, make_request: MakeRequest, script_image: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.crt"
    bundle.write_text("the machine's own\n")
    bundle.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
    monkeypatch.setenv("VERBATIM_CA_BUNDLE", os.fspath(bundle))
    _, lines = run(engine, make_request(image=script_image, command="cat $SSL_CERT_FILE; echo $REQUESTS_CA_BUNDLE"))
    assert lines == ["the machine's own", "/etc/ssl/certs/ca-certificates.crt"]


def test_an_image_that_is_not_there_is_the_platforms_fault(settings: PlatformSettings, docker_daemon: Any) -> None:
    absent = settings.model_copy(update={"docker": DockerSettings(image="verbatim-nobody:none")})
    with closing(connect()) as client, pytest.raises(PlatformFault, match="make image"):
        DockerEngine(absent, lambda: client).image()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the SDK leaves the socket open
def test_a_daemon_that_is_not_there_is_the_platforms_fault(tmp_path: Path) -> None:
    with pytest.raises(PlatformFault, match="Docker"):
        connect(f"unix://{tmp_path}/docker.sock")
    gc.collect()
