"""How metrics are read from lines, and what becomes of them."""

from __future__ import annotations

import math

import pytest

from verbatim.beneath import open_beneath
from verbatim.errors import PlatformFault
from verbatim.metrics import MetricPoint
from verbatim.store import LiveReader, LiveWriter, Store
from verbatim_runner.console import Console
from verbatim_runner.metrics.files import HypertuneFile, JsonLinesFile, read_metrics_json
from verbatim_runner.metrics.json_lines import JsonReader
from verbatim_runner.metrics.recorder import KEPT_POINTS, Recorder
from verbatim_runner.metrics.text import TextReader, plain


@pytest.mark.parametrize(
    ("line", "readings"),
    [
        ("loss=0.5", [("loss", 0.5, None)]),
        ("loss = -1.5e-3", [("loss", -1.5e-3, None)]),
        ("accuracy      : 0.95", [("accuracy", 0.95, None)]),
        ("accuracy: 93.5%", [("accuracy", 93.5, None)]),
        ("Test accuracy: 0.95.", [("Test_accuracy", 0.95, None)]),
        ("MSE (test): 0.5", [("MSE_(test)", 0.5, None)]),
        ("R^2: 0.9", [("R^2", 0.9, None)]),
        ("epoch=3 loss=0.5 val_auc: 0.75", [("loss", 0.5, 3), ("val_auc", 0.75, 3)]),
        ("Epoch 3/10 - loss: 0.5 - acc: 0.9 - 2s 3ms/step", [("loss", 0.5, 3), ("acc", 0.9, 3)]),
        ("global_step=100 epoch=1 loss=0.3", [("loss", 0.3, 100)]),
        ("step: 5, loss: 0.3", [("loss", 0.3, 5)]),
        ("[10]\ttrain-rmse:0.5\teval-rmse:0.6", [("train-rmse", 0.5, 10), ("eval-rmse", 0.6, 10)]),
        ("[10]\tvalid_0's l2: 0.5", [("valid_0's_l2", 0.5, 10)]),
        ("{'loss': 0.5, 'epoch': 1.0}", [("loss", 0.5, None)]),
        ("INFO:root:f1: 1e-3", [("f1", 0.001, None)]),
        ("2026-01-01 12:00:00,123 INFO train accuracy: 0.9", [("train_accuracy", 0.9, None)]),
        (" 1%| 10/100 [00:01<00:10, 5it/s, loss=0.5]", [("loss", 0.5, None)]),
        ("rmse = np.float64(0.5)", [("rmse", 0.5, None)]),
        ("mAP@0.5: 0.4", [("mAP@0.5", 0.4, None)]),
        ("\x1b[32mloss\x1b[0m: 0.4", [("loss", 0.4, None)]),
        ("loss=inf", [("loss", math.inf, None)]),
        ("step 99 loss 0.25, accuracy 97.5%", [("loss", 0.25, 99), ("accuracy", 97.5, 99)]),
        ("iter 0: loss 4.25, time 20.1ms", [("loss", 4.25, 0)]),
        ("| epoch   1 |   200/ 2983 batches | loss  7.50 | ppl  1800.5", [("loss", 7.5, 1), ("ppl", 1800.5, 1)]),
        ("step 100: train loss 2.5, val loss 1e-3", [("train_loss", 2.5, 100), ("val_loss", 0.001, 100)]),
    ],
)
def test_a_metric_line_is_read(line, readings):
    assert TextReader().read(plain(line)) == readings


@pytest.mark.parametrize(
    "line",
    [
        "time: 12:30:01",
        "time: 5.2",
        "train_time=5.2",
        "date=2026-01-01",
        "version=1.2.3",
        "numpy==1.26",
        "localhost:8080",
        "http://example.org:8080/x",
        "data/train.csv: 100",
        "loaded rows.csv: 100",
        "RandomForestClassifier(max_depth=5, n_estimators=100)",
        "--lr=0.1",
        "Number of data points in the train set: 1000",
        "took: 5ms",
        "Total params: 1,234 (4.82 KB)",
        "path=/tmp/5",
        "epoch: 5",
        "just words",
        "loss 3 times in a row",
        "error 404.",
        "src/loss 0.5",
        "x" * 5000 + "=1",
    ],
)
def test_a_line_that_reports_no_metric_is_left_alone(line):
    assert TextReader().read(line) is None


def test_a_nan_is_read_as_one():
    ((name, value, _),) = TextReader().read("loss: nan")
    assert name == "loss"
    assert math.isnan(value)


@pytest.mark.parametrize(
    ("line", "readings"),
    [
        ('{"step": 3, "loss": 0.5, "phase": "train", "done": true}', [("loss", 0.5, 3)]),
        ('{"metric": "auc", "value": 0.9, "epoch": 2}', [("auc", 0.9, 2)]),
        ('{"name": "auc", "value": 0.9}', [("auc", 0.9, None)]),
        ('{"epoch": 1, "metrics": {"auc": 0.9}}', [("auc", 0.9, 1)]),
        ('{"loss": "Infinity", "timestamp": 1700000000, "pid": 12}', [("loss", math.inf, None)]),
        ("{not json}", None),
        ("[1, 2]", None),
    ],
)
def test_a_json_line_is_read(line, readings):
    assert JsonReader().read(line) == readings


@pytest.fixture
def store(tmp_path):
    return Store(f"file://{tmp_path}/store")


def test_points_are_stored_in_the_canonical_form_of_the_document(store):
    recorder = Recorder(LiveWriter(store, "points", 1, "jsonl"))
    values = [0.1, 1e-7, 3.0, -0.0, 1e300, math.nan, math.inf, -math.inf]
    recorder.add([('a "näme"\\', value, step) for step, value in enumerate(values)], "text")
    recorder.add([("b", 1.0, None)], "json")
    recorder.flush()
    lines = b"".join(LiveReader(store, "points").read_new()).splitlines()
    assert len(lines) == len(values) + 1
    for line in lines:
        assert MetricPoint.parse(line, source="points").canonical() == line


def test_a_summary_is_over_finite_values_and_keeps_the_last_of_all():
    recorder = Recorder(_Outage())
    recorder.add([("loss", value, step) for step, value in enumerate([3.0, math.nan, 1.0, 2.0, math.inf])], "text")
    summary = recorder.summaries()["loss"]
    assert (summary.last, summary.min, summary.max, summary.count, summary.step) == (math.inf, 1.0, 3.0, 5, 4)
    ((name, value, step),) = recorder.turned_infinite()
    assert (name, step, math.isnan(value)) == ("loss", 1, True)


def test_the_first_source_to_report_a_metric_has_it():
    recorder = Recorder(_Outage())
    recorder.add([("loss", 0.5, 1)], "mlflow")
    recorder.add([("loss", 0.4, 1)], "tensorboard")
    recorder.add([("loss", 0.3, 2)], "text")
    assert recorder.summaries()["loss"].last == 0.5
    assert recorder.count == 1


def test_what_was_guessed_from_text_yields_to_what_was_reported():
    recorder = Recorder(_Outage())
    recorder.add([("auc", 0.9, None)], "text")
    recorder.add([("auc", 0.9012, 3)], "mlflow")
    recorder.add([("auc", 0.8, None)], "text")
    summary = recorder.summaries()["auc"]
    assert (summary.last, summary.min, summary.count) == (0.9012, 0.9012, 1)


def test_a_metric_that_the_conf_defines_is_read_by_its_pattern_alone():
    recorder = Recorder(_Outage(), defined={"auc"})
    for source in ("text", "mlflow", "http"):
        recorder.add([("auc", 0.1, None)], source)
    assert recorder.summaries() == {}
    recorder.add([("auc", 0.9, None)], "regex")
    assert recorder.summaries()["auc"].last == 0.9


def test_a_point_keeps_its_own_time_and_one_that_is_no_time_is_now(store):
    recorder = Recorder(LiveWriter(store, "points", 1, "jsonl"))
    recorder.add_dated([("loss", 0.5, 1, 1700000000.5), ("acc", 0.5, 1, math.nan)], "tensorboard")
    recorder.flush()
    lines = b"".join(LiveReader(store, "points").read_new()).splitlines()
    loss, acc = (MetricPoint.parse(line, source="points") for line in lines)
    assert loss.time == 1700000000.5
    assert acc.time > loss.time


def test_only_the_latest_points_are_kept_in_memory():
    recorder = Recorder(_Outage())
    recorder.add((("loss", float(step), step) for step in range(KEPT_POINTS + 10)), "text")
    points, following = recorder.since(0, limit=5)
    assert [point[2] for point in points] == [10, 11, 12, 13, 14]
    assert following == 15
    assert recorder.since(KEPT_POINTS + 8, limit=5)[1] == KEPT_POINTS + 10
    assert recorder.since(10**9, limit=5) == ([], KEPT_POINTS + 10)


class _Outage(LiveWriter):
    """A stream whose store does not answer for a while."""

    def __init__(self, store=None):
        super().__init__(store, "points", 1, "jsonl")
        self.down = True

    def flush(self):
        if self.down:
            raise PlatformFault("the store does not answer")
        super().flush()


def test_no_point_and_no_line_is_lost_while_the_store_does_not_answer(store):
    stream = _Outage(store)
    recorder, console = Recorder(stream), Console(stream)
    recorder.add([("loss", 0.5, 1)], "text")
    with pytest.raises(PlatformFault):
        recorder.flush()
    console.line("said meanwhile")
    stream.down = False
    recorder.flush()
    content = b"".join(LiveReader(store, "points").read_new())
    assert b'"loss"' in content
    assert b"said meanwhile" in content


def test_a_growing_file_is_read_once_and_only_by_whole_lines(tmp_path):
    file = JsonLinesFile(tmp_path, "metrics.jsonl")
    assert file.read_new() == []
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"loss": 1, "step": 1}\n{"loss": 0.5,')
    assert [reading[:3] for reading in file.read_new()] == [("loss", 1.0, 1)]
    assert file.read_new() == []
    path.write_text('{"loss": 1, "step": 1}\n{"loss": 0.5, "step": 2}')
    assert [reading[:3] for reading in file.read_rest()] == [("loss", 0.5, 2)]


def test_a_metrics_file_may_hold_a_list(tmp_path):
    (tmp_path / "metrics.json").write_text('[{"epoch": 1, "auc": 0.5}, {"epoch": 2, "auc": 0.6}, 3]')
    assert read_metrics_json(tmp_path, "metrics.json") == [("auc", 0.5, 1), ("auc", 0.6, 2)]


def test_a_metrics_file_may_hold_objects_in_objects(tmp_path):
    (tmp_path / "metrics.json").write_text(
        '{"step": 2, "test": {"auc": 0.5, "by": {"class a": 1}}, "metrics": {"f1": 0.6}}'
    )
    readings = read_metrics_json(tmp_path, "metrics.json")
    assert sorted(readings) == [("f1", 0.6, 2), ("test/auc", 0.5, 2), ("test/by/class a", 1.0, 2)]


def test_hypertunes_file_is_read_although_it_is_written_anew_each_time(tmp_path):
    # cloudml-hypertune 0.1.0: the last hundred reports, values as texts
    report = (
        '{{"checkpoint_path": "", "global_step": "{0}", "auc": "{1}", "timestamp": 170000000{0}.5, "trial": "0"}}\n'
    )
    file, path = HypertuneFile(tmp_path, "output.metrics"), tmp_path / "output.metrics"
    assert file.read_new() == []
    path.write_text(report.format(1, 0.5))
    assert file.read_new() == [("auc", 0.5, 1, 1700000001.5)]
    path.write_text(report.format(1, 0.5) + report.format(2, "inf") + '{"half')
    assert file.read_new() == [("auc", math.inf, 2, 1700000002.5)]
    path.write_text(report.format(2, "inf") + report.format(3, 0.25) + "[]\n")
    assert file.read_rest() == [("auc", 0.25, 3, 1700000003.5)]


def test_a_file_behind_a_link_is_not_opened(tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").write_text("{}")
    (tmp_path / "direct").symlink_to(tmp_path / "secret" / "file")
    (tmp_path / "folder").symlink_to(tmp_path / "secret")
    assert open_beneath(tmp_path, "direct") is None
    assert open_beneath(tmp_path, "folder/file") is None
    assert open_beneath(tmp_path, "secret") is None
