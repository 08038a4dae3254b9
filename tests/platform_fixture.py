"""One embedded platform for the whole test session, driven through the ``verbatim`` command as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import docker

VERBATIM = Path(sys.executable).parent / "verbatim"
ROOT = Path(__file__).parents[1]
IMAGE = "verbatim-runner:latest"


@dataclass(frozen=True)
class Commands:
    """The ``verbatim`` command, with a home of its own.

    Attributes:
        home: ``VERBATIM_HOME``.
        config: ``VERBATIM_CONFIG``; workers read it anew for every task.
    """

    home: Path
    config: Path

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        own = {"VERBATIM_HOME": str(self.home), "VERBATIM_CONFIG": str(self.config), "COLUMNS": "200"}
        return subprocess.run(
            [VERBATIM, *arguments],
            cwd=ROOT,
            env=os.environ | own | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def __call__(self, *arguments: str, expect: int = 0, parse: bool | None = None) -> Any:
        """Run a command, and return its JSON, or its text where it prints none.

        Args:
            arguments: Of the command.
            expect: The exit code it must end with.
            parse: Whether stdout is JSON; told by ``--json`` among the arguments if not given.
        """
        done = self.run(*arguments)
        assert done.returncode == expect, f"exit code {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout) if ("--json" in arguments if parse is None else parse) else done.stdout

    def use_engine(self, engine: str) -> None:
        """Let the runs that start from now on use an engine."""
        settings = {"engine": engine, "files": {"read": ["*"], "write": ["*"]}}
        self.config.write_text(json.dumps(settings))  # JSON is YAML


@dataclass(frozen=True)
class Platform:
    """A platform that is up."""

    verbatim: Commands
    url: str
    user: str
    password: str


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The platform of this session, with the process engine unless a test asks for another."""
    root = tmp_path_factory.mktemp("platform")
    verbatim = Commands(root / "home", root / "platform.yaml")
    verbatim.use_engine("process")
    try:
        verbatim("up", "--json")
        status = verbatim("status", "--json")
        ((user, password),) = json.loads(Path(status["passwords_file"]).read_text()).items()
        yield Platform(verbatim, status["url"], user, password)
    finally:
        verbatim("down")


@pytest.fixture
def verbatim(platform: Platform) -> Commands:
    """The ``verbatim`` command on this session's platform, with the process engine."""
    platform.verbatim.use_engine("process")
    return platform.verbatim


@pytest.fixture
def platform_with_engine(platform: Platform) -> Callable[[str], Commands]:
    """The ``verbatim`` command on this session's platform, with the engine that is asked for."""

    def choose(engine: str) -> Commands:
        platform.verbatim.use_engine(engine)
        return platform.verbatim

    return choose


@pytest.fixture(scope="session")
def runner_image(docker_daemon: docker.DockerClient, unavailable: Callable[..., Any]) -> str:
    """The name of the image that stages run in."""
    import docker

    try:
        docker_daemon.images.get(IMAGE)
    except docker.errors.ImageNotFound:
        unavailable("runner image", f"{IMAGE} is not there", "Run `make image`")
    return IMAGE
