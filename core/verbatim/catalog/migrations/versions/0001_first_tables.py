"""First tables: experiments, runs, model versions, aliases and an audit that the database itself keeps append-only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)

APPEND_ONLY_SQLITE = """
CREATE TRIGGER audit_append_only_{verb} BEFORE {verb} ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END
"""
APPEND_ONLY_POSTGRESQL = """
CREATE FUNCTION audit_append_only() RETURNS trigger AS
$$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$ LANGUAGE plpgsql
"""


def upgrade() -> None:
    op.create_table(
        "experiments",
        sa.Column("name", sa.String(63)),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_experiments"),
    )
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(120)),
        sa.Column("experiment", sa.String(63), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("stage", sa.String(16)),
        sa.Column("engine", sa.String(16), nullable=False),
        sa.Column("actor", sa.String(250), nullable=False),
        sa.Column("origin", sa.JSON, nullable=False),
        sa.Column("spec_digest", sa.String(64)),
        sa.Column("error", sa.Text),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
        sa.PrimaryKeyConstraint("run_id", name="pk_runs"),
        sa.ForeignKeyConstraint(["experiment"], ["experiments.name"], name="fk_runs_experiment"),
        sa.CheckConstraint(
            "status IN ('running', 'succeeded', 'rejected', 'failed', 'cancelled')", name="ck_runs_status"
        ),
    )
    op.create_index("ix_runs_experiment_created_at", "runs", ["experiment", "created_at"])
    op.create_index("ix_runs_created_at", "runs", ["created_at"])
    op.create_table(
        "models",
        sa.Column("name", sa.String(63)),
        sa.Column("last_version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_models"),
    )
    op.create_table(
        "model_versions",
        sa.Column("name", sa.String(63)),
        sa.Column("version", sa.Integer, autoincrement=False),
        sa.Column("run_id", sa.String(120), nullable=False),
        sa.Column("status", sa.String(16)),
        sa.Column("digest", sa.String(64)),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name="pk_model_versions"),
        sa.UniqueConstraint("name", "run_id", name="uq_model_versions_name"),
        sa.ForeignKeyConstraint(["name"], ["models.name"], name="fk_model_versions_name"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_model_versions_run_id"),
        sa.CheckConstraint("status IN ('candidate', 'rejected')", name="ck_model_versions_status"),
        sa.CheckConstraint("(status IS NULL) = (digest IS NULL)", name="ck_model_versions_committed"),
    )
    op.create_table(
        "aliases",
        sa.Column("name", sa.String(63)),
        sa.Column("alias", sa.String(63)),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("name", "alias", name="pk_aliases"),
        sa.ForeignKeyConstraint(
            ["name", "version"], ["model_versions.name", "model_versions.version"], name="fk_aliases_name"
        ),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite")),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.String(250), nullable=False),
        sa.Column("action", sa.String(63), nullable=False),
        sa.Column("subject", sa.String(250), nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    _keep_audit_append_only()


def _keep_audit_append_only() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(APPEND_ONLY_SQLITE.format(verb=verb))
    else:
        op.execute(APPEND_ONLY_POSTGRESQL)
        op.execute(
            "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()"
        )
