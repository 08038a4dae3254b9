"""Dataset snapshots: the immutable, content-hashed files of a channel and where they came from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from verbatim.channels import Sample, Source
from verbatim.documents import Document, FileRef, Moment
from verbatim.spec import BoundQuery


class SourceObject(Document):
    """One object as the source had it."""

    path: str
    size: int
    modified_at: Moment
    etag: str | None = None
    version: str | None = None


class SourceState(Document):
    """What a source holds as of a moment, found out without moving its data; equal states mean equal data."""

    objects: tuple[SourceObject, ...] = Field((), description="of a source of files, sorted by path")
    rows: int | None = Field(None, description="of a query, where the server was asked")
    fingerprint: str | None = Field(
        None,
        description="of a query: how it was made, a colon, and a sum over its rows that does not depend on their "
        "order; None: never the same",
    )


class Column(Document):
    """One column of a table."""

    name: str
    type: str = Field(description="as Arrow names it, such as int64 or timestamp[us]")
    source_type: str | None = Field(None, description="as the source names it")


class KeyDistribution(Document):
    """How the rows are spread over the keys of a sample."""

    rows: int
    keys: int = Field(description="distinct keys")
    estimated: bool = Field(
        False, description="whether keys and quantiles are estimated, since there were too many to count"
    )
    largest: int = Field(description="rows of the most frequent key")
    quantiles: dict[str, float] = Field(description="rows of a key, by quantile: 0.25, 0.5, 0.75, 0.95, 0.99")


class SampleRecord(Document):
    """What a sample took of the whole."""

    sample: Sample
    whole: KeyDistribution
    taken: KeyDistribution


class DatasetSnapshot(Document):
    """The files of a channel, and where they came from. Stored as a blob."""

    schema_version: Literal[1] = 1
    source: Source
    as_of: Moment
    files: tuple[FileRef, ...] = Field(description="sorted by path")
    objects: tuple[SourceObject, ...] = Field(
        (), description="source state, sorted by path: one a file, unless a sample left some out"
    )
    rows: int | None = None
    columns: tuple[Column, ...] | None = Field(None, description="None where the files are of no one table")
    query: BoundQuery | None = None
    state: SourceState | None = Field(None, description="what a query's source held, beside the files")
    order: Literal["path", "query", "none"] = Field(
        "path", description="of the rows: that of the files, that of the query's ORDER BY, or as they came"
    )
    sample: SampleRecord | None = None


class ExtractionNote(Document):
    """That a source gave a snapshot, so that what it gives later can be held against it."""

    schema_version: Literal[1] = 1
    document: FileRef = Field(description="the snapshot's, a blob")
    as_of: Moment
    run_id: str
    at: Moment = Field(description="when the source was asked what it holds")


class Quarantine(Document):
    """Why a snapshot is not used again: it did not meet a suite whose severity is to fail."""

    schema_version: Literal[1] = 1
    suite: str = Field(description="the file, as the conf names it")
    channel: str
    run_id: str
    at: Moment
    failed: tuple[str, ...] = Field(description="the expectations that it does not meet, in words")
    lifted_by: str | None = Field(None, description="a later run in which it met the suite; it may be used again")
