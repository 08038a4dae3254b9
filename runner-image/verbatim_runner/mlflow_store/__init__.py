"""Reads what a training logged through MLflow, out of the files that MLflow left, without MLflow and without a server.

The stores are the training's: file stores (``mlruns``) and SQLite databases, in the layouts of MLflow 2 and 3. Nothing
here writes to them, and nothing of a store is believed: sizes are bounded, no link is followed out of the run's
directories.
"""

from verbatim_runner.mlflow_store.follow import MlflowReader
from verbatim_runner.mlflow_store.record import LoggedModel, MlflowRecord

__all__ = ["LoggedModel", "MlflowReader", "MlflowRecord"]
