"""What the container of a stage is given and how it is confined, as plain data; names no SDK and starts nothing.

The docker engine makes a stage's container of it, and ``verbatim shell`` one that is the same but for its command.
"""

from __future__ import annotations

import io
import logging
import os
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verbatim.network import FIND_LINKS, INDEXES, PROXIES
from verbatim.paths import SCHEME, local_path
from verbatim.pin import local_outputs, local_paths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verbatim.settings import PlatformSettings
    from verbatim.stage import StageRequest, StageSecrets

log = logging.getLogger(__name__)

INPUT, WORK, STORE, CACHE = "/verbatim/in", "/verbatim/work", "/verbatim/store", "/verbatim/cache"
WHEELS = "/verbatim/wheels"
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
RUN_LABEL, STAGE_LABEL, TRY_LABEL = "verbatim.run", "verbatim.stage", "verbatim.try"

CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")
PIDS_LIMIT = 4096
TEMPORARY = ("/tmp", "rw,exec,nosuid,nodev,mode=1777,size=1g")  # noqa: S108 - the container's own

_PLATFORM_MEMORY_BYTES = 4 * 1024**3
_READS_LOCAL_PATHS = ("extract", "prepare", "validate")
_INSTALLS = ("prepare", "train", "evaluate")
_RUNS_USER_COMMAND = ("train", "evaluate")


@dataclass(frozen=True)
class Mount:
    """Something of the machine that the container sees.

    Attributes:
        target: Where it sees it.
        source: A path of the machine or a volume's name; None: a volume of the container's own.
        read_only: Whether it can only read it.
    """

    target: str
    source: str | None = None
    read_only: bool = False

    @property
    def is_path(self) -> bool:
        """Whether it is a path of the machine."""
        return self.source is not None and self.source.startswith("/")


@dataclass(frozen=True)
class Container:
    """A stage's container, but for its name, its image and its command. Its root is read-only, always.

    Attributes:
        labels: The run, the stage and the try.
        environment: How to reach the network from here. Never a secret: inspecting shows it.
        mounts: What it sees of the machine; its input is put into the volume at ``INPUT``.
        network: The Docker network.
        memory_bytes: Its limit of memory, swap included.
        shared_memory_bytes: Of ``/dev/shm``; the daemon's default if None.
        cpus: Cores that it may use; all if None.
        gpus: How many GPUs it is given.
    """

    labels: Mapping[str, str]
    environment: Mapping[str, str]
    mounts: tuple[Mount, ...]
    network: str
    memory_bytes: int
    shared_memory_bytes: int | None = None
    cpus: float | None = None
    gpus: int = 0


def stage_container(request: StageRequest, settings: PlatformSettings) -> Container:
    """Return the container of a stage."""
    resources, runs_user_command = request.spec.resources, request.stage in _RUNS_USER_COMMAND
    memory = memory_limit(request)
    wheels = settings.wheels if request.stage in _INSTALLS else None
    return Container(
        labels={RUN_LABEL: request.run_id, STAGE_LABEL: request.stage, TRY_LABEL: str(request.try_number)},
        environment=network_environment() | ({FIND_LINKS: WHEELS} if wheels else {}),
        mounts=tuple(_mounts(request, settings)) + ((Mount(WHEELS, wheels, read_only=True),) if wheels else ()),
        network=settings.docker.network,
        memory_bytes=memory,
        shared_memory_bytes=memory // 2 if runs_user_command else None,
        cpus=resources.cpus if runs_user_command else None,
        gpus=resources.gpus if runs_user_command else 0,
    )


def memory_limit(request: StageRequest) -> int:
    """Return a stage's memory limit in bytes: the conf's; for the platform's own stages 4 GiB at least."""
    asked = request.spec.resources.memory_bytes
    return asked if request.stage in _RUNS_USER_COMMAND else max(asked, _PLATFORM_MEMORY_BYTES)


def pack_input(request: StageRequest, secrets: StageSecrets) -> bytes:
    """Return what is put into ``INPUT``, as a tar archive; only root, which is the runner, can read it there."""
    return pack({"request.json": request.canonical(), "secrets.json": secrets.in_clear()}, mode=0o600)


def pack(files: Mapping[str, bytes], *, mode: int) -> bytes:
    """Return files by name as a tar archive, all of one mode."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def network_environment() -> dict[str, str]:
    """Return the variables that tell how the network is reached from here, without those that hold a password."""
    passed = {name: os.environ[name] for name in (*PROXIES, *INDEXES) if os.environ.get(name)}
    for name in [name for name, value in passed.items() if "@" in value]:
        log.warning(
            "%s is not passed to the container: it seems to hold a password, and variables can be inspected", name
        )
        del passed[name]
    if os.environ.get("VERBATIM_CA_BUNDLE"):
        passed |= dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO"), CA_BUNDLE)
    return passed


def _mounts(request: StageRequest, settings: PlatformSettings) -> list[Mount]:
    mounts = [Mount(INPUT), Mount(WORK), Mount(CACHE, settings.docker.cache_volume)]
    if settings.store_url.startswith(SCHEME):
        mounts.append(Mount(STORE, str(local_path(settings.store_url))))
    if request.stage in _READS_LOCAL_PATHS:
        mounts += [Mount(str(path), str(path), read_only=True) for path in local_paths(request.spec)]
    mounts += [Mount(str(path), str(path)) for path in local_outputs(request.spec, request.stage)]
    if bundle := os.environ.get("VERBATIM_CA_BUNDLE"):
        mounts.append(Mount(CA_BUNDLE, bundle, read_only=True))
    return mounts
