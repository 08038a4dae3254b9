"""Metrics in what frameworks print, as they print it."""

from __future__ import annotations

import math

import pytest

from verbatim.errors import UserFault
from verbatim.request import MetricDefinition
from verbatim_runner.metrics.capture import Capture
from verbatim_runner.training.lines import LineSplitter


class _Recorder:
    """Takes readings like the recorder, and shows them."""

    def __init__(self):
        self.readings = []

    def add(self, readings, source):
        self.readings += readings


def read(text, definitions=()):
    """Return the readings of a command's output, split into lines and states of bars as a training's is."""
    recorder = _Recorder()
    capture = Capture(definitions, recorder, pytest.fail)
    splitter = LineSplitter(capture.read, capture.read_progress)
    splitter.feed(text.encode())
    splitter.end()
    return recorder.readings


LIGHTGBM = """\
[LightGBM] [Info] Number of positive: 76, number of negative: 74
[LightGBM] [Info] [binary:BoostFromScore]: pavg=0.506667 -> initscore=0.026668
[LightGBM] [Warning] No further splits with positive gain, best gain: -inf
[1]\tvalid_0's binary_logloss: 0.618394\tvalid_0's auc: 0.974167
Training until validation scores don't improve for 2 rounds
[2]\tcv_agg's auc: 0.966857 + 0.013214
"""
XGBOOST = """\
[0]\ttrain-logloss:0.48596\tvalidation_0-auc:0.93583
[1]\ttrain-logloss:0.36977+0.01064\ttest-logloss:0.41345+0.04536
"""
CATBOOST = """\
Learning rate set to 0.19877
0:\tlearn: 0.5542174\ttest: 0.8875000\tbest: 0.8875000 (0)\ttotal: 47ms\tremaining: 188ms
bestTest = 0.9583333333
"""
KERAS_3 = (
    "Epoch 1/2\n"
    "\x1b[1m1/2\x1b[0m \x1b[32m━━━━━━━━━━\x1b[0m\x1b[37m━━━━━━━━━━\x1b[0m \x1b[1m0s\x1b[0m 5ms/step - loss: 0.9"
    "\x08\x08\x08\r\x1b[1m2/2\x1b[0m \x1b[32m━━━━━━━━━━━━━━━━━━━━\x1b[0m \x1b[1m0s\x1b[0m 5ms/step - loss: 0.8"
    "\x08\x08\x08\r\x1b[1m2/2\x1b[0m \x1b[32m━━━━━━━━━━━━━━━━━━━━\x1b[0m \x1b[1m1s\x1b[0m 5ms/step - loss: 0.8 - val_loss: 0.7\n"
    "Epoch 2/2\n"
    "2/2 - 0s - 3ms/step - accuracy: 0.9000 - loss: 1.0000e-04\n"
    "5/5 ━━━━━━━━━━━━━━━━━━━━ 0s 2ms/step - accuracy: 0.8 - loss: 0.3\n"
)
KERAS_2 = (
    "Epoch 3/5\n"
    " 6/12 [==============>...............] - ETA: 0s - loss: 0.5\r12/12 [==============================] - 0s 3ms/step - loss: 0.4\n"
)
HUGGING_FACE = """\
{'loss': 0.6931, 'grad_norm': 1.25, 'learning_rate': 5e-05, 'epoch': 1.0}
{'eval_loss': '0.5', 'eval_runtime': '1.5', 'epoch': '2'}
"""
FASTAI = """\
epoch     train_loss  valid_loss  error_rate  time
0         0.500000    0.400000    0.100000    00:03
1         0.300000    0.200000    0.050000    00:03
"""
SKORCH = """\
  epoch    train_loss    valid_acc     dur
-------  ------------  -----------  ------
      1        \x1b[36m0.6905\x1b[0m       \x1b[32m0.6150\x1b[0m  0.0530
"""
LIGHTNING = """\
Epoch 0: 100%|██████████| 10/10 [00:00<00:00, 100.50it/s, v_num=0, train_loss=0.5]
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
┃        Test metric        ┃       DataLoader 0        ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━━┩
│         test_acc          │    0.8999999761581421     │
└───────────────────────────┴───────────────────────────┘
Rows 12
"""
RICH = """\
[07:37:15] INFO     train_loss: 0.1234567 | train_accuracy: 0.9876543  fws.py:26
                    | val_loss: 0.22222222222 | val_accuracy: 0.87654
           INFO     finished the second epoch of training, accuracy     fws.py:27
                    now: 0.5, rmse:
                    0.25
"""
TQDM = (
    "\rEpoch 1/5:   0%|          | 0/3 [00:00<?, ?it/s]\rEpoch 1/5:   0%|          | 0/3 [00:00<?, ?it/s, loss=0.5]\n"
)
REPORT = """\
              precision    recall  f1-score   support

           0       1.00      0.90      0.95        94

    accuracy                           0.93       200
weighted avg       0.94      0.93      0.92       200
"""
PYTORCH_TUTORIAL = """\
Epoch 2
-------------------------------
loss: 2.303494  [   64/60000]
Test Error:
 Accuracy: 50.8%, Avg loss: 1.353094
"""


@pytest.mark.parametrize(
    ("printed", "readings"),
    [
        (
            LIGHTGBM,
            [("valid_0's_binary_logloss", 0.618394, 1), ("valid_0's_auc", 0.974167, 1), ("cv_agg's_auc", 0.966857, 2)],
        ),
        (
            XGBOOST,
            [
                ("train-logloss", 0.48596, 0),
                ("validation_0-auc", 0.93583, 0),
                ("train-logloss", 0.36977, 1),
                ("test-logloss", 0.41345, 1),
            ],
        ),
        (CATBOOST, [("learn", 0.5542174, 0), ("test", 0.8875, 0), ("best", 0.8875, 0), ("bestTest", 0.9583333333, None)]),
        (
            KERAS_3,
            [
                ("loss", 0.8, 1),
                ("val_loss", 0.7, 1),
                ("accuracy", 0.9, 2),
                ("loss", 1e-4, 2),
                ("evaluate/accuracy", 0.8, 2),
                ("evaluate/loss", 0.3, 2),
            ],
        ),
        (KERAS_2, [("loss", 0.4, 3)]),
        (
            HUGGING_FACE,
            [("loss", 0.6931, 1), ("grad_norm", 1.25, 1), ("learning_rate", 5e-05, 1), ("eval_loss", 0.5, 2)],
        ),
        (
            FASTAI,
            [
                ("train_loss", 0.5, 0),
                ("valid_loss", 0.4, 0),
                ("error_rate", 0.1, 0),
                ("train_loss", 0.3, 1),
                ("valid_loss", 0.2, 1),
                ("error_rate", 0.05, 1),
            ],
        ),
        (SKORCH, [("train_loss", 0.6905, 1), ("valid_acc", 0.615, 1)]),
        (LIGHTNING, [("train_loss", 0.5, 0), ("test_acc", 0.8999999761581421, None)]),
        (
            RICH,
            [
                ("train_loss", 0.1234567, None),
                ("train_accuracy", 0.9876543, None),
                ("val_loss", 0.22222222222, None),
                ("val_accuracy", 0.87654, None),
                ("accuracy_now", 0.5, None),
                ("rmse", 0.25, None),
            ],
        ),
        (TQDM, [("loss", 0.5, 1)]),
        (
            REPORT,
            [
                ("accuracy", 0.93, None),
                ("weighted_avg/precision", 0.94, None),
                ("weighted_avg/recall", 0.93, None),
                ("weighted_avg/f1-score", 0.92, None),
            ],
        ),
        (PYTORCH_TUTORIAL, [("loss", 2.303494, 2), ("Accuracy", 50.8, 2), ("Avg_loss", 1.353094, 2)]),
        ('{\n  "epoch": 3,\n  "loss": 0.5,\n  "config": {\n    "lr": 0.1\n  }\n}\n', [("loss", 0.5, 3)]),
        ("RMSE:\n0.79\n", [("RMSE", 0.79, None)]),
        ("Test accuracy\n0.93\n", [("Test_accuracy", 0.93, None)]),
    ],
    ids=[
        "lightgbm", "xgboost", "catboost", "keras-3", "keras-2", "hugging-face", "fastai", "skorch", "lightning", "rich",
        "tqdm", "classification-report", "pytorch-tutorial", "json-with-indent", "name-with-colon", "name",
    ],
)  # fmt: skip
def test_what_a_framework_prints_is_read(printed, readings):
    assert read(printed) == readings


@pytest.mark.parametrize(
    "printed",
    [
        "0.5\n0.6\n",
        "Done\n5\n",
        "the best of all was\n0.5\n",
        "Epoch\n0.5\n",
        "epoch 3 of 10\n",
        "{\n",
        "int main() {\n  return 0;\n}\n",
        "id name size\n0 1.5 2.5\n",
        "model.compile - loss: categorical\n",
        "3/4 of the rows - kept: some\n",
    ],
)
def test_what_only_looks_like_a_metric_is_left_alone(printed):
    assert read(printed) == []


def test_an_object_that_is_no_json_is_read_line_by_line():
    assert read("{\n  loss=0.5\n}\nacc=1\n") == [("loss", 0.5, None), ("acc", 1.0, None)]


def test_a_pattern_reads_whole_lines_beside_the_built_in_readers():
    definition = MetricDefinition(name="auc", regex=r"AUC is ([0-9.]+)")
    assert read("step=2 AUC is 0.75\n", [definition]) == [("auc", 0.75, 2)]


def test_a_pattern_that_never_ends_is_given_up_with_a_warning_and_the_rest_is_read():
    recorder, warnings = _Recorder(), []
    endless = MetricDefinition(name="slow", regex=r"(?:(a|a)+)+b([0-9])")
    capture = Capture([endless, MetricDefinition(name="auc", regex="AUC<([0-9.]+)>")], recorder, warnings.append)
    for _ in range(3):
        capture.read("a" * 5000)
    capture.read("AUC<0.5>")
    assert recorder.readings == [("auc", 0.5, None)]
    assert len(warnings) == 1
    assert "slow" in warnings[0]


def test_a_group_that_is_no_number_is_passed_over():
    definition = MetricDefinition(name="loss", regex=r"loss is (\S+)")
    readings = read("loss is unknown\nloss is nan\n", [definition])
    assert [(name, math.isnan(value)) for name, value, _ in readings] == [("loss", True)]


def test_a_pattern_that_cannot_be_read_with_a_time_limit_is_a_fault_of_the_conf():
    with pytest.raises(UserFault, match="loss") as caught:
        read("", [MetricDefinition(name="loss", regex="(a{s<})")])
    assert caught.value.field == "metrics"
