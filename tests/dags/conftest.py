"""Airflow reads its home when it is imported, which test modules do after this one."""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="verbatim-airflow-"))
