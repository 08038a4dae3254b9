"""Starting, stopping and describing the embedded platform of one home."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import psutil

from verbatim.errors import NotFound, PlatformFault
from verbatim_cli.airflow_api import AirflowApi
from verbatim_cli.embedded import processes
from verbatim_cli.embedded.configuration import HOST, airflow_command, environment, write_configuration
from verbatim_cli.embedded.home import ADMIN, Home, keep_secrets
from verbatim_cli.embedded.state import COMPONENTS, PlatformState, running_platform

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_PORT = 8080
PORTS_TRIED = 100
READY_WAIT_S = 180.0
DAG_WAIT_S = 60.0
STOP_WAIT_S = 30.0
POLL_S = 0.25
TOLERATED_RESTARTS = 2
TAIL_LINES = 15

Report = Callable[[str], None]


def start(home: Home, port: int | None, overrides: dict[str, str], report: Report) -> PlatformState:
    """Bring the platform up and wait until it serves; one that is up already is left as it is.

    Args:
        home: Its directory; made if it is not there.
        port: The API server's port; 8080 or the next free one if not given.
        overrides: Environment variables for all its processes.
        report: Told what is going on, in a few words.

    Raises:
        PlatformFault: The port is taken, or a component does not come up; its last lines are in the message.
    """
    with _locked(home):
        running = running_platform(home)
        if running and port not in {None, running.port}:
            raise PlatformFault(
                f"the platform is up already, on port {running.port}; first: verbatim down", field="--port"
            )
        if running is None:
            processes.kill(processes.of_home(home.root))
            home.state_file.unlink(missing_ok=True)
            chosen = choose_port(port)
            write_configuration(home, keep_secrets(home), chosen)
            _prepare_database(home, report)
            report("Starting Airflow")
            _spawn_supervisor(home, chosen, overrides)
        state = _wait_until_ready(home, report)
    _wait_for_dag(home, state, report)
    return state


def stop(home: Home) -> bool:
    """Stop the platform and all that it started, also when its supervisor is gone; return whether anything ran."""
    with _locked(home):
        running = running_platform(home)
        if running:
            with suppress(ProcessLookupError):
                os.kill(running.pid, signal.SIGTERM)
            deadline = time.monotonic() + STOP_WAIT_S
            while processes.is_alive(running.pid, running.created) and time.monotonic() < deadline:
                time.sleep(POLL_S)
        left = processes.of_home(home.root)
        processes.kill(left)
        home.state_file.unlink(missing_ok=True)
    return bool(running or left)


def choose_port(wanted: int | None) -> int:
    """Return the wanted port, or the first free one from 8080 on.

    Raises:
        PlatformFault: The wanted one is taken, or none is free.
    """
    if wanted is not None:
        if not _is_free(wanted):
            raise PlatformFault(
                f"port {wanted} is taken by another program; choose another, or leave it out", field="--port"
            )
        return wanted
    candidates = range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED)
    found = next((port for port in candidates if _is_free(port)), None)
    if found is None:
        raise PlatformFault(f"no port from {candidates[0]} to {candidates[-1]} is free; name one with --port")
    return found


def open_api(home: Home, state: PlatformState) -> AirflowApi:
    """Return the running platform's REST API."""
    return AirflowApi(state.url, user=ADMIN, password=keep_secrets(home).password)


@contextmanager
def _locked(home: Home) -> Iterator[None]:
    """Hold the home's lock: two commands that start or stop it take turns."""
    for directory in (home.root, home.airflow, home.logs):
        directory.mkdir(parents=True, exist_ok=True)
    with (home.root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _prepare_database(home: Home, report: Report) -> None:
    """Make or migrate Airflow's database, unless this Airflow has done so before."""
    stamp, wanted = home.airflow / "migrated-by", version("apache-airflow-core")
    if home.database.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    report("Preparing Airflow's database")
    log = home.log_of("migration")
    with log.open("wb") as out:
        done = subprocess.run(
            airflow_command("db", "migrate"), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            cwd=home.checkout, env=environment(home, "migration"), check=False,
        )  # fmt: skip
    if done.returncode:
        raise PlatformFault(f"Airflow's database could not be prepared:\n{_tail(log)}\nThe whole log: {log}")
    with sqlite3.connect(home.database) as connection:
        connection.execute(
            "PRAGMA journal_mode = WAL"
        )  # readers and the writer do not wait for each other; kept in the file
    stamp.write_text(wanted)


def _spawn_supervisor(home: Home, port: int, overrides: dict[str, str]) -> None:
    command = [sys.executable, "-m", "verbatim_cli.embedded.supervisor"]
    arguments = ["--home", str(home.root), "--checkout", str(home.checkout), "--port", str(port)]
    for component in COMPONENTS:
        home.log_of(component).write_bytes(b"")
    with home.log_of("supervisor").open("wb") as log:
        subprocess.Popen(
            command + arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=home.checkout,
            env=environment(home, "supervisor") | overrides, start_new_session=True,
        )  # fmt: skip


def _wait_until_ready(home: Home, report: Report) -> PlatformState:
    """Wait for a heartbeat of every component that is younger than the supervisor."""
    deadline = time.monotonic() + READY_WAIT_S
    waiting = list(COMPONENTS)
    api = None
    while time.monotonic() < deadline:
        state = running_platform(home)
        if state is None:
            _give_up_if_supervisor_died(home)
        else:
            api = api or open_api(home, state)
            guilty = [name for name, part in state.components.items() if part.restarts >= TOLERATED_RESTARTS]
            if guilty:
                raise PlatformFault(_account_of(home, guilty[0], "does not stay up"))
            waiting = _without_heartbeat(api, state.started_at)
            if not waiting:
                return state
            report(f"Waiting for {', '.join(waiting)}")
        time.sleep(POLL_S)
    raise PlatformFault(_account_of(home, waiting[0], f"did not come up within {READY_WAIT_S:g} s"))


def _give_up_if_supervisor_died(home: Home) -> None:
    marked = [process for process in processes.of_home(home.root, "supervisor") if process.is_running()]
    if not marked:
        raise PlatformFault(_account_of(home, "supervisor", "ended"))


def _without_heartbeat(api: AirflowApi, since: datetime) -> list[str]:
    try:
        health = api.health()
    except (PlatformFault, NotFound):
        return list(COMPONENTS)
    return [name for name in COMPONENTS[1:] if not _beats(health, name.replace("-", "_"), since)]


def _beats(health: dict[str, Any], part: str, since: datetime) -> bool:
    account = health.get(part, {})
    heartbeat = account.get(f"latest_{part}_heartbeat")
    return account.get("status") == "healthy" and heartbeat is not None and datetime.fromisoformat(heartbeat) >= since


def _wait_for_dag(home: Home, state: PlatformState, report: Report) -> None:
    if not (home.checkout / "dags" / "train.py").exists():
        return
    api = open_api(home, state)
    deadline = time.monotonic() + DAG_WAIT_S
    while not api.has_dag():
        errors = api.import_errors()
        if errors or time.monotonic() > deadline:
            reason = "\n".join(errors) or _tail(home.log_of("dag-processor"))
            raise PlatformFault(f"the platform is up at {state.url}, but it cannot load its training DAG:\n{reason}")
        report("Waiting for the training DAG")
        time.sleep(POLL_S)


def _account_of(home: Home, component: str, what: str) -> str:
    log = home.log_of(component)
    return f"{component} {what}. Its last lines:\n{_tail(log)}\nThe whole log: {log}. To stop the rest: verbatim down"


def _tail(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return "(no log)"
    return "\n".join(f"  {line[:300]}" for line in lines[-TAIL_LINES:]) or "(it wrote nothing)"


def memory_bytes(state: PlatformState) -> int:
    """Return the memory of the supervisor and all below it, in bytes; what processes share is counted once."""
    total = 0
    for process in [psutil.Process(state.pid), *processes.descendants(state.pid)]:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            used = process.memory_full_info()
            total += getattr(used, "pss", used.rss)  # proportional shares are known on Linux alone
    return total
