"""A Docker daemon: connecting to it, making containers in it, and what its refusals mean.

The one module that imports the container SDK.
"""

from __future__ import annotations

import io
import os
import tarfile
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from docker import APIClient
from docker import types as sdk
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from requests.exceptions import RequestException

from verbatim.container import CAPABILITIES, PIDS_LIMIT, TEMPORARY
from verbatim.errors import PlatformFault, UserFault, VerbatimError
from verbatim_operators.engines.lines import LineAssembler

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from verbatim.container import Container, Mount
    from verbatim.request import Resources
    from verbatim_operators.engines.base import OnLine

ANSWER_S = 5
CALL_S = 60

Client = APIClient
"""A connection to a daemon."""
Gone = NotFound
"""What is raised where a container or an image is not there, or no more."""
Refused = APIError
"""What is raised where the daemon refuses what it is asked; ``Gone`` is one of these."""
Unreachable = (DockerException, RequestException)
"""What is raised where the daemon does not do what it is asked."""
Frame = tuple[bytes | None, bytes | None]
"""Bytes of standard output and of standard error, one of them."""


def connect(url: str | None = None) -> Client:
    """Connect to a daemon.

    Args:
        url: Where it listens; ``DOCKER_HOST`` or the local socket if not given.

    Raises:
        PlatformFault: None answers; a busy daemon is given ``ANSWER_S`` seconds.
    """
    with faults("be reached"):
        client = APIClient(base_url=url or os.environ.get("DOCKER_HOST"), timeout=ANSWER_S)
        client.timeout = CALL_S
        return client


def create(client: Client, container: Container, *, name: str, image: str, command: list[str]) -> str:
    """Create a stage's container; it is not started.

    Returns:
        Its id.
    """
    config: dict[str, Any] = {
        "read_only": True,
        "tmpfs": dict([TEMPORARY]),
        "mounts": mounts(container.mounts),
        "cap_drop": ["ALL"],
        "cap_add": list(CAPABILITIES),
        "security_opt": ["no-new-privileges"],
        "mem_limit": container.memory_bytes,
        "memswap_limit": container.memory_bytes,
        "pids_limit": PIDS_LIMIT,
        "network_mode": container.network,
        "log_config": sdk.LogConfig(type=sdk.LogConfig.types.JSON, config={"max-size": "32m", "max-file": "2"}),
    }
    if container.shared_memory_bytes:
        config["shm_size"] = container.shared_memory_bytes
    if container.cpus:
        config["nano_cpus"] = int(container.cpus * 1e9)
    if container.gpus:
        config["device_requests"] = [sdk.DeviceRequest(count=container.gpus, capabilities=[["gpu"]])]
    created = client.create_container(
        image,
        command,
        name=name,
        use_config_proxy=False,
        labels=dict(container.labels),
        environment=dict(container.environment),
        host_config=client.create_host_config(**config),
    )
    return str(created["Id"])


def mounts(wanted: Iterable[Mount]) -> list[sdk.Mount]:
    """Return mounts in the SDK's form; no volume is given what the image has at its place."""
    return [
        sdk.Mount(mount.target, mount.source, type="bind", read_only=mount.read_only)
        if mount.is_path
        else sdk.Mount(mount.target, mount.source, read_only=mount.read_only, no_copy=True)
        for mount in wanted
    ]


def only_file(client: Client, container: str, path: str) -> bytes:
    """Return a file's content from a container, whether it runs or not."""
    stream, _ = client.get_archive(container, path)
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as content:
        file = content.extractfile(content.getmembers()[0])
        return file.read() if file else b""


@contextmanager
def patient(client: Client, seconds: int) -> Iterator[None]:
    """Wait longer for answers than usual."""
    before, client.timeout = client.timeout, seconds
    try:
        yield
    finally:
        client.timeout = before


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


@contextmanager
def following(client: Client, container: str) -> Iterator[Iterable[Frame]]:
    """Give all that a container has said and will say, to its end."""
    stream: Any = client.logs(container, stream=True, follow=True)
    try:
        yield ((content, None) for content in stream)
    finally:
        close(stream)


def close(stream: Any) -> None:
    """Close a stream of the SDK's."""
    stream._response.close()  # noqa: SLF001 - its own close() leaves the connection's descriptor open


@contextmanager
def faults(what: str) -> Iterator[None]:
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
def image_faults(image: str) -> Iterator[None]:
    """Say how an image that is not there is made."""
    try:
        yield
    except ImageNotFound:
        raise PlatformFault(f"the image {image} is not on this machine; `make image` builds it") from None


@contextmanager
def resource_faults(resources: Resources) -> Iterator[None]:
    """Name the conf's field where the daemon refuses the resources that it asks for."""
    try:
        yield
    except APIError as error:
        reason = str(error.explanation or error)
        if "CPUs" in reason:
            raise UserFault(
                f"the machine does not have {resources.cpus:g} cpus ({reason})", field="resources.cpus"
            ) from None
        if "device driver" in reason:
            raise UserFault(
                f"the machine has no GPUs to give to containers ({reason})", field="resources.gpus"
            ) from None
        if "emory limit" in reason:
            raise UserFault(
                f"Docker cannot give {resources.memory} of memory ({reason})", field="resources.memory"
            ) from None
        raise


def is_conflict(error: APIError) -> bool:
    """Return whether the daemon refused since a container of that name is there, or is being removed."""
    return bool(error.status_code == HTTPStatus.CONFLICT)
