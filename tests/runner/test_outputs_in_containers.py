"""What a training leaves in a container, as another uid and wherever it likes, reaches the store as its owner's."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from runner.conftest import Ground

from verbatim.checkpoints import checkpoints_of
from verbatim.documents import now
from verbatim.stage import ExtractOutputs, StageRequest, StageResult, StageSecrets, TrainOutputs
from verbatim.store import Store, layout

if TYPE_CHECKING:
    from collections.abc import Callable

    import docker

    from verbatim.stage import StageName

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[2]
IMAGE = "verbatim-runner:latest"
CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")
OWNER = 4321
RUN = "churn-20260102T030405-abcdef"
SAVES = """
import os, pathlib, time
here = pathlib.Path("/opt/ml/checkpoints")
print([(path.name, path.read_text()) for path in sorted(here.iterdir())], flush=True)
if not list(here.iterdir()):
    os.umask(0o077)
    (here / "epoch1.pt").write_text("weights")
    while True:
        time.sleep(0.1)
(here / "epoch1.pt").write_text("better")  # in place, as some trainings do
pathlib.Path("/tmp/fitted.pkl").write_text("model")
"""


@pytest.fixture(autouse=True)
def root(unavailable: Callable[[str, str, str], NoReturn]) -> None:
    """These tests give the store to another uid."""
    if os.geteuid() != 0:
        unavailable("root", "these tests give the store to another uid", "Run the tests as root, as CI does")


@pytest.fixture(scope="module")
def image(docker_daemon: docker.DockerClient) -> str:
    """The image, made from the sources that are here."""
    subprocess.run([ROOT / "runner-image/build_image.sh", IMAGE, "runner-image/Dockerfile"], cwd=ROOT, check=True)
    return str(docker_daemon.images.get(IMAGE).id)


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


@pytest.fixture
def stages(tmp_path: Path, image: str) -> Stages:
    return Stages(Ground(tmp_path, Store(f"file://{tmp_path}/store"), tmp_path / "cache"), image)


def test_a_killed_container_leaves_its_checkpoints_and_the_next_goes_on_from_them(
    stages: Stages, write_tree: Callable[[dict[str, str]], Path]
) -> None:
    ground = stages.ground
    code = ground.store_directory(write_tree({"train.py": SAVES}))
    prepared = stages.run(ground.request("prepare", code=code))
    assert prepared.error is None
    inputs: dict[StageName, StageResult] = {"prepare": prepared, "extract": _nothing_extracted()}
    first = ground.request("train", code=code, inputs=inputs)

    def kill_when_kept() -> None:
        give_up_at = time.monotonic() + 120
        while checkpoints_of(RUN, ground.store) is None and time.monotonic() < give_up_at:
            time.sleep(0.1)
        subprocess.run(["docker", "kill", stages.name(first)], check=True, capture_output=True)

    killer = threading.Thread(target=kill_when_kept)
    killer.start()
    subprocess.run(stages.command(first), check=False, capture_output=True)
    killer.join()
    kept = checkpoints_of(RUN, ground.store)
    assert kept is not None
    assert ground.store.get_blob(kept.files[0].sha256) == b"weights"
    assert not ground.store.exists(layout.stage_result(RUN, "train", 1))

    result = stages.run(ground.request("train", code=code, inputs=inputs, try_number=2))
    assert result.error is None
    assert isinstance(result.outputs, TrainOutputs)
    assert result.outputs.resumed_from == "try 1"
    assert ground.store.get_blob(result.outputs.log.sha256).startswith(b"[('epoch1.pt', 'weights')]")
    assert [ground.store.get_blob(file.sha256) for file in result.outputs.checkpoints] == [b"better"]
    assert [file.path for file in result.outputs.model] == ["fitted.pkl"]
    assert "/tmp/fitted.pkl looks like the model" in result.warnings[0]
    assert {
        Path(folder, name).lstat().st_uid for folder, _, names in os.walk(ground.root / "store") for name in names
    } == {OWNER}


def _nothing_extracted() -> StageResult:
    return StageResult(
        run_id=RUN, stage="extract", try_number=1, state="succeeded", started_at=now(), finished_at=now(),
        engine="process", outputs=ExtractOutputs(snapshots={}),
    )  # fmt: skip
