"""What a training leaves in a container, as another uid and wherever it likes, reaches the store as its owner's."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from runner.stages_in_containers import OWNER

from verbatim.checkpoints import checkpoints_of
from verbatim.documents import now
from verbatim.stage import ExtractOutputs, StageResult, TrainOutputs
from verbatim.store import layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.stages_in_containers import Stages

    from verbatim.stage import StageName

pytestmark = pytest.mark.docker

RUN = "churn-20260102T030405-abcdef"
SAVES = """
import os, pathlib, time
here = pathlib.Path("/opt/ml/checkpoints")
print([(path.name, path.read_text()) for path in sorted(here.iterdir())], flush=True)
if not list(here.iterdir()):
    os.umask(0o077)
    (here / "epoch1.pt").write_text("weights")
    while True:
        time.sleep(0.1)
(here / "epoch1.pt").write_text("better")  # in place, as some trainings do
pathlib.Path("/tmp/fitted.pkl").write_text("model")
"""


def test_a_killed_container_leaves_its_checkpoints_and_the_next_goes_on_from_them(
    stages: Stages, write_tree: Callable[[dict[str, str]], Path]
) -> None:
    ground = stages.ground
    code = ground.store_directory(write_tree({"train.py": SAVES}))
    prepared = stages.run(ground.request("prepare", code=code))
    assert prepared.error is None
    inputs: dict[StageName, StageResult] = {"prepare": prepared, "extract": _nothing_extracted()}
    first = ground.request("train", code=code, inputs=inputs)

    def kill_when_kept() -> None:
        give_up_at = time.monotonic() + 120
        while checkpoints_of(RUN, ground.store) is None and time.monotonic() < give_up_at:
            time.sleep(0.1)
        subprocess.run(["docker", "kill", stages.name(first)], check=True, capture_output=True)

    killer = threading.Thread(target=kill_when_kept)
    killer.start()
    subprocess.run(stages.command(first), check=False, capture_output=True)
    killer.join()
    kept = checkpoints_of(RUN, ground.store)
    assert kept is not None
    assert ground.store.get_blob(kept.files[0].sha256) == b"weights"
    assert not ground.store.exists(layout.stage_result(RUN, "train", 1))

    result = stages.run(ground.request("train", code=code, inputs=inputs, try_number=2))
    assert result.error is None
    assert isinstance(result.outputs, TrainOutputs)
    assert result.outputs.resumed_from == "try 1"
    assert ground.store.get_blob(result.outputs.log.sha256).startswith(b"[('epoch1.pt', 'weights')]")
    assert [ground.store.get_blob(file.sha256) for file in result.outputs.checkpoints] == [b"better"]
    assert [file.path for file in result.outputs.model] == ["fitted.pkl"]
    assert "/tmp/fitted.pkl looks like the model" in result.warnings[0]
    assert {
        Path(folder, name).lstat().st_uid for folder, _, names in os.walk(ground.root / "store") for name in names
    } == {OWNER}


def _nothing_extracted() -> StageResult:
    return StageResult(
        run_id=RUN, stage="extract", try_number=1, state="succeeded", started_at=now(), finished_at=now(),
        engine="process", outputs=ExtractOutputs(snapshots={}),
    )  # fmt: skip
