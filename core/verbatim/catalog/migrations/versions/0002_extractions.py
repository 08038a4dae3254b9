"""Extractions, by the names under which their sources are asked for, and the run whose checkpoints a run went on from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("runs", sa.Column("resumed_from", sa.String(120)))
    op.create_index("ix_runs_resumed_from", "runs", ["resumed_from"])
    op.create_index("ix_model_versions_run_id", "model_versions", ["run_id"])
    op.create_index("ix_audit_subject", "audit", ["subject"])
    op.create_table(
        "extractions",
        sa.Column("run_id", sa.String(120), nullable=False),
        sa.Column("channel", sa.String(63), nullable=False),
        sa.Column("try_number", sa.Integer, nullable=False),
        sa.Column("snapshot", sa.String(64), nullable=False),
        sa.Column("document", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("connection", sa.String(250)),
        sa.Column("sources", sa.JSON, nullable=False),
        sa.Column("as_of", MOMENT, nullable=False),
        sa.Column("rows", sa.BigInteger),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("reused", sa.Boolean, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "channel", name="pk_extractions"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_extractions_run_id"),
    )
    op.create_index("ix_extractions_snapshot", "extractions", ["snapshot"])
    op.create_table(
        "extraction_names",
        sa.Column("run_id", sa.String(120), nullable=False),
        sa.Column("channel", sa.String(63), nullable=False),
        sa.Column("name", sa.String(500), nullable=False),
        sa.Column("whole", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "channel", "name", name="pk_extraction_names"),
        sa.ForeignKeyConstraint(
            ["run_id", "channel"], ["extractions.run_id", "extractions.channel"], name="fk_extraction_names_run_id"
        ),
    )
    op.create_index("ix_extraction_names_name", "extraction_names", ["name"])
