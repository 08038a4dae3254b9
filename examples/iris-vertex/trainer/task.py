"""Tell irises apart, as a custom training job of Vertex AI would: reports to hypertune, saves where AIP_MODEL_DIR says."""

import argparse
import os
import pickle
from pathlib import Path

import hypertune
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--neighbors", type=int, default=5)
    parser.add_argument("--model-dir", default=os.environ["AIP_MODEL_DIR"])
    args = parser.parse_args()

    iris = pd.concat(pd.read_csv(file) for file in Path(os.environ["AIP_TRAINING_DATA_URI"]).rglob("*.csv"))
    train, test = train_test_split(iris, test_size=0.3, random_state=7, stratify=iris["species"])
    model = KNeighborsClassifier(args.neighbors).fit(train.drop(columns="species"), train["species"])
    accuracy = model.score(test.drop(columns="species"), test["species"])

    hypertune.HyperTune().report_hyperparameter_tuning_metric(
        hyperparameter_metric_tag="accuracy", metric_value=accuracy, global_step=1
    )
    with open(os.path.join(args.model_dir, "model.pkl"), "wb") as file:
        pickle.dump(model, file)


if __name__ == "__main__":
    main()
