"""The supervisor: keeps Airflow's components running until it is told to stop. A process of its own, one a home.

It imports nothing of Airflow. A component that dies is started again, later each time; what the dead one left behind
(the scheduler's task processes) is killed first, so that no stage runs twice.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from verbatim.documents import Moment, now
from verbatim_cli.embedded import processes
from verbatim_cli.embedded.configuration import HOST, airflow_command, environment
from verbatim_cli.embedded.home import Home
from verbatim_cli.embedded.state import COMPONENTS, ComponentState, PlatformState, write_state

ARGUMENTS = {
    # Task logs are read from the directory that all components share; their two log servers would claim fixed ports.
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
POLL_S = 0.1
FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
SETTLED_S = 60.0
STOP_WAIT_S = 5.0


@dataclass
class Component:
    """One of Airflow's processes, and when it may be started next."""

    name: str
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    last_exit: int | None = None
    since: Moment = field(default_factory=now)
    started: float = 0.0
    delay_s: float = FIRST_DELAY_S
    due: float = 0.0

    def describe(self) -> ComponentState:
        """Return what ``verbatim status`` shows."""
        pid = self.process.pid if self.process else None
        return ComponentState(
            state="up" if pid else "down", pid=pid, restarts=self.restarts, since=self.since, last_exit=self.last_exit
        )


class Supervisor:
    """Runs the components of one home.

    Args:
        home: The platform's directory, configured.
        port: The API server's port.
    """

    def __init__(self, home: Home, port: int) -> None:
        self._home = home
        self._port = port
        self._started_at = now()
        self._components = [Component(name) for name in COMPONENTS]
        self._stop = threading.Event()

    def run(self) -> None:
        """Start all components, and start again those that die, until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        try:
            while not self._stop.is_set():
                changed = [self._tend(component) for component in self._components]
                if any(changed):
                    self._write_state()
                self._stop.wait(POLL_S)
        finally:
            self._stop_components()
            self._home.state_file.unlink(missing_ok=True)

    def _tend(self, component: Component) -> bool:
        """Start a component that is due, notice one that died; return whether anything changed."""
        if component.process is None:
            if time.monotonic() < component.due:
                return False
            self._start(component)
            return True
        code = component.process.poll()
        if code is None:
            return False
        self._bury(component, code)
        return True

    def _start(self, component: Component) -> None:
        with self._home.log_of(component.name).open("ab") as log:
            component.process = subprocess.Popen(
                airflow_command(*ARGUMENTS.get(component.name, [component.name])),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._home.checkout,
                env=environment(self._home, component.name),
            )
        component.started, component.since = time.monotonic(), now()

    def _bury(self, component: Component, code: int) -> None:
        processes.kill(processes.of_home(self._home.root, component.name))
        if time.monotonic() - component.started > SETTLED_S:
            component.delay_s = FIRST_DELAY_S
        self._say(f"{component.name} ended with code {code}; it is started again in {component.delay_s:g} s")
        component.process, component.last_exit, component.since = None, code, now()
        component.restarts += 1
        component.due = time.monotonic() + component.delay_s
        component.delay_s = min(component.delay_s * 2, LONGEST_DELAY_S)

    def _stop_components(self) -> None:
        """Stop everything. Task processes are killed at once: told to end, they would call their runs cancelled."""
        running = [component.process for component in self._components if component.process]
        for process in running:
            process.terminate()
        for process in running:
            processes.kill(processes.descendants(process.pid))
        deadline = time.monotonic() + STOP_WAIT_S
        for process in running:
            try:
                process.wait(max(deadline - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        processes.kill(processes.of_home(self._home.root))

    def _write_state(self) -> None:
        state = PlatformState(
            pid=os.getpid(),
            created=psutil.Process().create_time(),
            url=f"http://{HOST}:{self._port}",
            port=self._port,
            started_at=self._started_at,
            components={component.name: component.describe() for component in self._components},
        )
        write_state(self._home, state)

    def _say(self, text: str) -> None:
        print(f"{now():%Y-%m-%dT%H:%M:%SZ} {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Supervise the platform that the arguments name."""
    parser = argparse.ArgumentParser(description="Supervises an embedded platform; started by `verbatim up`.")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--checkout", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    Supervisor(Home(arguments.home, arguments.checkout), arguments.port).run()


if __name__ == "__main__":
    main()
