"""Tell three Italian grape varieties apart from a chemical analysis of the wine, with plain LightGBM.

    python train.py --data data/wine.csv
"""

import argparse

import lightgbm as lgb
import pandas as pd
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser()
parser.add_argument("--data", default="data/wine.csv")
parser.add_argument("--rounds", type=int, default=40)
parser.add_argument("--learning_rate", type=float, default=0.1)
parser.add_argument("--num_leaves", type=int, default=7)
args = parser.parse_args()

wine = pd.read_csv(args.data)
train, valid = train_test_split(wine, test_size=0.3, stratify=wine["cultivar"], random_state=7)


def dataset(frame, reference=None):
    return lgb.Dataset(frame.drop(columns="cultivar"), label=frame["cultivar"], reference=reference)


train_set = dataset(train)
booster = lgb.train(
    {
        "objective": "multiclass",
        "num_class": 3,
        "metric": "multi_logloss",
        "learning_rate": args.learning_rate,
        "num_leaves": args.num_leaves,
        "min_data_in_leaf": 5,
        "seed": 7,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    },
    train_set,
    num_boost_round=args.rounds,
    valid_sets=[train_set, dataset(valid, train_set)],
    valid_names=["train", "valid"],
    callbacks=[lgb.log_evaluation(period=5)],
)

predicted = booster.predict(valid.drop(columns="cultivar")).argmax(axis=1)
print(f"accuracy={accuracy_score(valid['cultivar'], predicted):.4f}")
booster.save_model("wine.txt")
