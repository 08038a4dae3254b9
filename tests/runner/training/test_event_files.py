"""TensorBoard's event files: what others write is read as it grows, and what we write is what TensorBoard reads."""

from __future__ import annotations

import math
import os
import struct
from contextlib import suppress

import pytest

from verbatim_runner.metrics.finder import Finder
from verbatim_runner.metrics.tensorboard.events import Scalar, ScalarParser, prefix_of, scalar_event
from verbatim_runner.metrics.tensorboard.follow import EventFileReader
from verbatim_runner.metrics.tensorboard.records import BrokenRecordError, framed, read_records
from verbatim_runner.metrics.tensorboard.write import EventFileWriter

# Written by tensorboard 2.20's own classes: scalar_pb (TensorFlow 2), Summary.Value.simple_value (PyTorch), RecordWriter.
TENSOR = "0900002040fc54d94110032a270a250a0a65706f63685f6c6f7373420a080112002a040000803e4a0b0a090a077363616c617273"
HALF = "10012a1f0a1d0a0468616c664208081312006a0280704a0b0a090a077363616c617273"
DOUBLE = "10012a270a250a06646f75626c65420e0802120032089a9999999999b93f4a0b0a090a077363616c617273"
INT64 = "10012a270a250a046c6f6e67421008091200520af9ffffffffffffffff014a0b0a090a077363616c617273"
SIMPLE = "09000000000000f83f10022a0d0a0b0a046c6f7373150000003f"
RECORD = "0800000000000000ff86240f766572626174696d5892c921"


@pytest.mark.parametrize(
    ("event", "scalar"),
    [
        (TENSOR, Scalar("epoch_loss", 0.25, 3, 1700000000.5)),
        (HALF, Scalar("half", 0.5, 1, 0.0)),
        (DOUBLE, Scalar("double", 0.1, 1, 0.0)),
        (INT64, Scalar("long", -7.0, 1, 0.0)),
        (SIMPLE, Scalar("loss", 0.5, 2, 1.5)),
    ],
)
def test_a_scalar_is_read_in_each_form_that_frameworks_write(event, scalar):
    assert ScalarParser().parse(bytes.fromhex(event)) == [scalar]


def test_a_record_is_framed_as_tensorboard_frames_it():
    assert framed(b"verbatim").hex() == RECORD


@pytest.mark.parametrize("content", [b"\xff" * 40, b"\x0a\x7f", b"\x2a\x02\x0a\x7f", b"\x0b", b""])
def test_bytes_that_are_no_event_hold_no_scalars(content):
    with suppress(ValueError):
        assert ScalarParser().parse(content) == []


@pytest.mark.parametrize(("value", "step"), [(0.5, 3), (-1.0, None), (math.inf, 2**40), (0.25, -2)])
def test_a_written_scalar_is_read_again(value, step):
    (scalar,) = ScalarParser().parse(scalar_event(prefix_of("val/ä"), value, step, 12.5))
    assert scalar == Scalar("val/ä", value, step or 0, 12.5)


def test_a_number_too_large_for_an_event_is_infinite_in_it():
    (scalar,) = ScalarParser().parse(scalar_event(prefix_of("loss"), -1e300, 1, 0.0))
    assert scalar.value == -math.inf


def event_file(directory, *scalars, name="events.out.tfevents.1700000000.host"):
    """Append scalars (tag, value, step) to an event file, as a training does."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / name).open("ab") as file:
        for tag, value, step in scalars:
            file.write(framed(scalar_event(prefix_of(tag), value, step, 1700000000.0 + step)))
    return directory / name


@pytest.fixture
def finder(tmp_path):
    return Finder(tmp_path, ["source", "ml"], ["ml/input"])


def scalars_of(reader, finder):
    finder.look()
    return [reading[:3] for reading in reader.read_new()]


def test_a_growing_file_is_read_as_it_grows_with_its_own_times(tmp_path, finder):
    reader = EventFileReader(finder)
    path = event_file(tmp_path / "ml/tensorboard", ("loss", 0.5, 1))
    finder.look()
    assert reader.read_new() == [("loss", 0.5, 1, 1700000001.0)]
    record = framed(scalar_event(prefix_of("loss"), 0.25, 2, 1.0))
    with path.open("ab") as file:
        file.write(record[:20])
    assert reader.read_new() == []
    with path.open("ab") as file:
        file.write(record[20:])
    assert reader.read_new() == [("loss", 0.25, 2, 1.0)]
    assert list(reader.read_rest()) == []


def test_files_that_came_with_the_code_or_as_data_are_not_the_trainings(tmp_path, finder):
    old = event_file(tmp_path / "source/runs", ("loss", 9.0, 1))
    finder.look()
    reader = EventFileReader(finder)
    event_file(tmp_path / "ml/input/data/train", ("loss", 8.0, 1))
    event_file(old.parent, ("loss", 0.5, 2))
    assert scalars_of(reader, finder) == [("loss", 0.5, 2)]


def test_parts_of_the_data_and_further_writers_are_told_apart_by_their_directory(tmp_path, finder):
    reader = EventFileReader(finder)
    event_file(tmp_path / "source/logs/train", ("epoch_loss", 0.5, 1))
    event_file(tmp_path / "source/logs/validation", ("epoch_loss", 0.6, 1))
    event_file(tmp_path / "source/runs/b", ("acc", 0.8, 1), name="events.out.tfevents.1700000002.host")
    event_file(tmp_path / "source/runs/z", ("acc", 0.7, 1), name="events.out.tfevents.1700000001.host")
    event_file(tmp_path / "source/runs/z", ("acc", 0.9, 2), name="events.out.tfevents.1700000003.host")
    assert sorted(scalars_of(reader, finder)) == [
        ("acc", 0.7, 1),
        ("acc", 0.9, 2),
        ("b/acc", 0.8, 1),
        ("train/epoch_loss", 0.5, 1),
        ("validation/epoch_loss", 0.6, 1),
    ]


def test_a_file_that_leads_out_of_the_run_is_not_read(tmp_path, finder):
    reader = EventFileReader(finder)
    elsewhere = event_file(tmp_path / "elsewhere", ("loss", 0.5, 1))
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / elsewhere.name).symlink_to(elsewhere)
    (tmp_path / "source" / "folder").symlink_to(elsewhere.parent)
    assert scalars_of(reader, finder) == []


def test_what_stands_before_a_broken_record_is_read(tmp_path, finder):
    reader = EventFileReader(finder)
    path = event_file(tmp_path / "source", ("loss", 0.5, 1))
    with path.open("ab") as file:
        file.write(b"\0" * 100)
    event_file(path.parent, ("loss", 0.25, 2))
    assert scalars_of(reader, finder) == [("loss", 0.5, 1)]
    with path.open("rb") as file, pytest.raises(BrokenRecordError):
        list(read_records(file, 0))


def test_a_record_that_is_said_to_be_endless_is_waited_for(tmp_path):
    header = struct.pack("<Q", 2**60)
    path = tmp_path / "file"
    path.write_bytes(framed(b"x") + header + framed(b"")[8:12])
    with path.open("rb") as file, pytest.raises(BrokenRecordError):
        assert [data for data, _ in read_records(file, 0)] == [b"x"]


def test_points_become_one_file_that_is_whole_after_every_write(tmp_path, finder):
    writer = EventFileWriter(tmp_path / "source" / "verbatim", 1700000000.0)
    reader = EventFileReader(finder)
    writer.write([])
    assert not writer.path.exists()
    writer.write([("loss", 0.5, 1, 2.0, "text"), ("acc", math.nan, None, 3.0, "json")])
    finder.look()
    first, second = reader.read_new()
    assert first == ("loss", 0.5, 1, 2.0)
    assert (second[0], math.isnan(second[1]), second[2:]) == ("acc", True, (0, 3.0))
    writer.write([("loss", 0.25, 2, 4.0, "text")])
    assert reader.read_new() == [("loss", 0.25, 2, 4.0)]


def test_directories_that_cannot_be_listed_are_passed_over(tmp_path, finder):
    event_file(tmp_path / "source/open", ("loss", 0.5, 1))
    (tmp_path / "source/file").write_text("")
    os.mkfifo(tmp_path / "source/events.out.tfevents.pipe")
    finder.look()
    assert finder.event_files == ("source/open/events.out.tfevents.1700000000.host",)
