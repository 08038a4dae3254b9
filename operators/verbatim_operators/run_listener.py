"""Closes the books of a run that Airflow ended while no stage was there to say so: marked failed, or its worker killed.

Called in Airflow's scheduler and API server, whose work it must not disturb: it opens the catalog alone.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow.listeners import hookimpl

from verbatim.errors import VerbatimError

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

log = logging.getLogger(__name__)


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:  # noqa: ARG001 - the names are the hook's
    """Close the run if it still counts as running.

    Args:
        dag_run: Airflow's run.
        msg: Why it failed, in Airflow's words; empty when a person marked it so.
    """
    from verbatim.catalog import Catalog  # noqa: PLC0415 - most runs of a site need none of it
    from verbatim.settings import load_settings  # noqa: PLC0415 - likewise

    try:
        closed = Catalog(load_settings().catalog_url).close_run(dag_run.dag_id, dag_run.run_id)
    except VerbatimError as error:
        log.warning("the run %s could not be closed in the catalog: %s", dag_run.run_id, error)
        return
    if closed:
        log.info("run %s was ended in Airflow before its stages were", closed)
