"""A shell in a container that is as a stage's own, by the ``docker`` client, since that knows how to hold a terminal.

The request and the store's credentials are copied into a volume of the container, as the docker engine does: nothing
of them shows in ``docker inspect``.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
import sys
import tempfile
from secrets import token_hex
from typing import TYPE_CHECKING

from verbatim.container import (
    CAPABILITIES,
    INPUT,
    PIDS_LIMIT,
    STAGE_LABEL,
    TEMPORARY,
    WORK,
    Container,
    Mount,
    pack_input,
    stage_container,
)
from verbatim.errors import PlatformFault
from verbatim.system_packages import image_with

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from verbatim.settings import PlatformSettings
    from verbatim.stage import StageRequest, StageSecrets


def run_in_container(
    request: StageRequest,
    secrets: StageSecrets,
    settings: PlatformSettings,
    packages: tuple[str, ...],
    command: Sequence[str],
) -> int:
    """Open a shell, or run one command, in a container as that of a train stage, and wait for its end.

    Args:
        request: The train stage's.
        secrets: The store's credentials.
        settings: The platform's.
        packages: Debian packages that the run has; where no image has them, the shell opens without.
        command: What to run instead of a shell.

    Returns:
        The shell's exit code.

    Raises:
        PlatformFault: There is no docker client, no daemon, or not the run's image.
    """
    client = shutil.which("docker")
    if client is None:
        raise PlatformFault("the run's stages ran in containers, and there is no docker client on PATH")
    with tempfile.TemporaryDirectory(prefix="verbatim-docker-") as config:  # no proxies, which may hold passwords
        docker = [client, "--config", config]
        image = request.spec.image.digest
        if packages:
            image = _image_with(docker, image, packages)
        container = stage_container(request, settings)
        terminal = ["--tty"] if sys.stdin.isatty() else []
        created = _ask(
            docker, "create", "--rm", "--interactive", *terminal, "--pull", "never",
            "--name", f"verbatim-{request.run_id}-shell-{token_hex(3)}", *_options(container),
            image, "shell", "--input", INPUT, "--work", WORK, "--", *command,
        ).strip()  # fmt: skip
        try:
            _ask(docker, "cp", "-", f"{created}:{INPUT}", given=pack_input(request, secrets))
        except PlatformFault:
            _ask(docker, "rm", "--force", "--volumes", created)
            raise
        return subprocess.run([*docker, "start", "--attach", "--interactive", created], check=False).returncode


def _image_with(docker: list[str], base: str, packages: tuple[str, ...]) -> str:
    wanted = image_with(base, packages)
    try:
        _ask(docker, "image", "inspect", "--format", "{{.Id}}", wanted)
    except PlatformFault:
        print(f"[verbatim] no image here has {', '.join(packages)}: the shell opens without", file=sys.stderr)
        return base
    return wanted


def _options(container: Container) -> Iterator[str]:
    """Yield the client's options for what a stage's container is and may do."""
    yield from ("--read-only", "--tmpfs", ":".join(TEMPORARY), "--cap-drop", "ALL")
    for capability in CAPABILITIES:
        yield from ("--cap-add", capability)
    yield from ("--security-opt", "no-new-privileges", "--pids-limit", str(PIDS_LIMIT))
    yield from ("--memory", str(container.memory_bytes), "--memory-swap", str(container.memory_bytes))
    yield from ("--network", container.network)
    if container.shared_memory_bytes:
        yield from ("--shm-size", str(container.shared_memory_bytes))
    if container.cpus:
        yield from ("--cpus", f"{container.cpus:g}")
    if container.gpus:
        yield from ("--gpus", str(container.gpus))
    for name, value in {**container.labels, STAGE_LABEL: "shell"}.items():
        yield from ("--label", f"{name}={value}")
    for name, value in container.environment.items():
        yield from ("--env", f"{name}={value}")
    if term := os.environ.get("TERM"):
        yield from ("--env", f"TERM={term}")
    for mount in container.mounts:
        yield from ("--mount", _mount(mount))


def _mount(mount: Mount) -> str:
    fields = ["type=bind" if mount.is_path else "type=volume", f"target={mount.target}"]
    if mount.source:
        fields.append(f"source={mount.source}")
    if mount.read_only:
        fields.append("readonly")
    if not mount.is_path:
        fields.append("volume-nocopy")
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)  # the form in which the client reads it
    return line.getvalue()


def _ask(docker: list[str], *arguments: str, given: bytes | None = None) -> str:
    done = subprocess.run([*docker, *arguments], input=given, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise PlatformFault(f"docker {arguments[0]}: {said[0] if said else 'it failed without a word'}")
    return done.stdout.decode(errors="replace")
