"""Finds the dataset snapshot that a user means. Reads only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verbatim.errors import NotFound, UserFault
from verbatim.record import latest_results
from verbatim.stage import ExtractOutputs

if TYPE_CHECKING:
    from collections.abc import Callable

    from verbatim.catalog import Catalog
    from verbatim.stage import SnapshotRef
    from verbatim.store import Store

FORMS = "a snapshot's digest (8 characters of it are enough), RUN:CHANNEL, or RUN where it has one channel"
DIGEST = re.compile(r"[0-9a-f]{8,64}")
"""The beginning of one, or all of it."""
_SHOWN = 5


@dataclass(frozen=True)
class Dataset:
    """A snapshot, as a channel of a run that was made of it.

    Attributes:
        run_id: The latest such run.
        channel: Its channel.
        snapshot: The snapshot.
    """

    run_id: str
    channel: str
    snapshot: SnapshotRef


def find_dataset(store: Store, catalog: Catalog, name: str, find_run: Callable[[str], str]) -> Dataset:
    """Return the dataset that a user means.

    Args:
        store: Where the runs' results lie.
        catalog: The index.
        name: One of ``FORMS``; RUN in any form that ``find_run`` takes.
        find_run: Returns the id of the run that a name means; raises ``NotFound`` or ``UserFault``.

    Raises:
        NotFound: There is no such snapshot, run or channel.
        UserFault: The name could mean several.
    """
    run, _, channel = name.partition(":")
    if not channel and DIGEST.fullmatch(name) and (found := _by_digest(store, catalog, name)):
        return found
    try:
        run_id = find_run(run)
    except NotFound as error:
        raise NotFound(f"no dataset is called {name!r}: {error.message}. Expected {FORMS}") from None
    return _of_run(store, run_id, channel)


def _by_digest(store: Store, catalog: Catalog, digest: str) -> Dataset | None:
    rows = catalog.extractions_into(digest)
    snapshots = sorted({row.snapshot for row in rows})
    if len(snapshots) > 1:
        shown = ", ".join(snapshot[:16] for snapshot in snapshots[:_SHOWN])
        raise UserFault(f"{digest!r} could be any of {len(snapshots)} snapshots: {shown}")
    return _of_run(store, rows[-1].run_id, rows[-1].channel) if rows else None


def _of_run(store: Store, run_id: str, channel: str) -> Dataset:
    result = latest_results(store, run_id).get("extract")
    snapshots = result.outputs.snapshots if result and isinstance(result.outputs, ExtractOutputs) else {}
    if not snapshots:
        raise NotFound(f"the run {run_id} has no dataset: its extract stage has made none")
    names = ", ".join(sorted(snapshots))
    if not channel and len(snapshots) > 1:
        raise UserFault(f"the run {run_id} has several channels; say which: {run_id}:CHANNEL, one of {names}")
    chosen = channel or next(iter(snapshots))
    if chosen not in snapshots:
        raise NotFound(f"the run {run_id} has no channel {chosen!r}; it has {names}")
    return Dataset(run_id, chosen, snapshots[chosen])
