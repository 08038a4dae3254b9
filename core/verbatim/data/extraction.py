"""What the books say of an extraction: the catalog's row, and the entry in the audit.

Made from the spec and the stage's result alone. No secret can be in either: a spec names connections and holds none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from verbatim.catalog import ExtractionRow
from verbatim.channels import FileSource, S3Source, kind_of

if TYPE_CHECKING:
    from verbatim.spec import PinnedChannel
    from verbatim.stage import SnapshotRef, StageError, StageResult


def sources_of(pinned: PinnedChannel) -> tuple[str, ...]:
    """Return what a channel is read from: the tables of its query as the query names them, or its one URI."""
    if pinned.query:
        return pinned.query.tables
    return (pinned.source.uri,) if isinstance(pinned.source, FileSource | S3Source) else ()


def connection_of(pinned: PinnedChannel) -> str | None:
    """Return the Airflow connection that a channel is read with; None where it needs none."""
    return None if isinstance(pinned.source, FileSource) else pinned.source.connection


def extraction_row(result: StageResult, channel: str, pinned: PinnedChannel, snapshot: SnapshotRef) -> ExtractionRow:
    """Return an extraction as the catalog enters it."""
    return ExtractionRow(
        run_id=result.run_id,
        channel=channel,
        try_number=result.try_number,
        snapshot=snapshot.digest,
        document=snapshot.document,
        kind=kind_of(pinned.source),
        connection=connection_of(pinned),
        sources=sources_of(pinned),
        as_of=pinned.as_of,
        rows=snapshot.rows,
        files=snapshot.files,
        bytes=snapshot.bytes,
        reused=snapshot.reused,
        at=result.finished_at,
    )


def audit_entry(result: StageResult, channel: str, pinned: PinnedChannel, snapshot: SnapshotRef) -> dict[str, Any]:
    """Return an extraction as the audit tells of it: what was asked of whom, as of when, and what came."""
    plain = pinned.model_dump(mode="json")
    return {
        "channel": channel,
        "try_number": result.try_number,
        "kind": kind_of(pinned.source),
        "connection": connection_of(pinned),
        "sources": list(sources_of(pinned)),
        "query": plain["query"] and {name: plain["query"][name] for name in ("statement", "values")},
        "as_of": pinned.as_of.isoformat(),
        "sample": plain["sample"],
        "snapshot": snapshot.digest,
        "rows": snapshot.rows,
        "files": snapshot.files,
        "bytes": snapshot.bytes,
        "reused": snapshot.reused,
        "time_bound": snapshot.time_bound,
        "moved": snapshot.moved,
        "extracted_at": result.finished_at.isoformat(),
    }


def failed_entry(data: dict[str, PinnedChannel], error: StageError) -> dict[str, Any]:
    """Return what the audit tells of a try that extracted nothing: what was asked of whom, and why it failed."""
    return {
        "kind": error.kind,
        "field": error.field,
        "message": error.message,
        "channels": {
            channel: {"connection": connection_of(pinned), "sources": list(sources_of(pinned))}
            for channel, pinned in sorted(data.items())
        },
    }
