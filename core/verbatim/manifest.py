"""The manifest, the sealed record of a finished run; and a model version's document."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from verbatim.documents import Document, FileRef, Moment, Sha256
from verbatim.gates import GateResult
from verbatim.metrics import MetricSummary
from verbatim.spec import RunSpec
from verbatim.stage import StageName, StageResult


class Manifest(Document):
    """Written last, once; a run without it did not finish."""

    schema_version: Literal[1] = 1
    run_id: str
    spec: RunSpec
    spec_digest: Sha256
    stages: dict[StageName, StageResult] = Field(description="the last try of each stage")
    verdict: Literal["candidate", "rejected", "no_model"]
    sealed_at: Moment


class ModelVersion(Document):
    """An immutable entry of the model store: names blobs, is never rewritten."""

    schema_version: Literal[1] = 1
    name: str
    version: int
    run_id: str
    spec_digest: Sha256
    digest: Sha256 = Field(description="tree digest of the files")
    files: tuple[FileRef, ...]
    status: Literal["candidate", "rejected"]
    metrics: dict[str, MetricSummary]
    gates: tuple[GateResult, ...]
    destination: str | None
    created_at: Moment
    delete_after: Moment | None = Field(None, description="rejected versions may be deleted after this")
