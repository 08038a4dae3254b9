"""The run's record over HTTP, as JSON and as a page. Every address demands an Airflow login that may read the DAG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, FileSystemLoader

from verbatim.errors import NotFound, VerbatimError
from verbatim.record import metric_points, run_record
from verbatim_operators.pages.curves import curves
from verbatim_operators.worker import open_platform

if TYPE_CHECKING:
    from fastapi import Response

DAG_ID = "train"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Referrer-Policy": "same-origin",
}

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
