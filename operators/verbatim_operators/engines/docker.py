"""The docker engine: one container a stage. The one module that speaks to the container SDK.

The container is given its input through the engine's archive call into a volume of its own, so that nothing of it
shows in ``docker inspect``; its root is read-only, its capabilities few. It carries the run, stage and try as labels
and a name made of them: a second process of the same try finds it and follows it instead of starting another.
"""

from __future__ import annotations

import io
import logging
import os
import tarfile
import threading
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from docker import APIClient
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import DeviceRequest, LogConfig, Mount
from requests.exceptions import RequestException

from verbatim.errors import PlatformFault, UserFault, VerbatimError
from verbatim.paths import local_path
from verbatim.pin import local_destination, local_paths
from verbatim.spec import Image
from verbatim_operators.engines.base import Engine, Launch, OnLine, Outcome
from verbatim_operators.engines.lines import LineAssembler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from verbatim.settings import PlatformSettings
    from verbatim.stage import StageRequest

log = logging.getLogger(__name__)

ANSWER_S = 5
CALL_S = 60
GRACE_S = 15  # longer than the runner gives the user's command, so that it can still say how that ended
INPUT, WORK, STORE, CACHE = "/verbatim/in", "/verbatim/work", "/verbatim/store", "/verbatim/cache"
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
RUN_LABEL, STAGE_LABEL, TRY_LABEL = "verbatim.run", "verbatim.stage", "verbatim.try"

_CAPABILITIES = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"]
_PIDS_LIMIT = 4096
_PLATFORM_MEMORY_BYTES = 4 * 1024**3
_READS_LOCAL_PATHS = ("extract", "prepare", "validate")
_RUNS_USER_COMMAND = ("train", "evaluate")
_NETWORK_SETTINGS = (
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL",
)  # fmt: skip


Client = APIClient
"""A connection to a daemon, for modules that do not import the SDK."""
Frame = tuple[bytes | None, bytes | None]
"""Bytes of standard output and of standard error, one of them."""


def connect(url: str | None = None) -> Client:
    """Connect to a daemon.

    Args:
        url: Where it listens; ``DOCKER_HOST`` or the local socket if not given.

    Raises:
        PlatformFault: None answers; a busy daemon is given ``ANSWER_S`` seconds.
    """
    with _faults("be reached"):
        client = APIClient(base_url=url or os.environ.get("DOCKER_HOST"), timeout=ANSWER_S)
        client.timeout = CALL_S
        return client


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
        with _faults("look for the runner's image"), _image_faults(reference):
            return Image(reference=reference, digest=self._client.inspect_image(reference)["Id"])  # type: ignore[no-untyped-call]

    def run(self, launch: Launch, on_line: OnLine) -> Outcome:
        """Run the stage's container, or follow the one of the same try that is there already, until it ends."""
        request = launch.request
        with _faults(f"run the {request.stage} stage"):
            self._remove_earlier_tries(request)
            try:
                self._container = container = self._create_or_adopt(request)
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
        except NotFound:
            pass
        except (DockerException, RequestException) as error:
            log.warning("the container %s could not be stopped: %s", container[:12], error)

    def _create_or_adopt(self, request: StageRequest) -> str:
        name = container_name(request)
        try:
            return str(self._client.inspect_container(name)["Id"])
        except NotFound:
            pass
        image = request.spec.image
        with _image_faults(f"{image.reference} ({image.digest})"), _resource_faults(request):
            created = self._client.create_container(
                image.digest,
                ["stage", "--input", INPUT, "--work", WORK],
                name=name,
                use_config_proxy=False,
                labels={RUN_LABEL: request.run_id, STAGE_LABEL: request.stage, TRY_LABEL: str(request.try_number)},
                environment=environment(),
                host_config=self._client.create_host_config(**self._host_config(request)),
            )
        return str(created["Id"])

    def _host_config(self, request: StageRequest) -> dict[str, Any]:
        """Return how the container is confined and what it sees of the machine."""
        resources, runs_user_command = request.spec.resources, request.stage in _RUNS_USER_COMMAND
        memory = memory_limit(request)
        config = {
            "read_only": True,
            "tmpfs": {"/tmp": "rw,exec,nosuid,nodev,mode=1777,size=1g"},  # noqa: S108 - the container's own
            "mounts": self._mounts(request),
            "cap_drop": ["ALL"],
            "cap_add": _CAPABILITIES,
            "security_opt": ["no-new-privileges"],
            "mem_limit": memory,
            "memswap_limit": memory,
            "pids_limit": _PIDS_LIMIT,
            "network_mode": self._settings.docker.network,
            "log_config": LogConfig(type=LogConfig.types.JSON, config={"max-size": "32m", "max-file": "2"}),
        }
        if runs_user_command:
            config["shm_size"] = memory // 2
            if resources.cpus:
                config["nano_cpus"] = int(resources.cpus * 1e9)
            if resources.gpus:
                config["device_requests"] = [DeviceRequest(count=resources.gpus, capabilities=[["gpu"]])]
        return config

    def _mounts(self, request: StageRequest) -> list[Mount]:
        mounts = [Mount(INPUT, None, no_copy=True), Mount(WORK, None, no_copy=True)]
        mounts.append(Mount(CACHE, self._settings.docker.cache_volume, no_copy=True))
        if self._settings.store_url.startswith("file://"):
            store = local_path(self._settings.store_url)
            mounts.append(Mount(STORE, str(store), type="bind"))
        if request.stage in _READS_LOCAL_PATHS:
            mounts += [Mount(str(path), str(path), type="bind", read_only=True) for path in local_paths(request.spec)]
        destination = local_destination(request.spec)
        if request.stage == "register" and destination:
            destination.mkdir(parents=True, exist_ok=True)
            mounts.append(Mount(str(destination), str(destination), type="bind"))
        if bundle := os.environ.get("VERBATIM_CA_BUNDLE"):
            mounts.append(Mount(CA_BUNDLE, bundle, type="bind", read_only=True))
        return mounts

    @contextmanager
    def _output(self, container: str, launch: Launch) -> Iterator[Iterable[Frame]]:
        """Give what the container says; hand its input over and start it first, unless that was done before."""
        if self._client.inspect_container(container)["State"]["Status"] != "created":
            stream: Any = self._client.logs(container, stream=True, follow=True)
            frames: Iterable[Frame] = ((content, None) for content in stream)
        else:
            self._client.put_archive(container, INPUT, _archive(launch))
            frames = stream = self._client.attach(container, stream=True, logs=True, demux=True)
            with _resource_faults(launch.request):
                self._client.start(container)
            if self._stopping.is_set():
                self.stop()
        try:
            yield frames
        finally:
            stream._response.close()  # noqa: SLF001 - its own close() leaves the connection's descriptor open

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
            with suppress(NotFound):
                self._client.remove_container(container, v=True, force=True)


def pass_on(frames: Iterable[Frame], on_line: OnLine) -> None:
    """Call ``on_line`` with every whole line of a container's standard output and standard error."""
    streams = (LineAssembler(), LineAssembler())
    for frame in frames:
        for assembler, content in zip(streams, frame, strict=True):
            for line in assembler.feed(content or b""):
                on_line(line)
    for assembler in streams:
        for line in assembler.end():
            on_line(line)


def container_name(request: StageRequest) -> str:
    """Return the one name that the container of a try can have."""
    return f"verbatim-{request.run_id}-{request.stage}-{request.try_number}"


def memory_limit(request: StageRequest) -> int:
    """Return a stage's memory limit in bytes: the conf's; for the platform's own stages 4 GiB at least."""
    asked = request.spec.resources.memory_bytes
    return asked if request.stage in _RUNS_USER_COMMAND else max(asked, _PLATFORM_MEMORY_BYTES)


def out_of_memory(request: StageRequest) -> str:
    """Return in words that a stage needed more memory than its limit."""
    limit = f"{memory_limit(request) / 1024**2:g} MiB"
    return f"the {request.stage} stage ran out of memory at its limit of {limit}; set resources.memory higher"


def environment() -> dict[str, str]:
    """Return the container's variables: how to reach the network from here. Never a secret: inspecting shows them."""
    passed = {name: os.environ[name] for name in _NETWORK_SETTINGS if os.environ.get(name)}
    for name in [name for name, value in passed.items() if "@" in value]:
        log.warning(
            "%s is not passed to the container: it seems to hold a password, and variables can be inspected", name
        )
        del passed[name]
    if os.environ.get("VERBATIM_CA_BUNDLE"):
        passed |= {"SSL_CERT_FILE": CA_BUNDLE, "REQUESTS_CA_BUNDLE": CA_BUNDLE}
    return passed


def _archive(launch: Launch) -> bytes:
    """Return the input as a tar archive whose files only the runner (root in the container) can read."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in (
            ("request.json", launch.request.canonical()),
            ("secrets.json", launch.secrets.in_clear()),
        ):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o600
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@contextmanager
def _faults(what: str) -> Iterator[None]:
    """Turn what the SDK raises into faults of the platform."""
    try:
        yield
    except VerbatimError:
        raise
    except APIError as error:
        raise PlatformFault(f"Docker refused to {what}: {error.explanation or error}") from None
    except (DockerException, RequestException, OSError) as error:
        raise PlatformFault(f"Docker could not {what}: {type(error).__name__}: {error}") from None


@contextmanager
def _image_faults(image: str) -> Iterator[None]:
    try:
        yield
    except ImageNotFound:
        raise PlatformFault(f"the image {image} is not on this machine; `make image` builds it") from None


@contextmanager
def _resource_faults(request: StageRequest) -> Iterator[None]:
    """Name the conf's field where the daemon refuses the resources that it asks for."""
    try:
        yield
    except APIError as error:
        reason = str(error.explanation or error)
        if "CPUs" in reason:
            raise UserFault(
                f"the machine does not have {request.spec.resources.cpus:g} cpus ({reason})", field="resources.cpus"
            ) from None
        if "device driver" in reason:
            raise UserFault(
                f"the machine has no GPUs to give to containers ({reason})", field="resources.gpus"
            ) from None
        if "emory limit" in reason:
            raise UserFault(
                f"Docker cannot give {request.spec.resources.memory} of memory ({reason})", field="resources.memory"
            ) from None
        raise
