"""A PyHive cursor into a pandas frame: ``pyhive_pandas.py PORT USER PASSWORD TABLE``."""

from __future__ import annotations

import sys

import pandas as pd
from clock import report
from pyhive import hive


def main() -> None:
    port, user, password, table = sys.argv[1:]
    report(lambda: read(int(port), user, password, table))


def read(port: int, user: str, password: str, table: str) -> int:
    cursor = hive.connect("127.0.0.1", port, username=user, password=password, auth="LDAP").cursor()
    cursor.execute(f"SELECT * FROM {table}")
    frame = pd.DataFrame(cursor.fetchall(), columns=[column[0] for column in cursor.description])
    return len(frame)


if __name__ == "__main__":
    main()
