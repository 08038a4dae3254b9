from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization

from verbatim.stage import RUNNER_STAGES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def dag_bag() -> DagBag:
    return DagBag(dag_folder=str(ROOT / "dags"), collect_dags=True)


def test_every_shipped_dag_loads(dag_bag: DagBag) -> None:
    assert dag_bag.import_errors == {}
    assert sorted(dag_bag.dag_ids) == ["train"]


def test_the_train_dag_has_the_designs_edges(dag_bag: DagBag) -> None:
    edges = {task.task_id: task.downstream_task_ids for task in dag_bag.dags["train"].tasks}
    assert edges == {
        "pin": {"extract", "prepare"},
        "extract": {"validate"},
        "prepare": {"train"},
        "validate": {"train"},
        "train": {"evaluate"},
        "evaluate": {"register", "promote"},
        "register": {"promote"},
        "promote": set(),
    }


def test_a_rejected_model_is_registered_and_never_promoted(dag_bag: DagBag) -> None:
    rules = {task.task_id: task.trigger_rule.value for task in dag_bag.dags["train"].tasks}
    assert rules.pop("register") == "all_done"
    assert set(rules.values()) == {"all_success"}
    assert dag_bag.dags["train"].get_task("register").only_after == "evaluate"


def test_every_runner_stage_is_a_task_of_its_own(dag_bag: DagBag) -> None:
    tasks = dag_bag.dags["train"].tasks
    assert {task.stage for task in tasks if hasattr(task, "stage")} == set(RUNNER_STAGES)
    assert all(task.stage == task.task_id for task in tasks if hasattr(task, "stage"))


def test_nothing_of_a_task_is_rendered_and_so_nothing_secret_can_be(dag_bag: DagBag) -> None:
    assert [task.template_fields for task in dag_bag.dags["train"].tasks if hasattr(task, "stage")] == [()] * 6


def test_tasks_are_tried_again_after_growing_delays(dag_bag: DagBag) -> None:
    for task in dag_bag.dags["train"].tasks:
        assert (task.retries, task.retry_exponential_backoff) == (2, 2.0)


def test_the_dag_survives_airflows_serialisation(dag_bag: DagBag) -> None:
    serialized = DagSerialization.serialize_dag(dag_bag.dags["train"])
    again = DagSerialization.deserialize_dag(serialized)
    assert again.task_dict.keys() == dag_bag.dags["train"].task_dict.keys()
    assert list(again.params) == list(dag_bag.dags["train"].params)


def test_parsing_loads_nothing_that_only_execution_needs() -> None:
    heavy = (
        "boto3", "botocore", "pandas", "pyarrow", "pyhive", "sqlglot", "obstore", "alembic", "great_expectations",
        "verbatim.catalog", "verbatim.store.store",
    )  # fmt: skip
    program = f"""
import sys
import airflow.providers.docker.operators.docker
before = set(sys.modules)
import verbatim_operators.form, verbatim_operators.pin_operator, verbatim_operators.promote_operator
import verbatim_operators.stage_operator
print([name for name in {heavy!r} if name in set(sys.modules) - before])
"""
    shown = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert shown.splitlines()[-1] == "[]"
