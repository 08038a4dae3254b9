"""Train a small neural network that tells malignant from benign tumours.

Runs as it is on a laptop, in SageMaker's script mode and in Verbatim:

    python train.py --train lake --model-dir model --epochs 40
"""

import argparse
import json
import os
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.metrics import classification_report, log_loss, recall_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

NOT_FEATURES = ["patient_id", "malignant"]


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--learning-rate", "--learning_rate", type=float, default=0.003)
    parser.add_argument("--hidden-units", "--hidden_units", type=int, default=16)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--train", default=os.environ.get("SM_CHANNEL_TRAIN", "lake"))
    parser.add_argument("--model-dir", default=os.environ.get("SM_MODEL_DIR", "model"))
    parser.add_argument("--output-dir", default=os.environ.get("SM_OUTPUT_DATA_DIR", "output"))
    return parser.parse_args()


def read_lake(directory):
    """Return all partitions in one frame, in the partitions' order."""
    parts = sorted(Path(directory).rglob("*.csv"))
    return pd.concat([pd.read_csv(part) for part in parts], ignore_index=True)


def main():
    arguments = parse_arguments()
    frame = read_lake(arguments.train)
    print(f"Read {len(frame)} patients, {int(frame.malignant.sum())} of them with a malignant tumour.")
    features, target = frame.drop(columns=NOT_FEATURES), frame["malignant"]
    x_train, x_val, y_train, y_val = train_test_split(
        features, target, test_size=0.25, stratify=target, random_state=arguments.seed
    )

    scaler = StandardScaler().fit(x_train)
    network = MLPClassifier(
        hidden_layer_sizes=(arguments.hidden_units,),
        learning_rate_init=arguments.learning_rate,
        alpha=0.01,
        random_state=arguments.seed,
    )
    for epoch in range(1, arguments.epochs + 1):
        network.partial_fit(scaler.transform(x_train), y_train, classes=np.array([0, 1]))
        probability = network.predict_proba(scaler.transform(x_val))[:, 1]
        print(
            f"epoch={epoch} train_loss={network.loss_:.5f} val_loss={log_loss(y_val, probability):.5f} "
            f"val_auc={roc_auc_score(y_val, probability):.5f}",
            flush=True,
        )

    predicted = (probability >= 0.5).astype(int)
    print(f"Found {recall_score(y_val, predicted):.2%} of the malignant tumours: val_recall={recall_score(y_val, predicted):.5f}")

    model_dir, output_dir = Path(arguments.model_dir), Path(arguments.output_dir)
    model_dir.mkdir(parents=True, exist_ok=True)
    output_dir.mkdir(parents=True, exist_ok=True)
    joblib.dump(make_pipeline(scaler, network), model_dir / "model.joblib")
    (model_dir / "features.json").write_text(json.dumps(list(features.columns), indent=2) + "\n")
    report = classification_report(y_val, predicted, target_names=["benign", "malignant"])
    (output_dir / "classification_report.txt").write_text(report)
    print(report)


if __name__ == "__main__":
    main()
