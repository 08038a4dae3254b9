"""What a training in a container sees of its data: links into the host's cache, which it can neither change nor list."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from runner.training.conftest import Trainings

from verbatim.stage import TrainOutputs
from verbatim.store import layout

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runner.stages_in_containers import Stages

    from verbatim.stage import StageRequest

pytestmark = pytest.mark.docker

LOOKS = """
import json, os, pathlib
data = pathlib.Path("/opt/ml/input/data")
found = sorted(str(pathlib.Path(folder, name)) for folder, _, names in os.walk(data) for name in names)
train = pathlib.Path(os.environ["SM_CHANNEL_TRAIN"])

def tried(do):
    try:
        do()
    except OSError as error:
        return type(error).__name__
    return "done"

cache = pathlib.Path("/verbatim/cache/data")
uid = next(cache.iterdir())
print(json.dumps({
    "found": found,
    "content": (train / "a.csv").read_text(),
    "overwrite": tried(lambda: (train / "a.csv").write_text("changed")),
    "chmod": tried(lambda: (train / "a.csv").chmod(0o666)),
    "new": tried(lambda: (train / "labels.cache").write_text("made")),
    "remove": tried(lambda: (train / "b.csv").unlink()),
    "blobs": tried(lambda: list((uid / "blobs").iterdir())),
    "trees": tried(lambda: list((uid / "trees").iterdir())),
}))
"""


def _seen(stages: Stages, trainings: Trainings, request: StageRequest) -> object:
    result = stages.run(request)
    assert result.error is None, result.error
    assert isinstance(result.outputs, TrainOutputs)
    return trainings.seen(result.outputs)


def test_a_training_reads_the_hosts_cache_and_cannot_change_it(
    stages: Stages, write_tree: Callable[[dict[str, str]], Path]
) -> None:
    trainings = Trainings(stages.ground, write_tree)
    files = {"a.csv": "x\n1\n", "b.csv": "x\n2\n", "deep/c.csv": "x\n3\n"}

    def request() -> StageRequest:
        return trainings.request(LOOKS, conf={"model": None}, data={"train": files, "test": {"a.csv": "y\n1\n"}})

    first, second = request(), request()
    expected = {
        "found": [f"/opt/ml/input/data/{name}" for name in (
            "test/a.csv", "train/a.csv", "train/b.csv", "train/deep/c.csv",
        )],
        "content": "x\n1\n", "overwrite": "PermissionError", "chmod": "PermissionError", "new": "done",
        "remove": "done", "blobs": "PermissionError", "trees": "PermissionError",
    }  # fmt: skip
    assert _seen(stages, trainings, first) == expected
    (cache,) = (stages.ground.cache / "data").iterdir()
    assert list((cache / "trees").iterdir()) == []
    blobs = {path.name: path for path in cache.glob("blobs/*/*")}
    assert len(blobs) == 4
    for digest in blobs:  # the second reads what is there already
        shutil.move(stages.ground.root / "store" / layout.blob(digest), stages.ground.root / digest)
    assert _seen(stages, trainings, second) == expected
    assert {path.stat().st_mode & 0o777 for path in blobs.values()} == {0o444}
    assert {path.stat().st_uid for path in blobs.values()} == {cache.stat().st_uid}
