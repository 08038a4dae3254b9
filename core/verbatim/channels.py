"""What a conf says of its data: where a channel comes from, what of it, what must be there first, how it is judged."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from verbatim.documents import Document, Pattern
from verbatim.fields import FileUri, RelativePath, S3Uri
from verbatim.quantities import parse_duration

_QUERY = (
    "one SELECT; {{ as_of }}, {{ interval_start }}, {{ interval_end }} and {{ parameters.NAME }} are bound as values"
)


class FileSource(Document):
    """A directory or file that the platform's machine can read."""

    uri: FileUri = Field(description="file:///path/; a directory ends in / or is found to be one")


class S3Source(Document):
    """A prefix or object in an S3-compatible store."""

    uri: S3Uri = Field(description="s3://bucket/prefix/; {{ interval_start | ds }} and its like are filled in")
    connection: str = Field(min_length=1, description="Airflow connection (amazon provider) that may read it")


class HiveSource(Document):
    """The rows of a query on HiveServer2."""

    connection: str = Field(min_length=1, description="Airflow connection (apache-hive provider) of the server")
    query: str = Field(min_length=1, description=_QUERY)
    mode: Literal["client", "server"] = Field(
        "client", description="server: the server itself writes the result as Parquet where config/platform.yaml says"
    )


class SqlSource(Document):
    """The rows of a query on another database."""

    connection: str = Field(min_length=1, description="Airflow connection of the database (postgres, mysql, sqlite)")
    query: str = Field(min_length=1, description=_QUERY)


def kind_of(source: Any) -> str:
    """Return ``file``, ``s3``, ``hive`` or ``sql`` for a source, also as it is written down: with all its keys."""
    keys = source if isinstance(source, dict) else type(source).model_fields
    if "query" in keys:
        return "hive" if "mode" in keys else "sql"
    return "s3" if "connection" in keys else "file"


Source = Annotated[
    Annotated[FileSource, Tag("file")]
    | Annotated[S3Source, Tag("s3")]
    | Annotated[HiveSource, Tag("hive")]
    | Annotated[SqlSource, Tag("sql")],
    Discriminator(kind_of),
]


class Sample(Document):
    """A part of the rows: of every key either all or none, the same whatever the order in which they come."""

    fraction: float = Field(gt=0, lt=1, allow_inf_nan=False, description="of the keys, such as 0.1")
    key: str = Field(min_length=1, description="the column that is hashed, such as user_id")
    seed: int = Field(0, ge=0, lt=2**32, description="another seed takes other keys")


class ChannelRequest(Document):
    """One named input dataset, from exactly one source."""

    file: FileSource | None = Field(None, description="from the platform's machine")
    s3: S3Source | None = Field(None, description="from an S3-compatible store")
    hive: HiveSource | None = Field(None, description="from HiveServer2")
    sql: SqlSource | None = Field(None, description="from another SQL database")
    sample: Sample | None = Field(None, description="only a part of it")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(source is not None for source in (self.file, self.s3, self.hive, self.sql)) != 1:
            raise ValueError("exactly one of the sources 'file', 's3', 'hive' and 'sql'")
        return self

    @property
    def source(self) -> FileSource | S3Source | HiveSource | SqlSource:
        """The one source that is set."""
        source = self.file or self.s3 or self.hive or self.sql
        assert source is not None
        return source


class S3Wait(Document):
    """An object that has to be there."""

    uri: S3Uri = Field(description="s3://bucket/key, such as s3://lake/dt={{ interval_start | ds }}/_SUCCESS; * is any")
    connection: str = Field(min_length=1, description="Airflow connection (amazon provider) that may read it")


class HiveWait(Document):
    """A partition that has to be there."""

    connection: str = Field(min_length=1, description="Airflow connection (apache-hive provider) of the server")
    table: Annotated[str, Pattern(r"^\w+(\.\w+)?$", "a table such as events or lake.events")] = Field(
        description="the table, such as events or lake.events"
    )
    partition: dict[Annotated[str, Pattern(r"^\w+$", "a column such as dt")], str] = Field(
        min_length=1, description='column to value, such as {"dt": "{{ interval_start | ds }}"}'
    )


class WaitRequest(Document):
    """What a run waits for before it is pinned: one thing."""

    s3: S3Wait | None = Field(None, description="an object of an S3-compatible store")
    hive: HiveWait | None = Field(None, description="a partition of a Hive table")
    timeout: str = Field("24h", description="such as '30m' or '6h'; the run fails after it")
    every: str = Field("1m", description="how often it is looked for")

    @field_validator("timeout", "every")
    @classmethod
    def _duration(cls, value: str) -> str:
        parse_duration(value)
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.s3 is None) == (self.hive is None):
            raise ValueError("exactly one of 's3' and 'hive'")
        return self


class SuiteRequest(Document):
    """A Great Expectations suite for a channel, and what it means when the data does not meet it."""

    suite: RelativePath = Field(description="a JSON file in the code, or in the platform's config/expectations")
    location: Literal["code", "config"] = Field("code", description="config: the platform's config/expectations")
    severity: Literal["fail", "warn"] = Field("fail", description="warn: the run goes on, with a warning")
