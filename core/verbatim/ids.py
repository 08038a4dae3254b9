"""Run ids: readable, sortable within an experiment, and the same for every try of the same Airflow run."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

RUN_ID = re.compile(r"^[a-z0-9][a-z0-9_-]{0,62}-\d{8}T\d{6}-[0-9a-f]{6}$")


def new_run_id(experiment: str, moment: datetime) -> str:
    """Return a fresh id such as ``churn-20261120T042010-9f3c1a``."""
    return f"{experiment}-{moment:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def run_id_for(experiment: str, dag_id: str, airflow_run_id: str, moment: datetime) -> str:
    """Return the run's id for an Airflow run: Airflow's own where it has this form, else one derived from it.

    Args:
        experiment: The experiment's name.
        dag_id: Airflow's DAG id.
        airflow_run_id: Airflow's run id.
        moment: When the run became due; the same for every try.
    """
    if RUN_ID.match(airflow_run_id) and airflow_run_id.rsplit("-", 2)[0] == experiment:
        return airflow_run_id
    suffix = hashlib.sha256(f"{dag_id}/{airflow_run_id}".encode()).hexdigest()[:6]
    return f"{experiment}-{moment:%Y%m%dT%H%M%S}-{suffix}"
