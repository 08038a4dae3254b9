"""The docker engine with Debian packages: a real daemon, Debian's real archive, and small packages of it."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from verbatim.errors import PlatformFault, UserFault, VerbatimError
from verbatim.settings import DockerSettings, PlatformSettings
from verbatim.stage import StageSecrets
from verbatim.system_packages import image_with
from verbatim_operators.engines.base import Launch
from verbatim_operators.engines.daemon import connect
from verbatim_operators.engines.docker import DockerEngine
from verbatim_operators.engines.packages import BASE_LABEL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import docker

    from verbatim.stage import StageRequest

    MakeRequest = Callable[..., StageRequest]
    MakeEngine = Callable[[], DockerEngine]

pytestmark = pytest.mark.docker

PATIENCE_S = 300


@pytest.fixture(scope="module")
def base(script_image: str, docker_daemon: docker.DockerClient) -> Iterator[str]:
    """The id of an image to install packages on; what was made of it is removed with all containers that make more."""
    yield script_image
    for container in docker_daemon.containers.list(all=True, filters={"label": f"{BASE_LABEL}={script_image}"}):
        container.remove(force=True, v=True)
    for image in docker_daemon.images.list(filters={"label": f"{BASE_LABEL}={script_image}"}):
        docker_daemon.images.remove(image.id, force=True)


@pytest.fixture
def make_engine(settings: PlatformSettings) -> Iterator[MakeEngine]:
    with ExitStack() as connections:
        yield lambda: DockerEngine(settings, lambda: connections.enter_context(closing(connect())))


def run(engine: DockerEngine, request: StageRequest, *packages: str) -> tuple[int, list[str]]:
    lines: list[str] = []
    outcome = engine.run(Launch(request, StageSecrets(), packages), lines.append)
    return outcome.exit_code, lines


def makers(daemon: docker.DockerClient, base: str) -> list[object]:
    return daemon.containers.list(all=True, filters={"label": f"{BASE_LABEL}={base}"})


def test_stages_that_need_the_same_packages_at_once_have_them_installed_once(
    make_engine: MakeEngine, make_request: MakeRequest, base: str, docker_daemon: docker.DockerClient
) -> None:
    command = "hello; dpkg-query --show --showformat='${Version}\n' hello"
    said: dict[int, tuple[int, list[str]]] = {}

    def stage(number: int) -> None:
        request = make_request(image=base, command=command).model_copy(update={"run_id": f"churn-{number}"})
        said[number] = run(make_engine(), request, "hello")

    threads = [threading.Thread(target=stage, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert [said[number][0] for number in range(2)] == [0, 0]
    assert all("Hello, world!" in lines for _, lines in said.values())
    started = [line for _, lines in said.values() for line in lines if line == "[verbatim] installing hello with apt"]
    assert len(started) == 1
    assert makers(docker_daemon, base) == []

    version = said[0][1][-1]
    _, again = run(make_engine(), make_request(image=base, command=command), f"hello={version}")
    assert again == ["Hello, world!", version]


def test_the_image_with_packages_keeps_nothing_of_how_they_were_fetched(
    make_engine: MakeEngine,
    make_request: MakeRequest,
    base: str,
    docker_daemon: docker.DockerClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://index.example/simple")
    command = "ls /var/lib/apt/lists /verbatim/in; grep -rl index.example /etc /opt/verbatim/__main__.py /var/log /root || echo none"
    code, lines = run(make_engine(), make_request(image=base, command=command), "tree", "hello")
    made, before = docker_daemon.images.get(image_with(base, ["hello", "tree"])), docker_daemon.images.get(base)
    assert code == 0
    assert lines[-1] == "none"
    assert "install.sh" not in lines
    assert "index.example" not in json.dumps([made.attrs, made.history()])
    kept = ("Entrypoint", "Cmd", "Env", "User", "WorkingDir", "Volumes")
    assert [made.attrs["Config"].get(name) or None for name in kept] == [
        before.attrs["Config"].get(name) or None for name in kept
    ]


def test_a_package_that_debian_does_not_have_is_the_users_to_mend(
    make_engine: MakeEngine, make_request: MakeRequest, base: str, docker_daemon: docker.DockerClient
) -> None:
    with pytest.raises(UserFault, match="Unable to locate package libverbatim-nowhere") as caught:
        run(make_engine(), make_request("prepare", image=base, command="true"), "libverbatim-nowhere")
    assert caught.value.field == "apt.txt"
    assert makers(docker_daemon, base) == []


def test_a_recorded_version_that_is_no_more_to_be_had_says_where_to_run_instead(
    make_engine: MakeEngine, make_request: MakeRequest, base: str
) -> None:
    with pytest.raises(PlatformFault, match=r"prepared with hello=0\.1"):
        run(make_engine(), make_request("train", image=base, command="true"), "hello=0.1")


def test_an_archive_that_does_not_answer_is_the_platforms_fault(
    settings: PlatformSettings, make_request: MakeRequest, base: str
) -> None:
    lonely = settings.model_copy(update={"docker": DockerSettings(cache_volume="verbatim-tests", network="none")})
    with closing(connect()) as client, pytest.raises(PlatformFault, match="could not be fetched"):
        run(DockerEngine(lonely, lambda: client), make_request(image=base, command="true"), "sl")


def test_a_stop_ends_the_installation_too(
    make_engine: MakeEngine, make_request: MakeRequest, base: str, docker_daemon: docker.DockerClient
) -> None:
    engine, ended = make_engine(), list[VerbatimError]()
    speaks = threading.Event()

    def stage() -> None:
        launch = Launch(make_request(image=base, command="true"), StageSecrets(), ("cowsay",))
        try:
            engine.run(launch, lambda _line: speaks.set())
        except VerbatimError as error:
            ended.append(error)

    thread = threading.Thread(target=stage)
    thread.start()
    assert speaks.wait(PATIENCE_S)
    engine.stop()
    thread.join(PATIENCE_S)
    assert len(ended) == 1
    assert makers(docker_daemon, base) == []
