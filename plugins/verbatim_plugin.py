"""Registers Verbatim with Airflow: its pages and the links to them. What they do is in ``verbatim_operators.pages``."""

from __future__ import annotations

from typing import ClassVar

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

from verbatim_operators import run_listener
from verbatim_operators.pages.app import app
from verbatim_operators.run_record_link import PAGES_PREFIX, RunRecordLink
from verbatim_operators.validation_link import ValidationLink
from verbatim_operators.write_turns import WriteTurns

ON_SQLITE = conf.get("database", "sql_alchemy_conn").startswith("sqlite")


class VerbatimPlugin(AirflowPlugin):
    """Pages under ``/verbatim`` and the links "Run record" and "Validation"."""

    name = "verbatim"
    fastapi_apps: ClassVar = [{"app": app, "url_prefix": PAGES_PREFIX, "name": "Verbatim"}]
    fastapi_root_middlewares: ClassVar = [{"middleware": WriteTurns, "name": "write turns"}] if ON_SQLITE else []
    listeners: ClassVar = [run_listener]
    operator_extra_links: ClassVar = [RunRecordLink(), ValidationLink()]
