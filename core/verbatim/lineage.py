"""Lineage: from a run or a model back to all that it was made of, and from data forward to all that was made of it.

Reads only. What it returns is the JSON form of ``verbatim lineage``; ``verbatim.subject`` says what a name means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from verbatim.catalog import source_key
from verbatim.channels import kind_of
from verbatim.data.extraction import connection_of, sources_of
from verbatim.errors import NotFound
from verbatim.record import latest_results, run_inputs
from verbatim.snapshot import DatasetSnapshot
from verbatim.spec import RunSpec
from verbatim.store import layout

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from verbatim.catalog import Catalog, ExtractionRow, RunRow, VersionRow
    from verbatim.spec import PinnedChannel
    from verbatim.store import Store


def lineage_of_run(store: Store, catalog: Catalog, run_id: str) -> dict[str, Any]:
    """Return what a run was made of, and the model versions that were made of it.

    Raises:
        NotFound: There is no such run.
        ContractError: One of its documents cannot be read.
    """
    made = [run_id, *(row.run_id for row in catalog.runs_after([run_id]))]
    return {"kind": "run", "run": _run(store, catalog, run_id), "models": _models(catalog, made)}


def lineage_of_model(store: Store, catalog: Catalog, version: VersionRow) -> dict[str, Any]:
    """Return what a model version was made of.

    Raises:
        ContractError: One of its run's documents cannot be read.
    """
    model = _model(version, catalog.aliases(version.name))
    return {"kind": "model", "model": model, "run": _run(store, catalog, version.run_id)}


def lineage_of_data(catalog: Catalog, name: str, rows: Sequence[ExtractionRow]) -> dict[str, Any]:
    """Return the snapshots, runs and model versions that were made of data.

    Args:
        catalog: The index.
        name: What was asked for: a source, or a snapshot.
        rows: The extractions that read or gave it.
    """
    snapshots: dict[str, list[ExtractionRow]] = {}
    for row in rows:
        snapshots.setdefault(row.snapshot, []).append(row)
    first = catalog.runs_called({row.run_id for row in rows})
    after = catalog.runs_after([row.run_id for row in first])
    known = {row.run_id: row for row in (*first, *after)}
    return {
        "kind": "dataset",
        "name": name,
        "snapshots": [_snapshot(same) for same in snapshots.values()],
        "runs": [_brief(row) for row in known.values()],
        "models": _models(catalog, known),
    }


def extractions_that_read(store: Store, catalog: Catalog, name: str) -> list[ExtractionRow]:
    """Return the extractions that read a source: a table, a place, or an object of a place where it was among them."""
    key = source_key(name)
    return [row for row in catalog.extractions_from(name) if not _is_around(row, key) or _held(store, row, key)]


def _is_around(row: ExtractionRow, key: str) -> bool:
    """Return whether what was asked for lies in the one place that was read."""
    return "://" in key and any(key.startswith(f"{source_key(source)}/") for source in row.sources)


def _held(store: Store, row: ExtractionRow, key: str) -> bool:
    """Return whether an object, or any below a prefix, was among those that a snapshot was made of."""
    path = key.removeprefix(source_key(row.sources[0])).strip("/")
    document = _document(store, row.document)
    return document is None or any(item.path == path or item.path.startswith(f"{path}/") for item in document.objects)


def _run(store: Store, catalog: Catalog, run_id: str) -> dict[str, Any]:
    """Return a run with all that it was made of, the run whose checkpoints it went on from included."""
    row = catalog.run(run_id)
    made_of: dict[str, Any] = {"code": None, "lock": None, "image": None, "parameters": {}, "data": {}}
    if row.spec_digest:
        spec, results = store.read(layout.spec(run_id), RunSpec), latest_results(store, run_id)
        inputs = run_inputs(spec, results)
        made_of = {
            "code": inputs["code"],
            "lock": inputs["environment"],
            "image": inputs["image"],
            "parameters": inputs["parameters"],
            "data": {name: _channel(store, spec.data[name], told) for name, told in sorted(inputs["data"].items())},
        }
    before = _run(store, catalog, row.resumed_from) if row.resumed_from else None
    return _brief(row) | {"spec_digest": row.spec_digest, **made_of, "resumed_from": before}


def _brief(row: RunRow) -> dict[str, Any]:
    return {
        "run_id": row.run_id,
        "experiment": row.experiment,
        "status": row.status,
        "actor": row.actor,
        "created_at": row.created_at.isoformat(),
        "resumed_from": row.resumed_from,
    }


def _channel(store: Store, pinned: PinnedChannel, told: dict[str, Any]) -> dict[str, Any]:
    """Return a channel: what was asked of which source, as of when, and the snapshot that it gave."""
    document = _document(store, told["document"]) if told["document"] else None
    return {
        "kind": kind_of(pinned.source),
        "connection": connection_of(pinned),
        "sources": list(sources_of(pinned)),
        "query": told["query"],
        "as_of": told["as_of"],
        "snapshot": told["digest"],
        **{name: told[name] for name in ("document", "rows", "files", "bytes", "reused", "time_bound", "moved")},
        "objects": [item.model_dump(mode="json") for item in document.objects] if document else [],
        "columns": [item.model_dump(mode="json") for item in document.columns or ()] if document else [],
        "sample": document.sample.model_dump(mode="json") if document and document.sample else None,
    }


def _snapshot(rows: Sequence[ExtractionRow]) -> dict[str, Any]:
    """Return a snapshot with the extractions that gave it."""
    newest = rows[-1]
    return {
        "digest": newest.snapshot,
        "rows": newest.rows,
        "files": newest.files,
        "bytes": newest.bytes,
        "extractions": [
            {
                "run_id": row.run_id,
                "channel": row.channel,
                "kind": row.kind,
                "connection": row.connection,
                "sources": list(row.sources),
                "as_of": row.as_of.isoformat(),
                "reused": row.reused,
                "at": row.at.isoformat(),
            }
            for row in rows
        ],
    }


def _models(catalog: Catalog, run_ids: Collection[str]) -> list[dict[str, Any]]:
    versions = catalog.versions_of_runs(run_ids)
    aliases = {name: catalog.aliases(name) for name in {version.name for version in versions}}
    return [_model(version, aliases[version.name]) for version in versions]


def _model(version: VersionRow, aliases: Mapping[str, int]) -> dict[str, Any]:
    return {
        "name": version.name,
        "version": version.version,
        "status": version.status,
        "digest": version.digest,
        "aliases": [alias for alias, number in aliases.items() if number == version.version],
        "run_id": version.run_id,
        "created_at": version.created_at.isoformat(),
    }


def _document(store: Store, digest: str) -> DatasetSnapshot | None:
    """Return a snapshot's document; None where the store has it no more."""
    try:
        return DatasetSnapshot.parse(store.get_blob(digest), source=f"the snapshot's document {digest}")
    except NotFound:
        return None
