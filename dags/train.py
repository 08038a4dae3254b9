"""The generic training DAG: from a conf to a registered, gated model."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, TriggerRule

from verbatim_operators.form import train_params
from verbatim_operators.pin_operator import PinOperator
from verbatim_operators.promote_operator import PromoteOperator
from verbatim_operators.stage_operator import StageOperator

DOC = """
Runs any training code unchanged. The least conf that works names the code: `{"code": "https://git.example/team/churn.git"}`;
everything else has a default or is detected. `docs/conf.md` describes every key.

A wrong conf fails in **pin**, in seconds, with all its problems first in the task's log. A run that misses a **gate**
fails in **evaluate**; its model is still registered, as rejected, and can never be promoted.
"""

with DAG(
    dag_id="train",
    description="Run any training code: pinned inputs, validated data, gated and versioned model",
    schedule=None,
    catchup=False,
    max_active_runs=64,
    is_paused_upon_creation=False,
    params=train_params(),
    tags=["verbatim"],
    doc_md=DOC,
    default_args={
        "retries": 2,
        "retry_delay": timedelta(seconds=5),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=2),
    },
):
    pin = PinOperator(task_id="pin")
    extract = StageOperator(task_id="extract", stage="extract")
    prepare = StageOperator(task_id="prepare", stage="prepare")
    validate = StageOperator(task_id="validate", stage="validate")
    train = StageOperator(task_id="train", stage="train")
    evaluate = StageOperator(task_id="evaluate", stage="evaluate")
    register = StageOperator(
        task_id="register", stage="register", trigger_rule=TriggerRule.ALL_DONE, only_after="evaluate"
    )
    promote = PromoteOperator(task_id="promote")

    pin >> [extract, prepare]
    extract >> validate
    [validate, prepare] >> train >> evaluate >> register
    [evaluate, register] >> promote
