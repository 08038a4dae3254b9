"""The run spec: the request with everything pinned. Frozen; its digest is the run's identity."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from verbatim.documents import Document, Moment, Sha256
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

    kind: Literal["git", "directory"]
    url: str = Field(description="as asked for; for a directory its absolute path")
    ref: str | None = None
    commit: str | None = Field(
        None, pattern=r"^[0-9a-f]{40,64}$", description="full commit SHA; for a directory in a work tree its HEAD"
    )
    dirty: bool = Field(False, description="a directory whose work tree differs from its commit")
    subdirectory: str = "."
    digest: Sha256 | None = Field(None, description="the code blob's digest where pinning made it (directories)")


class PinnedChannel(Document):
    """A channel's source as of one moment."""

    source: FileSource | S3Source
    as_of: Moment


class PinnedModel(Document):
    """The model's name and destination."""

    name: Name
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
    seed: int
    retention: Retention
    image: Image
    platform_version: str
