"""Verbatim's own code, as the extract stage runs it: ``ours.py PORT USER PASSWORD TABLE MODE ROOT``."""

from __future__ import annotations

import sys
from pathlib import Path

from clock import report

from verbatim.channels import HiveSource
from verbatim.documents import now
from verbatim.spec import BoundQuery, Export, PinnedChannel
from verbatim.stage import DatabaseLogin, StageRequest, StageSecrets
from verbatim.store import Store
from verbatim_runner.console import Console
from verbatim_runner.isolation import Isolation
from verbatim_runner.sources.snapshots.take import take_snapshot
from verbatim_runner.stage_context import StageContext


def main() -> None:
    port, user, password, table, mode, root = sys.argv[1:]
    login = DatabaseLogin(
        kind="hiveserver2", host="127.0.0.1", port=int(port), username=user, password=password,
        extra='{"auth_mechanism": "LDAP"}',
    )  # fmt: skip
    query = f"SELECT * FROM {table}"
    pinned = PinnedChannel(
        source=HiveSource(connection="hive", query=query, mode=mode), as_of=now(),
        query=BoundQuery(statement=query, time_bound=False), export=Export(uri=f"file://{root}/exports"),
    )  # fmt: skip
    request = StageRequest.model_construct(run_id="bench", stage="extract", try_number=1)
    work = Path(root) / "work"
    work.mkdir()
    secrets = StageSecrets(databases={"hive": login})
    context = StageContext(request, secrets, Store(f"file://{root}/store"), Console(), Isolation(switches=False), work)
    report(lambda: take_snapshot(context, "train", pinned).rows)


if __name__ == "__main__":
    main()
