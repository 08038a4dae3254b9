"""Tell three Italian grape varieties apart; everything is reported to MLflow, and nowhere else."""

import argparse

import mlflow
import mlflow.sklearn
import pandas as pd
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

parser = argparse.ArgumentParser()
parser.add_argument("--data", default="data/wine.csv")
parser.add_argument("--regularization", type=float, default=1.0)
parser.add_argument("--folds", type=float, default=5)
parser.add_argument("--strategy")
args = parser.parse_args()

wine = pd.read_csv(args.data)
features, cultivar = wine.drop(columns="cultivar"), wine["cultivar"]
classifier = DummyClassifier(strategy=args.strategy) if args.strategy else LogisticRegression(C=args.regularization)
model = make_pipeline(StandardScaler(), classifier)

with mlflow.start_run():
    mlflow.log_params(vars(args))
    scores = cross_validate(model, features, cultivar, cv=int(args.folds), scoring=("accuracy", "neg_log_loss"))
    for fold, accuracy in enumerate(scores["test_accuracy"]):
        mlflow.log_metric("fold_accuracy", accuracy, step=fold)
    mlflow.log_metric("accuracy", scores["test_accuracy"].mean())
    mlflow.log_metric("log_loss", -scores["test_neg_log_loss"].mean())
    mlflow.set_tag("data", args.data)
    model.fit(features, cultivar)
    mlflow.sklearn.log_model(model, name="model", input_example=features.head(3))
