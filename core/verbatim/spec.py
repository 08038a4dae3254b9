"""The run spec: the request with everything pinned. Frozen; its digest is the run's identity."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from verbatim.channels import Sample, Source
from verbatim.documents import Document, FileRef, Moment, Sha256
from verbatim.fields import Name, Parameter
from verbatim.request import EnvironmentRequest, Evaluation, Gate, MetricDefinition, Resources, Retention


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


class BoundValue(Document):
    """A value that a query is given beside its text: it is never part of the text."""

    kind: Literal["timestamp", "date", "text", "integer", "number", "boolean", "null"]
    text: str = Field(description="the value as text; a timestamp as ISO 8601 in UTC")


class BoundQuery(Document):
    """One SELECT with nothing left to fill in."""

    statement: str = Field(
        description="what the server is sent: for Hive with every value as a literal, else with :names for them"
    )
    values: dict[str, BoundValue] = Field(default_factory=dict, description="by name; empty for Hive")
    tables: tuple[str, ...] = Field((), description="that it reads, as it names them, sorted")
    time_bound: bool = Field(
        description="whether it uses as_of or the interval; the same query may else mean other rows"
    )
    ordered: bool = Field(False, description="whether it says in which order its rows come")


class Export(Document):
    """Where a server writes a result itself."""

    uri: str = Field(description="s3:// or file:// prefix, as the server and the runner both see it")
    connection: str | None = Field(None, description="Airflow connection of an s3:// prefix")


class PinnedChannel(Document):
    """A channel's source as of one moment."""

    source: Source = Field(description="the places in it with every template filled in; a query as it was asked")
    as_of: Moment
    query: BoundQuery | None = Field(None, description="hive and sql: what is run")
    export: Export | None = Field(None, description="hive with mode server: where to")
    database_file: str | None = Field(None, description="sql on SQLite: the file, as the connection named it")
    sample: Sample | None = None
    stored: Sha256 | None = Field(
        None, description="reproducing: the document of the snapshot that is used, whatever the source holds by now"
    )


class PinnedSuite(Document):
    """A Great Expectations suite, and what it means when the data does not meet it."""

    suite: str = Field(description="the file, seen from the project's directory or from config/expectations")
    location: Literal["code", "config"] = "code"
    severity: Literal["fail", "warn"] = "fail"
    content: Sha256 | None = Field(None, description="config: the suite as it was when the run was pinned, a blob")


def _suite_from_text(value: Any) -> Any:
    return {"suite": value} if isinstance(value, str) else value


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
    interval_start: Moment | None = Field(None, description="of the schedule; the run's as_of where it has none")
    interval_end: Moment | None = None
    validation: dict[Name, Annotated[PinnedSuite, BeforeValidator(_suite_from_text)]]
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
