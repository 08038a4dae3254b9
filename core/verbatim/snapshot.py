"""Dataset snapshots: the immutable, content-hashed files of a channel and where they came from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from verbatim.documents import Document, FileRef, Moment
from verbatim.request import FileSource, S3Source


class SourceObject(Document):
    """One object as the source had it."""

    path: str
    size: int
    modified_at: Moment
    etag: str | None = None
    version: str | None = None


class DatasetSnapshot(Document):
    """The files of a channel, and where they came from. Stored as a blob; its digest is the snapshot's."""

    schema_version: Literal[1] = 1
    source: FileSource | S3Source
    as_of: Moment
    files: tuple[FileRef, ...] = Field(description="sorted by path")
    objects: tuple[SourceObject, ...] = Field(description="source state, one a file, in the same order")
    rows: int | None = None
