"""The run's record over HTTP, as JSON and as a page, and what suites said of its data.

Every address demands an Airflow login that may read the DAG.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, FileSystemLoader

from verbatim.errors import NotFound, VerbatimError
from verbatim.record import data_docs, metric_points, run_record, suite_results
from verbatim_operators.pages.curves import curves
from verbatim_operators.worker import open_platform

if TYPE_CHECKING:
    from fastapi import Response

DAG_ID = "train"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Referrer-Policy": "same-origin",
}

_DATA_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "sandbox allow-same-origin allow-top-navigation-by-user-activation",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
}
"""Of pages that show rows of data: nothing in them is ever run, and no cache keeps them."""

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
)

app = FastAPI(title="Verbatim", dependencies=[Depends(requires_access_dag("GET", param_dag_id=DAG_ID))])


@app.exception_handler(VerbatimError)
def answer_error(_request: Request, error: VerbatimError) -> JSONResponse:
    """Answer in plain words what is not there (404) or does not work (503)."""
    return JSONResponse({"detail": str(error)}, status_code=404 if isinstance(error, NotFound) else 503)


@app.get("/runs/{run_id}")
def show_run(run_id: str) -> dict[str, Any]:
    """Return the run's record, in the form of ``verbatim show --json``."""
    platform = open_platform()
    return run_record(platform.store, platform.catalog, run_id)


@app.get("/runs/{run_id}/page", response_class=HTMLResponse)
def read_run(run_id: str) -> Response:
    """Return the run's record as a page."""
    platform = open_platform()
    record = run_record(platform.store, platform.catalog, run_id)
    page = _templates.get_template("record.html").render(
        run=record, curves=curves(metric_points(platform.store, run_id))
    )
    return HTMLResponse(page, headers=_HEADERS)


@app.get("/runs/{run_id}/validation", response_class=HTMLResponse)
def read_validation(run_id: str) -> Response:
    """Return what the run's one suite said of its data; of several a list."""
    platform = open_platform()
    suites = suite_results(platform.store, platform.catalog, run_id)
    if len(suites) == 1:
        return read_channel_validation(run_id, next(iter(suites)))
    page = _templates.get_template("validation.html").render(run_id=run_id, suites=suites)
    return HTMLResponse(page, headers=_DATA_HEADERS)


@app.get("/runs/{run_id}/validation/{channel}", response_class=HTMLResponse)
def read_channel_validation(run_id: str, channel: str) -> Response:
    """Return what a suite said of a channel."""
    platform = open_platform()
    page = data_docs(platform.store, platform.catalog, run_id, channel)
    return HTMLResponse(page, headers=_DATA_HEADERS)
