"""The embedded platform: it comes up, keeps itself up, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from platform_fixture import Commands, Platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.airflow
COMPONENTS = {"api-server", "scheduler", "dag-processor", "triggerer"}


def wait_until(condition: Callable[[], object], timeout_s: float = 240) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.1)


def processes_of(home: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("VERBATIM_PLATFORM") == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Commands]:
    """A home of the test's own."""
    commands = Commands(tmp_path / "home", tmp_path / "platform.yaml")
    commands.use_engine("process")
    yield commands
    commands("down")


def test_status_tells_of_every_component(platform: Platform) -> None:
    status = platform.verbatim("status", "--json")

    assert status["up"] is True
    assert set(status["components"]) == COMPONENTS
    assert {part["state"] for part in status["components"].values()} == {"up"}
    assert all(psutil.pid_exists(part["pid"]) for part in status["components"].values())
    assert status["engine"]["picked"] == "process"
    assert platform.url in platform.verbatim("status", parse=False)


def test_up_once_more_leaves_what_is_up(platform: Platform) -> None:
    before = platform.verbatim("status", "--json")

    again = platform.verbatim("up", "--json")

    assert again["pid"] == before["pid"]
    assert again["components"] == before["components"]


def test_components_that_die_are_started_again(platform: Platform) -> None:
    def components() -> dict:
        return platform.verbatim("status", "--json")["components"]

    before = components()
    for part in before.values():
        os.kill(part["pid"], signal.SIGKILL)

    wait_until(lambda: all(part["restarts"] > before[name]["restarts"] for name, part in components().items()))
    wait_until(lambda: platform.verbatim.run("up").returncode == 0)
    after = components()
    for name in COMPONENTS:
        assert after[name]["state"] == "up", name
        assert after[name]["pid"] != before[name]["pid"], name
        assert after[name]["last_exit"] == -signal.SIGKILL, name


def test_secrets_are_readable_by_their_owner_alone(platform: Platform) -> None:
    home = platform.verbatim.home
    for name in ("secrets.json", "airflow/airflow.cfg", "airflow/passwords.json"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600, name
    for log in (home / "logs").iterdir():
        assert platform.password not in log.read_text(), log


def test_the_api_demands_a_login(platform: Platform) -> None:
    import httpx

    answer = httpx.get(f"{platform.url}/api/v2/dags", trust_env=False)

    assert answer.status_code == 401


def test_a_platform_comes_up_beside_another_and_leaves_nothing(platform: Platform, own: Commands) -> None:
    first = own("up", "--json")
    assert first["port"] != platform.url.rsplit(":", 1)[1]
    assert len(processes_of(own.home)) > len(COMPONENTS)
    keys = (own.home / "secrets.json").read_text()

    os.kill(first["pid"], signal.SIGKILL)  # the supervisor itself: its components have no parent any more
    assert own.run("status", "--json").returncode == 66
    own("down")

    assert not processes_of(own.home)
    assert own.run("status", "--json").returncode == 66
    own("down")  # once more is fine
    second = own("up", "--json")
    assert second["pid"] != first["pid"]
    assert (own.home / "secrets.json").read_text() == keys
    assert own("down", "--json") == {"was_up": True, "runs_in_flight": [], "containers_removed": 0}
    assert not processes_of(own.home)


def test_a_run_in_flight_goes_on_at_the_next_up(own: Commands, tmp_path: Path) -> None:
    signal_to_end = tmp_path / "end"
    code = tmp_path / "code"
    code.mkdir()
    (code / "train.py").write_text(
        "import os, pathlib, time\n"
        "print('loss=0.5', flush=True)\n"
        f"while not pathlib.Path({str(signal_to_end)!r}).exists():\n"
        "    time.sleep(0.1)\n"
        "pathlib.Path(os.environ['SM_MODEL_DIR'], 'model.txt').write_text('m')\n"
    )
    (tmp_path / "conf.json").write_text(json.dumps({"experiment": "interrupted", "code": "./code"}))
    own("up")
    run = own("submit", str(tmp_path / "conf.json"), "--json")["run_id"]
    wait_until(lambda: own.run("metrics", run, "--json").stdout.count("loss"))

    assert own("down", "--json")["runs_in_flight"] == [run]

    assert not [
        process for process in psutil.process_iter(["cmdline"]) if "train.py" in (process.info["cmdline"] or [])
    ]
    signal_to_end.touch()
    own("up")
    wait_until(lambda: own("show", run, "--json")["status"] != "running")
    record = own("show", run, "--json")
    assert record["status"] == "succeeded"
    assert record["stages"]["train"]["try_number"] == 2


def test_a_port_that_is_taken_is_an_error_when_it_was_asked_for(own: Commands) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        done = own.run("up", "--port", port, "--json")

    assert done.returncode == 75
    error = json.loads(done.stdout)["error"]
    assert error["field"] == "--port"
    assert port in error["message"]
    assert not processes_of(own.home)


def test_a_component_that_cannot_start_is_named_with_its_last_lines(own: Commands) -> None:
    done = own.run("up", AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST="not json")

    assert done.returncode == 75
    assert "does not stay up" in done.stderr
    assert str(own.home / "logs") in done.stderr
    assert "Traceback" not in done.stderr.splitlines()[0]
