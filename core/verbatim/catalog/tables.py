"""The catalog's tables and the rows that it hands out.

Only what must be looked up or may change is here: documents lie in the store. Times are UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Dialect

HEAD = "0002"
"""The newest migration; ``Catalog.migrate`` compares with it before it loads Alembic."""

RunStatus = Literal["running", "succeeded", "rejected", "failed", "cancelled"]
VersionStatus = Literal["candidate", "rejected"]

RUN_STATUSES: tuple[RunStatus, ...] = ("running", "succeeded", "rejected", "failed", "cancelled")


class UtcMoment(TypeDecorator[datetime]):
    """A moment in UTC, also where the database keeps no zone (SQLite)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002, D102
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002, D102
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

experiments = Table(
    "experiments",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("created_at", UtcMoment, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", String(120), primary_key=True),
    Column("experiment", ForeignKey("experiments.name"), nullable=False),
    Column("status", String(16), nullable=False),
    Column("stage", String(16)),
    Column("engine", String(16), nullable=False),
    Column("actor", String(250), nullable=False),
    Column("origin", JSON, nullable=False),
    Column("spec_digest", String(64)),
    Column("error", Text),
    Column("created_at", UtcMoment, nullable=False),
    Column("finished_at", UtcMoment),
    Column("resumed_from", String(120)),
    CheckConstraint("status IN ('running', 'succeeded', 'rejected', 'failed', 'cancelled')", name="status"),
    Index("ix_runs_experiment_created_at", "experiment", "created_at"),
    Index("ix_runs_created_at", "created_at"),
    Index("ix_runs_resumed_from", "resumed_from"),
)

models = Table(
    "models",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("last_version", Integer, nullable=False),
)

model_versions = Table(
    "model_versions",
    metadata,
    Column("name", ForeignKey("models.name"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("run_id", ForeignKey("runs.run_id"), nullable=False),
    Column("status", String(16)),
    Column("digest", String(64)),
    Column("created_at", UtcMoment, nullable=False),
    UniqueConstraint("name", "run_id"),
    CheckConstraint("status IN ('candidate', 'rejected')", name="status"),
    CheckConstraint("(status IS NULL) = (digest IS NULL)", name="committed"),
    Index("ix_model_versions_run_id", "run_id"),
)

aliases = Table(
    "aliases",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("alias", String(63), primary_key=True),
    Column("version", Integer, nullable=False),
    ForeignKeyConstraint(["name", "version"], ["model_versions.name", "model_versions.version"]),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", UtcMoment, nullable=False),
    Column("actor", String(250), nullable=False),
    Column("action", String(63), nullable=False),
    Column("subject", String(250), nullable=False),
    Column("details", JSON, nullable=False),
    Index("ix_audit_subject", "subject"),
)

extractions = Table(
    "extractions",
    metadata,
    Column("run_id", ForeignKey("runs.run_id"), primary_key=True),
    Column("channel", String(63), primary_key=True),
    Column("try_number", Integer, nullable=False),
    Column("snapshot", String(64), nullable=False),
    Column("document", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("connection", String(250)),
    Column("sources", JSON, nullable=False),
    Column("as_of", UtcMoment, nullable=False),
    Column("rows", BigInteger),
    Column("files", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("reused", Boolean, nullable=False),
    Column("at", UtcMoment, nullable=False),
    Index("ix_extractions_snapshot", "snapshot"),
)

extraction_names = Table(
    "extraction_names",
    metadata,
    Column("run_id", String(120), primary_key=True),
    Column("channel", String(63), primary_key=True),
    Column("name", String(500), primary_key=True),
    Column("whole", Boolean, nullable=False),
    ForeignKeyConstraint(["run_id", "channel"], ["extractions.run_id", "extractions.channel"]),
    Index("ix_extraction_names_name", "name"),
)
"""Under which names a source is found: its own (``whole``), those of the places around it, a table's last parts."""


@dataclass(frozen=True)
class RunRow:
    """A run as the catalog knows it."""

    run_id: str
    experiment: str
    status: RunStatus
    stage: str | None
    engine: str
    actor: str
    origin: Mapping[str, str]
    spec_digest: str | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None
    resumed_from: str | None


@dataclass(frozen=True)
class VersionRow:
    """A model version that is committed: its files are in the store."""

    name: str
    version: int
    run_id: str
    status: VersionStatus
    digest: str
    created_at: datetime


@dataclass(frozen=True)
class AuditRow:
    """One thing that somebody did."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: Mapping[str, Any]


@dataclass(frozen=True)
class ExtractionRow:
    """A channel of a run, as it was last extracted.

    Attributes:
        run_id: The run.
        channel: Its channel.
        try_number: The try of the extract stage that made it.
        snapshot: Digest of the snapshot's files.
        document: Digest of the blob that says where they came from.
        kind: ``file``, ``s3``, ``hive`` or ``sql``.
        connection: The Airflow connection it was read with, if any.
        sources: The tables of its query as the query names them, or its one URI.
        as_of: The moment as of which it was read.
        rows: None where they cannot be counted.
        files: How many.
        bytes: Of all files.
        reused: Whether an earlier snapshot of the same was used.
        at: When.
    """

    run_id: str
    channel: str
    try_number: int
    snapshot: str
    document: str
    kind: str
    connection: str | None
    sources: Sequence[str]
    as_of: datetime
    rows: int | None
    files: int
    bytes: int
    reused: bool
    at: datetime
