"""Runs stages in containers, as the docker engine does, over a store that belongs to neither root nor the training."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from verbatim.stage import StageResult, StageSecrets
from verbatim.store import Store, layout

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    import docker
    from runner.conftest import Ground

    from verbatim.stage import StageRequest

ROOT = Path(__file__).parents[2]
IMAGE = "verbatim-runner:latest"
CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")
OWNER = 4321


class Stages:
    """Runs stages in containers, over a store that belongs to neither root nor the training."""

    def __init__(self, ground: Ground, image: str) -> None:
        self.ground = ground
        self._image = image

    def command(self, request: StageRequest) -> list[str]:
        """Return what runs a stage in a container; its name is the try's."""
        there = {"engine": "docker", "store_url": "file:///verbatim/store", "cache_dir": "/verbatim/cache"}
        given = self.ground.root / f"input-{request.stage}{request.try_number}"
        given.mkdir()
        (given / "request.json").write_bytes(request.model_copy(update=there).canonical())
        (given / "secrets.json").write_bytes(StageSecrets().in_clear())
        self.ground.cache.mkdir(exist_ok=True)
        mounts = {"in": given, "store": self.ground.store.local_root, "cache": self.ground.cache}
        self._give_store()
        options = ["--rm", "--read-only", "--tmpfs=/tmp:exec,mode=1777", "--network=none", "--cap-drop=ALL"]
        options += [f"--cap-add={name}" for name in CAPABILITIES] + ["--security-opt=no-new-privileges"]
        options += [f"--volume={path}:/verbatim/{name}" for name, path in mounts.items()] + ["--volume=/verbatim/work"]
        stage = ["stage", "--input", "/verbatim/in", "--work", "/verbatim/work"]
        return ["docker", "run", f"--name={self.name(request)}", *options, self._image, *stage]

    def name(self, request: StageRequest) -> str:
        return f"verbatim-test-{os.getpid()}-{request.stage}-{request.try_number}"

    def run(self, request: StageRequest) -> StageResult:
        """Run a stage to its end and return its result."""
        done = subprocess.run(self.command(request), check=False, capture_output=True, text=True)
        key = layout.stage_result(request.run_id, request.stage, request.try_number)
        assert self.ground.store.exists(key), done.stdout + done.stderr
        return self.ground.store.read(key, StageResult)

    def _give_store(self) -> None:
        for folder, _, files in os.walk(str(self.ground.store.local_root)):
            for path in (folder, *(f"{folder}/{name}" for name in files)):
                os.chown(path, OWNER, OWNER)


@pytest.fixture(scope="session")
def built_image(docker_daemon: docker.DockerClient) -> str:
    """The image, made from the sources that are here."""
    subprocess.run([ROOT / "runner-image/build_image.sh", IMAGE, "runner-image/Dockerfile"], cwd=ROOT, check=True)
    return str(docker_daemon.images.get(IMAGE).id)


@pytest.fixture
def stages(tmp_path: Path, built_image: str, unavailable: Callable[[str, str, str], NoReturn]) -> Stages:
    """Stages over a ground of the test's own."""
    from runner.conftest import Ground

    if os.geteuid() != 0:
        unavailable("root", "these tests give the store to another uid", "Run the tests as root, as CI does")
    return Stages(Ground(tmp_path, Store(f"file://{tmp_path}/store"), tmp_path / "cache"), built_image)
