"""Every way in which a training says its metrics, in one real training; and what TensorBoard is given of them."""

from __future__ import annotations

import io
import math

from verbatim_runner.metrics.tensorboard.events import ScalarParser, prefix_of, scalar_event
from verbatim_runner.metrics.tensorboard.records import framed, read_records

EVENT = framed(scalar_event(prefix_of("tb_loss"), 0.25, 7, 1700000000.0))
SCRIPT = f"""
import json, os, pathlib, sys, time, urllib.request

print("Epoch 1/1\\n 1/2 ━━━━ 0s 5ms/step - loss: 0.9\\r2/2 ━━━━ 0s 5ms/step - loss: 0.8 - val_loss: 0.7")
print("RMSE:")
print("0.79")
print("AUC is 0.9", file=sys.stderr)
print(json.dumps({{"mlflow_loss": 9, "step": 1}}, indent=2))
pathlib.Path(os.environ["CLOUD_ML_HP_METRIC_FILE"]).parent.mkdir(parents=True, exist_ok=True)
pathlib.Path(os.environ["CLOUD_ML_HP_METRIC_FILE"]).write_text(
    json.dumps({{"timestamp": 1700000000.5, "trial": "0", "tuned": "0.6", "global_step": "4", "checkpoint_path": ""}}) + "\\n"
)
logs = pathlib.Path("runs/today")
logs.mkdir(parents=True)
(logs / "events.out.tfevents.1700000000.host").write_bytes(bytes.fromhex("{EVENT.hex()}"))
run = pathlib.Path("mlruns/0/a1")
for part in ("metrics", "params", "tags"):
    (run / part).mkdir(parents=True)
now = int(time.time() * 1000)
(run / "meta.yaml").write_text(f"run_id: a1\\nrun_name: best\\nstart_time: {{now}}\\nartifact_uri: ''\\n")
(run / "metrics/mlflow_f1").write_text(f"{{now}} nan 3\\n")
(run / "params/depth").write_text("5")
(run / "tags/team").write_text("x")
(pathlib.Path(os.environ["VERBATIM_OUTPUT_DIR"]) / "metrics.json").write_text('{{"test": {{"auc": 0.5}}}}')
"""


def test_everything_that_a_training_says_is_read_and_given_to_tensorboard(trainings):
    outputs = trainings.succeed(
        SCRIPT,
        files={"mlruns/0/old/meta.yaml": "run_id: old\nstart_time: 1\n", "mlruns/0/old/metrics/old": "1 1.0 0\n"},
        conf={"metrics": [{"name": "auc", "regex": "AUC is ([0-9.]+)"}]},
    )
    found = {name: (summary.last, summary.step) for name, summary in outputs.metrics.items() if "system/" not in name}
    value, step = found.pop("mlflow_f1")
    assert (math.isnan(value), step) == (True, 3)
    assert found == {
        "loss": (0.8, 1),
        "val_loss": (0.7, 1),
        "RMSE": (0.79, 1),
        "auc": (0.9, None),
        "mlflow_loss": (9, 1),
        "tuned": (0.6, 4),
        "tb_loss": (0.25, 7),
        "test/auc": (0.5, None),
    }
    assert (outputs.reported_parameters, outputs.tags) == ({"depth": "5"}, {"team": "x"})
    times = {point.name: point.time for point in trainings.points()}
    assert (times["tb_loss"], times["tuned"]) == (1700000000.0, 1700000000.5)
    assert {scalar.tag for scalar in _scalars(trainings, outputs)} == set(outputs.metrics)


def _scalars(trainings, outputs):
    """Return the scalars of the event file that the run has among its artifacts."""
    (file,) = [file for file in outputs.artifacts if file.path.startswith("tensorboard/verbatim/events.out.tfevents.")]
    parser = ScalarParser()
    content = io.BytesIO(trainings.ground.store.get_blob(file.sha256))
    return [scalar for data, _ in read_records(content, 0) for scalar in parser.parse(data)]
