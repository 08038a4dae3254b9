"""Predict how diabetes progresses within a year, as a SageMaker script-mode job for the XGBoost container would."""

import argparse
import json
import os
from pathlib import Path

import pandas as pd
import xgboost as xgb


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--max_depth", type=int, default=3)
    parser.add_argument("--eta", type=float, default=0.2)
    parser.add_argument("--num_round", type=int, default=30)
    parser.add_argument("--model-dir", default=os.environ.get("SM_MODEL_DIR"))
    parser.add_argument("--output-data-dir", default=os.environ.get("SM_OUTPUT_DATA_DIR"))
    parser.add_argument("--train", default=os.environ.get("SM_CHANNEL_TRAIN"))
    parser.add_argument("--hosts", type=json.loads, default=os.environ.get("SM_HOSTS", "[]"))
    return parser.parse_known_args()[0]


def main():
    args = parse_args()
    patients = pd.concat(pd.read_csv(file) for file in sorted(Path(args.train).glob("*.csv")))
    valid = patients.iloc[::4]
    train = patients.drop(valid.index)
    matrices = {
        name: xgb.DMatrix(part.drop(columns="target"), label=part["target"])
        for name, part in (("train", train), ("validation", valid))
    }
    parameters = {"max_depth": args.max_depth, "eta": args.eta, "objective": "reg:squarederror", "seed": 7}
    history = {}
    booster = xgb.train(
        parameters,
        matrices["train"],
        num_boost_round=args.num_round,
        evals=[(matrix, name) for name, matrix in matrices.items()],
        evals_result=history,
    )
    booster.save_model(Path(args.model_dir) / "xgboost-model.json")
    Path(args.output_data_dir, "history.json").write_text(json.dumps(history))


if __name__ == "__main__":
    main()
