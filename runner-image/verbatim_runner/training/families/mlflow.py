"""MLflow's names: a store of the run's own in place of a server, and silence where it would advise a person.

The store is a directory, which every MLflow can write: ``mlflow-skinny`` has no SQL, and the newest MLflow takes a
directory where ``MLFLOW_ALLOW_FILE_STORE`` says so, also one that the code names itself. No experiment and no run is
named: ``start_run`` would look for that run, and a child process of code that chose its own experiment would find two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verbatim_runner.training.variables import Setting


def mlflow(setting: Setting) -> dict[str, str]:
    """Return where MLflow logs to, and what keeps it quiet."""
    return {
        "MLFLOW_TRACKING_URI": setting.places.mlflow_store.as_uri(),
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",  # of 7, which take minutes where code names a server that is not there
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_DISABLE_AGENT_HINT": "true",
        "GIT_PYTHON_REFRESH": "quiet",
    }
