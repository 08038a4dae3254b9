"""The run spec: the request with everything pinned. Frozen; its digest is the run's identity."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from verbatim.documents import Document, FileRef, Moment, Sha256
from verbatim.request import (
    EnvironmentRequest,
    Evaluation,
    FileSource,
    Gate,
    MetricDefinition,
    Name,
    Parameter,
    Resources,
    Retention,
    S3Source,
)


class PinnedCode(Document):
    """Code at one fixed state."""

    kind: Literal["git", "directory", "archive", "file"] = Field(
        description="of what was asked for; all but git are packed when the run is pinned"
    )
    url: str = Field(description="as asked for; for a directory or file its absolute path")
    ref: str | None = None
    commit: str | None = Field(
        None, pattern=r"^[0-9a-f]{40,64}$", description="full commit SHA; for a directory in a work tree its HEAD"
    )
    dirty: bool = Field(False, description="a directory whose work tree differs from its commit")
    committed_at: Moment | None = Field(
        None, description="the commit's date where pinning saw it; for an archive the date of its newest file"
    )
    subdirectory: str = "."
    file: str | None = Field(None, description="the one notebook or script that was asked for, seen from subdirectory")
    connection: str | None = Field(None, description="Airflow connection that the code is read with")
    local_submodules: tuple[str, ...] = Field(
        (), description="repositories of the platform's machine that the commit's submodules come from"
    )
    digest: Sha256 | None = Field(None, description="the code blob's digest where pinning made it (all but git)")


class PinnedChannel(Document):
    """A channel's source as of one moment."""

    source: FileSource | S3Source
    as_of: Moment


class PinnedCheckpoints(Document):
    """The checkpoints that a run starts from, as another run had left them when this one was pinned."""

    run_id: str
    files: tuple[FileRef, ...] = Field(description="paths are below the checkpoint directory")


class PinnedModel(Document):
    """The model's name, where it is found and its destination."""

    name: Name
    path: str | None = Field(None, description="where the training leaves it, where that was said")
    destination: str | None = None
    connection: str | None = None


class Image(Document):
    """What the stages run in: a container image, or the zipapp alone with the process engine."""

    reference: str
    digest: str = Field(description="image id or repository digest (sha256:…); with the process engine the zipapp's")


class RunSpec(Document):
    """Everything that a run is made of."""

    schema_version: Literal[1] = 1
    experiment: Name
    code: PinnedCode
    command: str | list[str] | None
    entry_point: str | None = None
    parameters: dict[str, Parameter]
    data: dict[Name, PinnedChannel]
    as_of: Moment
    validation: dict[Name, str]
    metrics: tuple[MetricDefinition, ...]
    evaluation: Evaluation
    gates: tuple[Gate, ...]
    model: PinnedModel | None
    promotion: Literal["none", "auto", "manual"]
    resources: Resources
    environment: EnvironmentRequest
    resume_from: PinnedCheckpoints | None = None
    seed: int
    retention: Retention
    image: Image
    platform_version: str
