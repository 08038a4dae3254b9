"""Checkpoints: kept as they appear, also of a training that is stopped, and there for the next try and other runs."""

from __future__ import annotations

import os
import textwrap
import threading
import time
from typing import TYPE_CHECKING

import pytest

from verbatim.checkpoints import Checkpoints, checkpoints_of
from verbatim.spec import PinnedCheckpoints
from verbatim.store import layout
from verbatim_runner.checkpoints import keeper as keeper_module
from verbatim_runner.checkpoints import watch
from verbatim_runner.checkpoints.keeper import Keeper
from verbatim_runner.isolation import Isolation

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.documents import FileRef

RUN = "churn-20260102T030405-abcdef"
BEGINNING = """
import os, pathlib, time
here = pathlib.Path(os.environ["VERBATIM_CHECKPOINT_DIR"])
def until(condition):
    while not condition():
        time.sleep(0.02)
"""


def saves(text: str) -> str:
    """Return a training that does this, with ``here`` for its checkpoint directory."""
    return BEGINNING + textwrap.dedent(text)


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "INTERVAL_S", 0.05)


def listed(trainings) -> list[str]:
    found = checkpoints_of(RUN, trainings.ground.store)
    return [file.path for file in found.files] if found else []


def until(condition) -> None:
    give_up_at = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def test_checkpoints_are_kept_in_the_order_in_which_they_were_written(trainings):
    outputs = trainings.succeed(
        saves("""
    for name in "b", "a", "sub/c":
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_text(name)
        time.sleep(0.02)
    (here / "a").unlink()
    """)
    )
    assert [file.path for file in outputs.checkpoints] == ["b", "sub/c"] == listed(trainings)
    assert trainings.ground.store.get_blob(outputs.checkpoints[1].sha256) == b"sub/c"
    assert outputs.resumed_from is None


def test_a_checkpoint_is_in_the_store_while_the_training_goes_on(trainings, tmp_path):
    go_on = tmp_path / "go on"
    script = saves(f"""
    (here / "epoch1.pt").write_text("weights")
    until(pathlib.Path({str(go_on)!r}).exists)
    (here / "epoch1.pt").unlink()
    """)
    seen: list[list[str]] = []

    def look() -> None:
        until(lambda: listed(trainings))
        seen.append(listed(trainings))
        go_on.touch()

    thread = threading.Thread(target=look)
    thread.start()
    outputs = trainings.succeed(script)
    thread.join()
    assert seen == [["epoch1.pt"]]
    assert outputs.checkpoints == ()
    assert trainings.ground.store.read(layout.checkpoints(RUN), Checkpoints).files == ()


def test_the_next_try_starts_with_what_the_last_one_left(trainings):
    first = trainings.run(
        saves('(here / "old").write_text("1"); time.sleep(0.02); (here / "new").write_text("2"); 1 / 0')
    )
    assert first.error is not None
    outputs = trainings.succeed(
        saves("""
    files = sorted(here.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    print([(path.name, path.read_text()) for path in files])
    files[1].write_text("3")
    """)
    )
    assert "[('old', '1'), ('new', '2')]" in trainings.log(outputs)
    assert outputs.resumed_from == "try 1"
    assert [trainings.ground.store.get_blob(file.sha256) for file in outputs.checkpoints] == [b"1", b"3"]


def test_a_run_starts_with_what_another_left_unless_it_has_its_own(trainings):
    store = trainings.ground.store
    pinned = PinnedCheckpoints(run_id="other", files=(store.put_bytes(b"weights", "deep/epoch9.pt"),))
    request = trainings.request(saves('print((here / "deep/epoch9.pt").read_text()); 1 / 0'))
    resumed = request.model_copy(update={"spec": request.spec.model_copy(update={"resume_from": pinned})})
    result = trainings.ground.run(resumed)
    assert result.outputs.resumed_from == "other"
    assert trainings.log(result.outputs).startswith("weights\n")
    assert listed(trainings) == ["deep/epoch9.pt"]
    assert trainings.succeed("pass").resumed_from == "try 1"


def test_a_training_that_is_stopped_keeps_its_checkpoints(trainings):
    result = trainings.run(
        saves('(here / "last.pt").write_text("weights"); time.sleep(600)'), conf={"resources": {"timeout": "1s"}}
    )
    assert result.error.kind == "stopped"
    assert listed(trainings) == ["last.pt"]


def test_a_checkpoint_that_links_out_of_the_run_is_not_kept(trainings, tmp_path):
    (tmp_path / "secret").write_text("secret")
    outputs = trainings.succeed(
        saves(f"""
    (here / "mine").write_text("mine")
    (here / "latest").symlink_to("mine")
    (here / "theirs").symlink_to({str(tmp_path / "secret")!r})
    (here / "all").symlink_to({str(tmp_path)!r})
    os.close(os.open(bytes(here) + b"/\\xff", os.O_CREAT | os.O_WRONLY))
    """)
    )
    assert {file.path for file in outputs.checkpoints} == {"mine", "latest"}


def test_a_store_that_fails_meanwhile_does_not_end_the_training(trainings, tmp_path):
    go_on = tmp_path / "go on"
    script = saves(f"""
    (here / "epoch1.pt").write_text("weights")
    until(pathlib.Path({str(go_on)!r}).exists)
    """)
    request = trainings.request(script, conf={"model": None})
    blobs = tmp_path / "store/blobs"
    aside = tmp_path / "aside"

    def break_the_store() -> None:
        until((tmp_path / "work/ml/checkpoints/epoch1.pt").exists)
        blobs.rename(aside)
        blobs.write_text("no directory")
        until(lambda: "cannot be kept at the moment" in log())
        blobs.unlink()
        aside.rename(blobs)
        go_on.touch()

    def log() -> str:
        keys = trainings.ground.store.keys(layout.log_prefix(RUN, "train"))
        return b"".join(trainings.ground.store.read_bytes(key) for key in keys).decode()

    thread = threading.Thread(target=break_the_store)
    thread.start()
    result = trainings.ground.run(request)
    thread.join()
    assert result.error is None
    assert listed(trainings) == ["epoch1.pt"]


class Directory:
    """A checkpoint directory with a keeper that looks when told to."""

    def __init__(self, ground) -> None:
        self.path = ground.root / "work/ml/checkpoints"
        self.path.mkdir(parents=True)
        self.keeper = Keeper(
            ground.store, Isolation(switches=False), ground.root / "work", run_id=RUN, try_number=1, kept={}
        )
        self._store = ground.store
        self._time = 10**18

    def write(self, name: str, text: str) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self._time += 1
        os.utime(path, ns=(self._time, self._time))

    def listed(self) -> dict[str, bytes]:
        found = checkpoints_of(RUN, self._store)
        return {file.path: self._store.get_blob(file.sha256) for file in found.files} if found else {}


@pytest.fixture
def directory(ground) -> Directory:
    return Directory(ground)


def test_a_file_is_kept_when_two_looks_find_it_the_same(directory: Directory) -> None:
    directory.write("a", "1")
    assert directory.keeper.round() == {}
    directory.write("a", "22")
    assert directory.keeper.round() == {}
    assert list(directory.keeper.round()) == ["a"]
    assert directory.listed() == {"a": b"22"}
    assert directory.keeper.round() == {}


def test_a_file_that_is_written_again_is_listed_as_it_was_until_it_is_finished(directory: Directory) -> None:
    directory.write("last", "1")
    for _ in range(2):
        directory.keeper.round()
    directory.write("last", "2 half")
    directory.keeper.round()
    assert directory.listed() == {"last": b"1"}
    directory.keeper.round()
    assert directory.listed() == {"last": b"2 half"}
    (directory.path / "last").unlink()
    directory.keeper.round()
    assert directory.listed() == {}


def test_a_directory_is_listed_when_all_of_it_is_finished(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory.write("step-5/weights", "w")
    directory.keeper.round()
    for number in range(3):
        directory.write("step-5/optimizer", "o" * number)
        assert "step-5/optimizer" not in directory.keeper.round()
        assert directory.listed() == {}
    directory.keeper.round()
    assert directory.listed() == {"step-5/weights": b"w", "step-5/optimizer": b"oo"}
    monkeypatch.setattr(keeper_module, "PATIENCE_S", 0)
    directory.write("with-log/weights", "w")
    for number in range(3):
        directory.write("with-log/log", "l" * number)
        directory.keeper.round()
    assert "with-log/weights" in directory.listed()


def test_a_list_of_an_earlier_try_stands_until_there_is_another(ground) -> None:
    ref: FileRef = ground.store.put_bytes(b"1", "a")
    directory = Directory(ground)
    directory.write("a", "1")
    found = (directory.path / "a").stat()
    kept = {"a": ((found.st_ino, found.st_size, found.st_mtime_ns), ref)}
    keeper = Keeper(ground.store, Isolation(switches=False), ground.root / "work", run_id=RUN, try_number=2, kept=kept)
    for _ in range(3):
        assert keeper.round() == {}
    assert not ground.store.exists(layout.checkpoints(RUN))


def test_no_link_of_the_training_is_followed(directory: Directory, tmp_path: Path) -> None:
    (tmp_path / "else").mkdir()
    (tmp_path / "else/secret").write_text("secret")
    (directory.path / "link").symlink_to(tmp_path / "else/secret")
    (directory.path / "folder").symlink_to(tmp_path / "else")
    os.mkfifo(directory.path / "pipe")
    for _ in range(3):
        assert directory.keeper.round() == {}
    directory.path.rename(directory.path.with_name("moved"))
    directory.path.symlink_to(tmp_path / "else")
    for _ in range(3):
        assert directory.keeper.round() == {}
