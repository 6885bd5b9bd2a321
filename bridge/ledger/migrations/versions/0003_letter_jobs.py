"""Jobs that send dead letters again or discard them.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

from bridge.ledger.storage.metadata import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATES = "'planned', 'confirmed', 'running', 'paused', 'stopped', 'done'"


def upgrade() -> None:
    """Create the tables; what the columns mean is said in `bridge.ledger.storage.dead_letter_jobs`."""
    op.create_table(
        "letter_jobs",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("planned_at", Instant, nullable=False),
        sa.Column("planned_by", sa.Text, nullable=False),
        sa.Column("confirmed_at", Instant),
        sa.Column("confirmed_by", sa.Text),
        sa.Column("actor", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("runner", sa.Text),
        sa.Column("lease_until", Instant),
        sa.Column("ended_at", Instant),
        sa.CheckConstraint("kind IN ('replay', 'discard')", name=op.f("ck_letter_jobs_kind")),
        sa.CheckConstraint(f"state IN ({_STATES})", name=op.f("ck_letter_jobs_state")),
        sa.PrimaryKeyConstraint("id", name="pk_letter_jobs"),
    )
    op.create_index("ix_letter_jobs_planned_at", "letter_jobs", ["planned_at"])
    op.create_table(
        "letter_job_letters",
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("letter_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("pipeline", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("correlation_id", sa.Text),
        sa.Column("marked_at", Instant),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["letter_jobs.id"],
            name="fk_letter_job_letters_job_id_letter_jobs",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("job_id", "letter_id", name="pk_letter_job_letters"),
        sqlite_with_rowid=False,
    )
