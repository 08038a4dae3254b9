"""The apache-hive provider's hook into a pandas frame: ``provider_hook.py PORT USER PASSWORD TABLE``."""

from __future__ import annotations

import json
import os
import sys

from clock import report


def main() -> None:
    port, user, password, table = sys.argv[1:]
    os.environ["AIRFLOW_CONN_BENCH"] = json.dumps(
        {
            "conn_type": "hiveserver2", "host": "127.0.0.1", "port": int(port), "login": user, "password": password,
            "extra": {"auth_mechanism": "LDAP", "run_set_variable_statements": False},
        }
    )  # fmt: skip
    from airflow.providers.apache.hive.hooks.hive import HiveServer2Hook

    hook = HiveServer2Hook(hiveserver2_conn_id="bench")
    report(lambda: len(hook.get_df(f"SELECT * FROM {table}")))


if __name__ == "__main__":
    main()
