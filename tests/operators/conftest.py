"""What the operators' tests share: an Airflow home of their own, a spec to start from, and an image whose stage is a script."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from verbatim.documents import now
from verbatim.request import parse_request
from verbatim.settings import DockerSettings, PlatformSettings
from verbatim.spec import Image, PinnedCode, PinnedModel, RunSpec
from verbatim.stage import StageRequest

if TYPE_CHECKING:
    from pathlib import Path

    import docker

# Airflow reads its home when it is imported, which test modules do after this one.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="verbatim-airflow-"))

RUNNER_IMAGE = "verbatim-runner:latest"
RUN_ID = "churn-20261120T042010-9f3c1a"
STAGE_IS_A_SCRIPT = """
FROM verbatim-runner:latest
ENTRYPOINT ["python3", "-c", "import json, os; \\
    request = json.load(open('/verbatim/in/request.json')); \\
    os.execvp('sh', ['sh', '-c', request['spec']['command']])"]
"""

MakeRequest = Callable[..., StageRequest]


@pytest.fixture
def settings(tmp_path: Path) -> PlatformSettings:
    (tmp_path / "store").mkdir()
    return PlatformSettings(
        store_url=f"file://{tmp_path}/store",
        catalog_url=f"sqlite:///{tmp_path}/catalog.db",
        cache_dir=str(tmp_path / "cache"),
        runner=str(tmp_path / "runner.pyz"),
        docker=DockerSettings(cache_volume="verbatim-tests"),
    )


@pytest.fixture
def make_request() -> MakeRequest:
    """Make the request of a stage; keywords are the conf's, ``image`` an image's id."""

    def make(stage: str = "train", *, image: str = "sha256:0", try_number: int = 1, **conf: Any) -> StageRequest:
        asked = parse_request({"experiment": "churn", "code": "https://git.example/churn.git", **conf})
        given = {
            name: getattr(asked, name)
            for name in ("command", "parameters", "validation", "metrics", "evaluation", "gates", "promotion")
        }
        spec = RunSpec(
            experiment="churn",
            code=PinnedCode(kind="git", url=asked.code.url, commit="a" * 40),
            data={name: {"source": channel.source, "as_of": now()} for name, channel in asked.data.items()},
            as_of=now(),
            model=PinnedModel(name="churn", **asked.model.model_dump(exclude={"name"})) if asked.model else None,
            resources=asked.resources,
            environment=asked.environment,
            seed=42,
            retention=asked.retention,
            image=Image(reference=RUNNER_IMAGE, digest=image),
            platform_version="0",
            **given,
        )
        return StageRequest(
            run_id=RUN_ID,
            stage=stage,
            try_number=try_number,
            spec=spec,
            store_url="file:///verbatim/store",
            engine="docker",
            cache_dir="/verbatim/cache",
        )

    return make


@pytest.fixture(scope="session")
def script_image(docker_daemon: docker.DockerClient, unavailable: Callable[..., Any]) -> Iterator[str]:
    """The id of an image whose stage is the request's command, run by a shell as the runner would be."""
    import docker

    try:
        docker_daemon.images.get(RUNNER_IMAGE)
    except docker.errors.ImageNotFound:
        unavailable("runner image", f"{RUNNER_IMAGE} is not there", "Run `make image`")
    image, _ = docker_daemon.images.build(
        fileobj=io.BytesIO(STAGE_IS_A_SCRIPT.encode()), tag="verbatim-test-script", rm=True
    )
    yield image.id
    docker_daemon.images.remove(image.id, force=True)
