"""What runs in one container cannot change what the next is given, nor work as the owner of its store."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from code_servers import PASSWORD, USER, SshServer, WebServer, make_repository
from runner.conftest import Ground, served
from runner.package_index import package_index, wheel

from verbatim.connections import Connection, login_of
from verbatim.exit_codes import ExitCode
from verbatim.spec import PinnedCode
from verbatim.stage import PrepareOutputs, StageRequest, StageResult, StageSecrets
from verbatim.store import Store, layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import docker

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[2]
IMAGE = "verbatim-runner:latest"
CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")
TRAINER = 65521


@pytest.fixture(autouse=True)
def root(unavailable: Callable[[str, str, str], NoReturn]) -> None:
    """These tests give files to other uids, and read theirs."""
    if os.geteuid() != 0:
        unavailable("root", "the tests of isolation give files to other uids", "Run the tests as root, as CI does")


# The hooks of PEP 517, without a dependency. WHAT it can change of what others use is said in the module it builds.
BACKEND = """
import os, zipfile
def found():
    writable = [p for top in ("/verbatim/cache", "/verbatim/store") for folder, _, files in os.walk(top)
                for p in [folder, *(os.path.join(folder, name) for name in files)] if os.access(p, os.W_OK)]
    return {"uid": os.getuid(), "writable": writable, "cache": os.environ["UV_CACHE_DIR"]}
def get_requires_for_build_wheel(config_settings=None):
    return []
get_requires_for_build_editable = get_requires_for_build_wheel
def build_wheel(directory, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(os.path.join(directory, "evil-1-py3-none-any.whl"), "w") as wheel:
        wheel.writestr("evil.py", repr(found()))
        wheel.writestr("evil-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: evil\\nVersion: 1\\n")
        wheel.writestr("evil-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("evil-1.dist-info/RECORD", "")
    return "evil-1-py3-none-any.whl"
build_editable = build_wheel
"""
PROJECT = """
[project]
name = "evil"
version = "1"
dynamic = ["dependencies"]
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


@pytest.fixture(scope="module")
def image(docker_daemon: docker.DockerClient) -> str:
    """The image, made from the sources that are here."""
    subprocess.run([ROOT / "runner-image/build_image.sh", IMAGE, "runner-image/Dockerfile"], cwd=ROOT, check=True)
    return str(docker_daemon.images.get(IMAGE).id)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """A package index with a wheel, ``honest``, and a source distribution, ``evil``; gives its URL."""
    simple = tmp_path / "index/simple"
    (simple / "honest").mkdir(parents=True)
    (simple / "evil").mkdir()
    with zipfile.ZipFile(simple / "honest/honest-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("honest.py", "SAID = 'honest'\n")
        wheel.writestr("honest-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: honest\nVersion: 1\n")
        wheel.writestr("honest-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("honest-1.dist-info/RECORD", "")
    with tarfile.open(simple / "evil/evil-1.tar.gz", "w:gz") as sdist:
        for name, text in (("pyproject.toml", PROJECT), ("backend.py", BACKEND)):
            member = tarfile.TarInfo(f"evil-1/{name}")
            member.size = len(text)
            sdist.addfile(member, BytesIO(text.encode()))
    with served(simple) as url:
        yield url


class Containers:
    """Runs prepare stages in containers, confined as the engine confines them."""

    def __init__(self, ground: Ground, image: str) -> None:
        self.ground = ground
        self._image = image
        self._tries = 0

    def prepare(self, project: Path) -> StageResult:
        """Prepare a project; must end with a result."""
        self._tries += 1
        code = self.ground.store_directory(project)
        request = self.ground.request("prepare", code=code, try_number=self._tries)
        self.run(request)
        return self.ground.store.read(layout.stage_result(request.run_id, "prepare", self._tries), StageResult)

    def run(self, request: StageRequest, secrets: StageSecrets | None = None) -> subprocess.CompletedProcess[str]:
        """Run a stage to its end."""
        there = {"engine": "docker", "store_url": "file:///verbatim/store", "cache_dir": "/verbatim/cache"}
        given = self.ground.root / f"input{request.try_number}"
        given.mkdir()
        (given / "request.json").write_bytes(request.model_copy(update=there).canonical())
        (given / "secrets.json").write_bytes((secrets or StageSecrets()).in_clear())
        self.ground.cache.mkdir(exist_ok=True)
        mounts = {"in": given, "store": self.ground.store.local_root, "cache": self.ground.cache}
        command = [
            "docker",
            "run",
            "--rm",
            "--read-only",
            "--tmpfs",
            "/tmp:exec",
            "--network",
            "host",
            "--cap-drop",
            "ALL",
        ]
        command += [f"--cap-add={name}" for name in CAPABILITIES] + ["--security-opt", "no-new-privileges"]
        command += [f"--volume={path}:/verbatim/{name}" for name, path in mounts.items()]
        command += [
            "--volume=/verbatim/work",
            self._image,
            "stage",
            "--input",
            "/verbatim/in",
            "--work",
            "/verbatim/work",
        ]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    def environment_of(self, result: StageResult) -> Path:
        """Return where this machine sees the environment that was made last."""
        assert isinstance(result.outputs, PrepareOutputs), result.error
        environments = [path for path in (self.ground.cache / "environments").iterdir() if path.is_dir()]
        return max(environments, key=lambda path: path.stat().st_ctime_ns)


@pytest.fixture
def containers(tmp_path: Path, image: str) -> Containers:
    return Containers(Ground(tmp_path, Store(f"file://{tmp_path}/store"), tmp_path / "cache"), image)


def files_of(directory: Path) -> list[os.stat_result]:
    return [(Path(folder) / name).lstat() for folder, names, files in os.walk(directory) for name in (*names, *files)]


def test_nobody_but_root_can_change_an_environment_that_is_built(
    containers: Containers, index: str, write_tree: Callable[[dict[str, str]], Path]
) -> None:
    project = write_tree({"train.py": "", "requirements.txt": f"--index-url {index}\nhonest\n"})
    environment = containers.environment_of(containers.prepare(project))
    assert {status.st_uid for status in (environment.stat(), *files_of(environment))} == {0}
    cached = {status.st_ino for status in files_of(containers.ground.cache / "wheels")}
    assert cached.isdisjoint(status.st_ino for status in files_of(environment))
    assert list(environment.rglob("honest.cpython-*.pyc"))


def test_a_packages_build_can_change_nothing_that_other_runs_use(
    containers: Containers, index: str, write_tree: Callable[[dict[str, str]], Path]
) -> None:
    honest = f"--index-url {index}\nhonest\n"
    containers.prepare(write_tree({"train.py": "", "requirements.txt": honest}))
    result = containers.prepare(write_tree({"train.py": "", "requirements.txt": f"{honest}evil\n"}))
    environment = containers.environment_of(result)
    (built,) = environment.glob("lib/python3*/site-packages/evil.py")
    found = json.loads(built.read_text().replace("'", '"'))
    assert (found["uid"], found["writable"]) == (TRAINER, [])
    assert not found["cache"].startswith("/verbatim/cache")
    assert {status.st_uid for status in files_of(environment)} == {0}
    assert "evil" not in str(list((containers.ground.cache / "wheels").rglob("*evil*.whl")))
    assert containers.prepare(
        write_tree({"train.py": "", "requirements.txt": f"{honest}evil\n"})
    ).outputs.environment.cached  # type: ignore[union-attr]


def test_a_projects_build_can_change_nothing_that_other_runs_use(
    containers: Containers, index: str, write_tree: Callable[[dict[str, str]], Path]
) -> None:
    containers.prepare(write_tree({"train.py": "", "requirements.txt": f"--index-url {index}\nhonest\n"}))
    backend = BACKEND.replace("    return []", "    raise SystemExit(f'FOUND {found()}')")
    files = {"train.py": "", "requirements.txt": "-e .\n", "pyproject.toml": PROJECT, "backend.py": backend}
    result = containers.prepare(write_tree(files))
    assert result.error is not None
    assert f"FOUND {{'uid': {TRAINER}, 'writable': []" in result.error.message


def test_a_store_of_those_whom_the_users_code_runs_as_is_refused(
    containers: Containers, write_tree: Callable[[dict[str, str]], Path]
) -> None:
    code = containers.ground.store_directory(write_tree({"train.py": ""}))
    store = containers.ground.store.local_root
    assert store is not None
    os.chown(store, TRAINER, TRAINER)
    done = containers.run(containers.ground.request("prepare", code=code))
    assert done.returncode == ExitCode.PLATFORM_FAULT
    assert f"the store belongs to {TRAINER}:{TRAINER}" in done.stdout


@pytest.mark.parametrize("owner", [0, 12345])
def test_private_code_is_fetched_in_a_container_whoever_owns_the_store(
    containers: Containers, web_server: WebServer, ssh_server: SshServer, owner: int
) -> None:
    os.chown(containers.ground.store.local_root, owner, owner)
    over_web = make_repository(web_server.root / "git/churn", {"train.py": "1"})
    over_ssh = make_repository(ssh_server.root / "churn", {"train.py": "2"})
    extra = {"private_key": ssh_server.private_key, "known_hosts": ssh_server.known_hosts}
    sources = (
        (f"{web_server.url}/git/churn", over_web, Connection("team", "git", USER, PASSWORD)),
        (f"{ssh_server.url}/churn", over_ssh, Connection("team", "ssh", None, None, extra)),
    )
    for try_number, (url, commit, connection) in enumerate(sources, 1):
        code = PinnedCode(kind="git", url=url, commit=commit, connection="team")
        request = containers.ground.request("prepare", code=code, try_number=try_number)
        done = containers.run(request, StageSecrets(logins={"team": login_of(connection)}))
        result = containers.ground.store.read(layout.stage_result(request.run_id, "prepare", try_number), StageResult)
        assert isinstance(result.outputs, PrepareOutputs), done.stdout
        assert result.outputs.code.commit == commit


@pytest.mark.parametrize("owner", [0, 12345])
def test_private_packages_are_installed_in_a_container_and_their_login_is_not_kept(
    containers: Containers, web_server: WebServer, write_tree: Callable[[dict[str, str]], Path], owner: int
) -> None:
    store = containers.ground.store.local_root
    backend = {"pyproject.toml": PROJECT.replace('dynamic = ["dependencies"]', ""), "backend.py": BACKEND}
    make_repository(web_server.root / "git/evil", backend)
    head = make_repository(web_server.root / "git/churn", {"train.py": ""})
    requirements = ("secret\n", f"evil @ git+{web_server.url}/git/evil\n")
    logins = StageSecrets(logins={"team": login_of(Connection("team", "git", USER, PASSWORD))})
    with package_index((USER, PASSWORD)) as private:
        private.add(wheel("secret", "1.0"))
        conf = {"environment": {"indexes": [{"url": private.url, "connection": "team"}]}}
        for try_number, text in enumerate(requirements, 1):
            code = containers.ground.store_directory(write_tree({"train.py": "", "requirements.txt": text}))
            code = code.model_copy(
                update={"kind": "git", "url": f"{web_server.url}/git/churn", "commit": head, "connection": "team"}
            )
            asked = conf if text == "secret\n" else {}
            subprocess.run(["chown", "-R", f"{owner}:{owner}", store], check=True)
            request = containers.ground.request("prepare", asked, code, try_number=try_number)
            done = containers.run(request, logins)
            result = containers.ground.store.read(
                layout.stage_result(request.run_id, "prepare", try_number), StageResult
            )
            assert isinstance(result.outputs, PrepareOutputs), done.stdout
            assert PASSWORD not in done.stdout + done.stderr
    kept = [path for top in (containers.ground.cache, store) for path in top.rglob("*")]
    assert not [path for path in kept if path.is_file() and PASSWORD.encode() in path.read_bytes()]
