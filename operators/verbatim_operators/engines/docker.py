"""The docker engine: one container a stage.

The container is given its input through the engine's archive call into a volume of its own, so that nothing of it
shows in ``docker inspect``; its root is read-only, its capabilities few. It carries the run, stage and try as labels
and a name made of them: a second process of the same try finds it and follows it instead of starting another.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from verbatim.container import (
    CACHE,
    INPUT,
    RUN_LABEL,
    STAGE_LABEL,
    STORE,
    TRY_LABEL,
    WORK,
    memory_limit,
    pack_input,
    stage_container,
)
from verbatim.pin import local_outputs
from verbatim.spec import Image
from verbatim_operators.engines.base import Engine, Launch, OnLine, Outcome
from verbatim_operators.engines.daemon import (
    Gone,
    Unreachable,
    close,
    create,
    faults,
    following,
    image_faults,
    pass_on,
    resource_faults,
)
from verbatim_operators.engines.packages import PackagesImage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from verbatim.settings import PlatformSettings
    from verbatim.stage import StageRequest
    from verbatim_operators.engines.daemon import Client, Frame

log = logging.getLogger(__name__)

GRACE_S = 30  # the runner gives the command 10 s of it, then stores its last checkpoints and says how it ended


class DockerEngine(Engine):
    """Runs stages in containers of a Docker daemon.

    Args:
        settings: The image, the network, and where the store and the cache are.
        connect: Connects to the daemon, when it is first needed; raises ``PlatformFault`` if none answers.
    """

    name = "docker"
    isolation = "a container: read-only root, few capabilities, limits on memory, cpu and processes"

    def __init__(self, settings: PlatformSettings, connect: Callable[[], Client]) -> None:
        self._settings = settings
        self._connect = connect
        self._container: str | None = None
        self._stopping = threading.Event()
        self.store_url = f"file://{STORE}" if settings.store_url.startswith("file://") else settings.store_url
        self.cache_dir = CACHE

    @cached_property
    def _client(self) -> Client:
        return self._connect()

    def image(self) -> Image:
        """Return the runner's image as the daemon has it; never pulled, since elsewhere its name could be anyone's."""
        reference = self._settings.docker.image
        with faults("look for the runner's image"), image_faults(reference):
            return Image(reference=reference, digest=self._client.inspect_image(reference)["Id"])  # type: ignore[no-untyped-call]

    def run(self, launch: Launch, on_line: OnLine) -> Outcome:
        """Run the stage's container, or follow the one of the same try that is there already, until it ends."""
        request = launch.request
        with faults(f"run the {request.stage} stage"):
            self._remove_earlier_tries(request)
            try:
                self._container = container = self._adopt(request) or self._create(launch, on_line)
                with self._output(container, launch) as frames:
                    pass_on(frames, on_line)
                return self._await_end(container, request)
            finally:
                self._remove()

    def stop(self) -> None:
        """Ask the container to end, in a thread of its own; the daemon kills it after ``GRACE_S`` seconds."""
        self._stopping.set()
        if self._container:
            threading.Thread(target=self._stop_container, args=(self._container,), name="verbatim-stop").start()

    def _stop_container(self, container: str) -> None:
        try:
            self._client.stop(container, timeout=GRACE_S)
        except Gone:
            pass
        except Unreachable as error:
            log.warning("the container %s could not be stopped: %s", container[:12], error)

    def _adopt(self, request: StageRequest) -> str | None:
        with suppress(Gone):
            return str(self._client.inspect_container(container_name(request))["Id"])
        return None

    def _create(self, launch: Launch, on_line: OnLine) -> str:
        request = launch.request
        for directory in local_outputs(request.spec, request.stage):
            directory.mkdir(parents=True, exist_ok=True)
        image = request.spec.image
        with image_faults(f"{image.reference} ({image.digest})"), resource_faults(request.spec.resources):
            return create(
                self._client,
                stage_container(request, self._settings),
                name=container_name(request),
                image=self._with_packages(launch, on_line) if launch.packages else image.digest,
                command=["stage", "--input", INPUT, "--work", WORK],
            )

    def _with_packages(self, launch: Launch, on_line: OnLine) -> str:
        packages = PackagesImage(self._client, launch, network=self._settings.docker.network)
        return packages.ensure(on_line, self._stopping, self._holds)

    def _holds(self, container: str | None) -> None:
        """Take note of the container that a stop is to end."""
        self._container = container

    @contextmanager
    def _output(self, container: str, launch: Launch) -> Iterator[Iterable[Frame]]:
        """Give what the container says; hand its input over and start it first, unless that was done before."""
        if self._client.inspect_container(container)["State"]["Status"] != "created":
            with following(self._client, container) as frames:
                yield frames
            return
        self._client.put_archive(container, INPUT, pack_input(launch.request, launch.secrets))
        stream: Any = self._client.attach(container, stream=True, logs=True, demux=True)
        with resource_faults(launch.request.spec.resources):
            self._client.start(container)
        if self._stopping.is_set():
            self.stop()
        try:
            yield stream
        finally:
            close(stream)

    def _await_end(self, container: str, request: StageRequest) -> Outcome:
        code = int(self._client.wait(container, timeout=None)["StatusCode"])
        killed = self._client.inspect_container(container)["State"]["OOMKilled"]
        return Outcome(exit_code=code, out_of_memory=out_of_memory(request) if killed else None)

    def _remove_earlier_tries(self, request: StageRequest) -> None:
        """End what an earlier try left behind when its worker died, so that two tries never work at once."""
        labels = [f"{RUN_LABEL}={request.run_id}", f"{STAGE_LABEL}={request.stage}"]
        for found in self._client.containers(all=True, filters={"label": labels}):
            if found["Labels"][TRY_LABEL] != str(request.try_number):
                log.warning(
                    "removing the container of try %s, which its worker left behind", found["Labels"][TRY_LABEL]
                )
                self._stop_container(found["Id"])
                self._client.remove_container(found["Id"], v=True, force=True)

    def _remove(self) -> None:
        container, self._container = self._container, None
        if container:
            with suppress(Gone):
                self._client.remove_container(container, v=True, force=True)


def container_name(request: StageRequest) -> str:
    """Return the one name that the container of a try can have."""
    return f"verbatim-{request.run_id}-{request.stage}-{request.try_number}"


def out_of_memory(request: StageRequest) -> str:
    """Return in words that a stage needed more memory than its limit."""
    limit = f"{memory_limit(request) / 1024**2:g} MiB"
    return f"the {request.stage} stage ran out of memory at its limit of {limit}; set resources.memory higher"
