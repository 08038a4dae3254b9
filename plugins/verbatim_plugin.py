"""Registers Verbatim with Airflow: its pages and the links to them. What they do is in ``verbatim_operators.pages``."""

from __future__ import annotations

from typing import ClassVar

from airflow.plugins_manager import AirflowPlugin

from verbatim_operators.pages.app import app
from verbatim_operators.run_record_link import PAGES_PREFIX, RunRecordLink


class VerbatimPlugin(AirflowPlugin):
    """Pages under ``/verbatim`` and the link "Run record"."""

    name = "verbatim"
    fastapi_apps: ClassVar = [{"app": app, "url_prefix": PAGES_PREFIX, "name": "Verbatim"}]
    operator_extra_links: ClassVar = [RunRecordLink()]
