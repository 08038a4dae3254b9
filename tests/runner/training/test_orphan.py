"""A stage whose follower is killed ends, too: its next try must not find it still at work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from verbatim.stage import StageResult, StageSecrets
from verbatim.store import layout

FOLLOWER = """
import subprocess, sys
command = [sys.executable, "-m", "verbatim_runner", "stage", "--input", sys.argv[1], "--work", sys.argv[2]]
stage = subprocess.Popen(command, stdout=subprocess.PIPE)
for line in stage.stdout:
    sys.stdout.buffer.write(line)
    sys.stdout.flush()
"""
TRAINING = """
    import os, time
    print("training as", os.getpid(), flush=True)
    time.sleep(600)
"""


def test_a_training_ends_when_its_follower_is_killed(trainings, tmp_path):
    request = trainings.request(TRAINING, conf={"model": None})
    given = tmp_path / "given"
    given.mkdir()
    (given / "request.json").write_bytes(request.canonical())
    (given / "secrets.json").write_bytes(StageSecrets().in_clear())
    follower = subprocess.Popen(
        [sys.executable, "-c", FOLLOWER, str(given), str(tmp_path / "work")], stdout=subprocess.PIPE, text=True
    )
    said = next(line for line in follower.stdout if "training as" in line)
    training = Path("/proc", said.split()[-1])

    os.kill(follower.pid, signal.SIGKILL)
    follower.wait()
    follower.stdout.close()

    key = layout.stage_result(request.run_id, "train", request.try_number)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and (training.exists() or not trainings.ground.store.exists(key)):
        time.sleep(0.1)
    assert not training.exists()
    assert trainings.ground.store.read(key, StageResult).error.kind == "stopped"
