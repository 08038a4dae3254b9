"""The runner image, checked from inside and by how fast it starts."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import docker

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[2]
IMAGE = "verbatim-runner:latest"


@pytest.fixture(scope="module")
def image(docker_daemon: docker.DockerClient) -> str:
    """The image, made from the sources that are here."""
    subprocess.run([ROOT / "runner-image/build_image.sh", IMAGE, "runner-image/Dockerfile"], cwd=ROOT, check=True)
    return str(docker_daemon.images.get(IMAGE).id)


def run_inside(image: str, script: str) -> str:
    command = ["docker", "run", "--interactive", "--rm", "--read-only", "--tmpfs", "/tmp", "--network", "none"]
    done = subprocess.run(
        [*command, "--entrypoint", "sh", image], check=False, input=script, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_image_keeps_its_promises(image: str):
    kept = run_inside(image, (ROOT / "runner-image/verify.sh").read_text())

    assert kept.count("kept: ") == 8


def test_an_unchanged_image_is_not_built_again(image: str, docker_daemon: docker.DockerClient):
    done = subprocess.run(
        [ROOT / "runner-image/build_image.sh", IMAGE, "runner-image/Dockerfile"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )

    assert "up to date" in done.stdout
    assert docker_daemon.images.get(IMAGE).id == image


def test_no_layer_names_a_build_secret_or_an_index(image: str, docker_daemon: docker.DockerClient):
    found = docker_daemon.images.get(image)
    steps = " ".join(layer["CreatedBy"] for layer in found.history())
    environment = found.attrs["Config"]["Env"]

    assert not re.search(r"https?://(?!deb\.debian\.org)[^ ]*", steps)
    assert sorted(variable.split("=")[0] for variable in environment) == ["LANG", "PATH"]


def test_the_compiled_bytecode_is_what_a_start_uses(image: str):
    program = (
        'import sys, time; sys.path.insert(0, "/opt/verbatim"); import great_expectations; print(time.process_time())'
    )

    with_bytecode, without = map(
        float,
        run_inside(
            image, f"python3 -I -c '{program}'; python3 -I -B -X pycache_prefix=/tmp/none -c '{program}'"
        ).split(),
    )

    assert with_bytecode < 0.75 * without


def test_the_build_context_is_small(image: str):
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    named = [ROOT / line[1:] for line in ignored if line.startswith("!")]
    files = [path for one in named for path in ([one] if one.is_file() else one.rglob("*")) if path.is_file()]

    assert sum(path.stat().st_size for path in files if "__pycache__" not in path.parts) < 2_000_000
