"""Airflow's configuration for one home: its ``airflow.cfg``, and the environment that its processes start in."""

from __future__ import annotations

import configparser
import io
import os
import sys
from pathlib import Path

from verbatim_cli.embedded.home import ADMIN, Home, HomeSecrets, write_private

MARKER = "VERBATIM_PLATFORM"
"""Environment variable that all processes of a home carry, with the home's path; they are found by it."""

COMPONENT = "VERBATIM_COMPONENT"
"""Environment variable that names the component a process belongs to."""

HOST = "127.0.0.1"

_OVERRIDABLE = (
    "AIRFLOW_CONN_",
    "AIRFLOW_VAR_",
    "AIRFLOW__CORE__DAGS_FOLDER",
    "AIRFLOW__CORE__PARALLELISM",
    "AIRFLOW__DAG_PROCESSOR__",
    "AIRFLOW__LOGGING__LOGGING_LEVEL",
    "AIRFLOW__SCHEDULER__",
)
"""Airflow's variables that are passed on. Others may be meant for another Airflow, not to be touched."""


def write_configuration(home: Home, secrets: HomeSecrets, port: int) -> None:
    """Write ``airflow.cfg`` and the passwords' file (both 0600)."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_dict(_options(home, secrets, port))
    text = io.StringIO("# Written by `verbatim up` each time: changes made here are lost.\n")
    text.seek(0, io.SEEK_END)
    parser.write(text)
    write_private(home.airflow / "airflow.cfg", text.getvalue().replace("%", "%%"))
    write_private(home.passwords_file, f'{{"{ADMIN}": "{secrets.password}"}}\n')


def _options(home: Home, secrets: HomeSecrets, port: int) -> dict[str, dict[str, str]]:
    url = f"http://{HOST}:{port}"
    return {
        "core": {
            "executor": "LocalExecutor",
            "parallelism": "8",
            "max_active_tasks_per_dag": "64",
            "max_active_runs_per_dag": "64",
            "dags_folder": str(home.checkout / "dags"),
            "plugins_folder": str(home.checkout / "plugins"),
            "load_examples": "False",
            "dags_are_paused_at_creation": "False",
            "auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
            "simple_auth_manager_users": f"{ADMIN}:admin",
            "simple_auth_manager_passwords_file": str(home.passwords_file),
            "fernet_key": secrets.fernet_key,
            "execution_api_server_url": f"{url}/execution/",
        },
        # The default busy timeout of 5 s is too short for twenty runs at once on two cores.
        "database": {"sql_alchemy_conn": f"sqlite:///{home.database}?timeout=60"},
        "api": {"host": HOST, "port": str(port), "base_url": url, "workers": "1", "secret_key": secrets.api_secret},
        "api_auth": {"jwt_secret": secrets.jwt_secret},
        # The scheduler sleeps this long between the end of a task and the start of the next; the default of 1 s
        # makes a chain of six stages 1.8 s slower. Orphans of a scheduler that died are found by the second option.
        "scheduler": {"scheduler_idle_sleep_time": "0.1", "orphaned_tasks_check_interval": "15"},
        "dag_processor": {"min_file_process_interval": "60", "refresh_interval": "60", "parsing_processes": "1"},
        "logging": {"base_log_folder": str(home.airflow / "logs"), "colored_console_log": "False"},
    }


def environment(home: Home, component: str) -> dict[str, str]:
    """Return the environment of a component, made from this process's own.

    Args:
        home: The platform's directory.
        component: The component's name.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AIRFLOW") or name.startswith(_OVERRIDABLE)
    }
    unproxied = ",".join(filter(None, [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), HOST, "localhost"]))
    return kept | {
        "AIRFLOW_HOME": str(home.airflow),
        "AIRFLOW_CONFIG": str(home.airflow / "airflow.cfg"),
        "VERBATIM_HOME": str(home.root),
        MARKER: str(home.root),
        COMPONENT: component,
        "SPT_NOENV": "1",  # Airflow's process titles would overwrite the environment that the marker is read from
        "NO_PROXY": unproxied,
        "no_proxy": unproxied,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONUNBUFFERED": "1",
    }


def airflow_command(*arguments: str) -> list[str]:
    """Return the command line of an Airflow command, run by this very interpreter."""
    return [sys.executable, "-m", "airflow", *arguments]
