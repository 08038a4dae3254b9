"""Secrets in the connections of code, packages and data; after runs that succeed and that fail, none of them is anywhere.

The stages share the host's network, so that their servers, which are on loopback, are reached from containers.
"""

from __future__ import annotations

import base64
import json
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from code_servers import PASSWORD, USER, make_repository
from docker.errors import NotFound
from hive_server import PASSWORD as HIVE_PASSWORD
from runner.package_index import PackageIndex, package_index, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker
    from airflow_api import AirflowApi
    from code_servers import WebServer
    from conftest import S3Server
    from hive_server import HiveServer
    from platform_fixture import Commands, Platform

pytestmark = [pytest.mark.airflow, pytest.mark.docker, pytest.mark.hive, pytest.mark.s3]

INDEX_PASSWORD = "canary-of-the-index-9f3b71"
DATA_SECRET = "canary-of-the-data-5c20ae"
SECRETS = (PASSWORD, INDEX_PASSWORD, DATA_SECRET, HIVE_PASSWORD)
TRAIN = (
    "import os, pathlib, labfeatures\n"
    "print(sorted(os.environ.items()))\n"
    "print('rows=2')\n"
    "pathlib.Path(os.environ['SM_MODEL_DIR'], 'model.txt').write_text(labfeatures.VERSION)\n"
)


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with package_index(("lab", INDEX_PASSWORD)) as made:
        made.add(wheel("labfeatures", "1.0"))
        yield made


@pytest.fixture
def repository(web_server: WebServer) -> str:
    make_repository(web_server.root / "git/team/code", {"train.py": TRAIN, "requirements.txt": "labfeatures\n"})
    return f"{web_server.url}/git/team/code"


@pytest.fixture
def connected(platform: Platform, api: AirflowApi, s3_server: S3Server, hive_server: HiveServer) -> Iterator[Commands]:
    """The platform in containers, with connections that hold the secrets."""
    extra = json.dumps({"endpoint_url": s3_server.endpoint_url, "region_name": "us-east-1"})
    fields = json.loads(hive_server.airflow_connection)
    connections = [
        {"connection_id": "lab_code", "conn_type": "git", "login": USER, "password": PASSWORD},
        {"connection_id": "lab_wrong", "conn_type": "git", "login": USER, "password": f"wrong-{PASSWORD}"},
        {"connection_id": "lab_index", "conn_type": "http", "login": "lab", "password": INDEX_PASSWORD},
        {"connection_id": "lab_data", "conn_type": "aws", "login": "key", "password": DATA_SECRET, "extra": extra},
        hive := {"connection_id": "lab_hive"} | fields | {"extra": json.dumps(fields["extra"])},
        hive | {"connection_id": "lab_hive_wrong", "password": f"wrong-{HIVE_PASSWORD}"},
    ]
    for body in connections:
        api.post("connections", body)
    platform.verbatim.use_engine("docker")
    settings = json.loads(platform.verbatim.config.read_text())
    settings["docker"] = {"network": "host"}
    data = ["lab_data", "lab_hive", "lab_hive_wrong"]
    settings["connections"] = {"code": ["lab_code", "lab_wrong"], "indexes": ["lab_index"], "data": data}
    platform.verbatim.config.write_text(json.dumps(settings))
    yield platform.verbatim
    for body in connections:
        api.delete(f"connections/{body['connection_id']}")


@pytest.fixture
def conf(
    repository: str, index: PackageIndex, s3_server: S3Server, hive_server: HiveServer, tmp_path_factory: Any
) -> dict[str, Any]:
    hive_server.execute(
        "CREATE TABLE IF NOT EXISTS visits (visitor BIGINT, at TIMESTAMP) STORED AS PARQUET",
        "INSERT OVERWRITE visits VALUES (1, TIMESTAMP '2026-01-01 00:00:00'), (2, TIMESTAMP '2999-01-01 00:00:00')",
    )
    query = "SELECT visitor, at FROM visits WHERE at < {{ as_of }}"
    bucket = s3_server.make_bucket(tmp_path_factory.mktemp("bucket-of-secrets").name.replace("_", "-"))
    s3_server.client().put_object(Bucket=bucket.removeprefix("s3://"), Key="rows.csv", Body=b"x,y\n1,2\n3,4\n")
    return {
        "experiment": "private",
        "code": {"url": repository, "connection": "lab_code"},
        "environment": {"indexes": [{"url": index.url, "connection": "lab_index"}]},
        "data": {
            "train": {"s3": {"uri": f"{bucket}/", "connection": "lab_data"}},
            "visits": {"hive": {"connection": "lab_hive", "query": query}},
        },
    }


@contextmanager
def watched(daemon: docker.DockerClient) -> Iterator[list[str]]:
    """Give what inspecting every stage's container, and listing all processes, shows meanwhile."""
    seen: list[str] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            for container in daemon.api.containers(all=True, filters={"label": "verbatim.run"}):
                with suppress(NotFound):
                    seen.append(json.dumps(daemon.api.inspect_container(container["Id"])))
            seen.append(subprocess.run(["ps", "axeww"], capture_output=True, text=True, check=True).stdout)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def spellings(secret: str) -> tuple[str, ...]:
    """Return how a secret may be written: as it is, in a URL, in JSON, in a header."""
    return (secret, quote(secret, safe=""), json.dumps(secret)[1:-1], base64.b64encode(secret.encode()).decode())


def assert_nowhere(verbatim: Commands, since: float, seen: list[str], api: AirflowApi, run: str) -> None:
    """Search all that a run leaves: files, databases, logs, what tasks passed on, and what containers showed."""
    shown = "\n".join(seen) + json.dumps(api.get(f"dags/train/dagRuns/{run}"))
    for task in api.tasks(run):
        shown += json.dumps(api.get(f"dags/train/dagRuns/{run}/taskInstances/{task}"))
        shown += json.dumps(api.get(f"dags/train/dagRuns/{run}/taskInstances/{task}/xcomEntries"))
    volume = ["docker", "volume", "inspect", "--format", "{{.Mountpoint}}", "verbatim-cache"]
    cache = subprocess.run(volume, capture_output=True, text=True, check=True).stdout.strip()
    all_spellings = [spelling for secret in SECRETS for spelling in spellings(secret)]
    assert [spelling for spelling in all_spellings if spelling in shown] == []
    control = verbatim.home / "control-of-the-search"
    control.write_text(control.name)
    patterns = [part for spelling in (control.name, *all_spellings) for part in ("-e", spelling)]
    new_files = ["find", verbatim.home, cache, "-type", "f", "-newermt", f"@{since}"]
    search = [*new_files, "-exec", "grep", "-laFs", *patterns, "{}", "+"]
    found = subprocess.run(search, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout
    assert found.splitlines() == [str(control)]


def run_watched(
    verbatim: Commands, api: AirflowApi, daemon: docker.DockerClient, conf: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Run a conf to its end, search for the secrets, and return how it ended and its record."""
    since = time.time()
    with watched(daemon) as seen:
        run = api.trigger(conf)
        state = api.wait(run)
    row = next(row for row in verbatim("runs", "--json") if row["origin"]["airflow_run_id"] == run)
    record = verbatim("show", row["run_id"], "--json")
    assert_nowhere(verbatim, since, [*seen, json.dumps(record)], api, run)
    return state, record


def test_private_code_packages_and_data_make_a_model(
    connected: Commands, runner_image: str, api: AirflowApi, docker_daemon: docker.DockerClient, conf: dict[str, Any]
) -> None:
    state, record = run_watched(connected, api, docker_daemon, conf)

    assert state == "success", record["error"]
    assert record["engine"] == "docker"
    assert record["metrics"]["rows"] == 2
    assert record["data"]["visits"]["rows"] == 1
    assert "canary" not in connected("logs", record["run_id"], parse=False)


def test_a_clone_with_a_wrong_login_fails_as_such(
    connected: Commands, runner_image: str, api: AirflowApi, docker_daemon: docker.DockerClient, conf: dict[str, Any]
) -> None:
    conf["code"]["connection"] = "lab_wrong"

    state, record = run_watched(connected, api, docker_daemon, conf)

    assert state == "failed"
    assert "code.connection: expected a repository that may be read" in record["error"]


def test_an_installation_that_fails_says_why(
    connected: Commands,
    runner_image: str,
    api: AirflowApi,
    docker_daemon: docker.DockerClient,
    *,
    conf: dict[str, Any],
    web_server: WebServer,
) -> None:
    url = f"{web_server.url}/git/team/unbuildable"
    make_repository(web_server.root / "git/team/unbuildable", {"train.py": "", "requirements.txt": "labfeatures>2\n"})
    conf["code"]["url"] = url

    state, record = run_watched(connected, api, docker_daemon, conf)

    assert state == "failed"
    assert "labfeatures" in record["error"]


def test_a_hive_server_that_refuses_the_login_is_named(
    connected: Commands, runner_image: str, api: AirflowApi, docker_daemon: docker.DockerClient, conf: dict[str, Any]
) -> None:
    conf["data"]["visits"]["hive"]["connection"] = "lab_hive_wrong"

    state, record = run_watched(connected, api, docker_daemon, conf)

    assert state == "failed"
    assert "data.visits.hive" in record["error"]
    assert "refuses the login" in record["error"]
