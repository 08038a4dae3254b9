"""A run that is ended in Airflow while it trains: never a success, nothing registered, booked at once, nothing left running."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from patience import until
from platform_fixture import VERBATIM

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_api import AirflowApi
    from platform_fixture import Commands

pytestmark = pytest.mark.airflow

STUBBORN = """
import os, pathlib, signal, sys, time
def save(*_):
    time.sleep(7)  # longer than Airflow lets a task live that it wants to end
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
pathlib.Path(os.environ["SM_MODEL_DIR"], "model.txt").write_text("half done")
print("training", flush=True)
time.sleep(600)
"""


@pytest.mark.docker
def test_a_run_marked_failed_while_it_trains_is_cancelled_and_registers_nothing(
    platform_with_engine: Callable[[str], Commands],
    runner_image: str,
    docker_daemon: Any,
    api: AirflowApi,
    tmp_path: Path,
) -> None:
    verbatim = platform_with_engine("docker")
    code = tmp_path / "stubborn"
    code.mkdir()
    (code / "train.py").write_text(STUBBORN)
    run = api.trigger({"code": str(code)})

    def row() -> dict[str, Any] | None:
        return next((row for row in verbatim("runs", "--json") if row["origin"]["airflow_run_id"] == run), None)

    run_id = until(row, "pinning")["run_id"]
    until(lambda: verbatim.run("logs", run_id, "--stage", "train").stdout.count("\ntraining\n"), "training")
    api.patch(f"dags/train/dagRuns/{run}", {"state": "failed"})

    def stopped() -> dict[str, Any] | None:
        record = verbatim("show", run_id, "--json")
        return record if record["stages"]["train"]["state"] == "failed" else None

    record = until(stopped, "booking the stop")
    assert record["status"] == "cancelled"
    assert record["stages"]["train"]["error"]["kind"] == "stopped"
    assert record["model"] is None
    assert "register" not in record["stages"]
    running = {"label": f"verbatim.run={run_id}", "status": "running"}
    until(lambda: not docker_daemon.containers.list(filters=running), "the container's end")


def _interrupted(waiting: subprocess.Popen[str]) -> str:
    """Press Ctrl-C, again if nothing happens, and return what the command says at its end."""
    for _ in range(20):
        waiting.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return waiting.communicate(timeout=5)[1]
    raise AssertionError("Ctrl-C did not end it")


def test_ctrl_c_while_waiting_leaves_the_run_and_says_so(verbatim: Commands, tmp_path: Path) -> None:
    code = tmp_path / "patient"
    code.mkdir()
    released = tmp_path / "released"
    (code / "train.py").write_text(
        f"import os, pathlib, time\nwhile not os.path.exists({str(released)!r}):\n    time.sleep(0.1)\n"
        "pathlib.Path(os.environ['SM_MODEL_DIR'], 'm').write_text('m')\n"
    )
    (tmp_path / "conf.json").write_text('{"code": "./patient"}')
    environment = os.environ | {"VERBATIM_HOME": str(verbatim.home), "VERBATIM_CONFIG": str(verbatim.config)}
    waiting = subprocess.Popen(  # a background job of a shell ignores Ctrl-C, and so would the command but for `env`
        ["env", "--default-signal=INT", VERBATIM, "submit", str(tmp_path / "conf.json"), "--wait"],
        env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    run_id = next(line for line in waiting.stderr if line.startswith("patient-")).split()[0]

    said = _interrupted(waiting)
    released.touch()

    assert waiting.returncode == 130
    assert f"The run goes on. `verbatim logs {run_id} --follow` follows it" in said

    def succeeded() -> bool:
        return any(row["run_id"] == run_id and row["status"] == "succeeded" for row in verbatim("runs", "--json"))

    until(succeeded, "the end")
