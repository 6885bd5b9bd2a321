"""Jobs that ask failed requests again."""

import sqlalchemy as sa
from alembic import op

from bridge.ledger.storage.metadata import Instant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_STATES = "'planned', 'confirmed', 'running', 'paused', 'stopped', 'done'"


def upgrade() -> None:
    """Create the tables; what the columns mean is said in `bridge.ledger.storage.replay_jobs`."""
    op.create_table(
        "replay_jobs",
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
        sa.CheckConstraint("kind IN ('replay')", name=op.f("ck_replay_jobs_kind")),
        sa.CheckConstraint(f"state IN ({_STATES})", name=op.f("ck_replay_jobs_state")),
        sa.PrimaryKeyConstraint("id", name="pk_replay_jobs"),
    )
    op.create_index("ix_replay_jobs_planned_at", "replay_jobs", ["planned_at"])
    op.create_table(
        "replay_job_requests",
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("request_key", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("pipeline", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("correlation_id", sa.Text, nullable=False),
        sa.Column("replay_key", sa.Text, nullable=False),
        sa.Column("life_s", sa.Float),
        sa.Column("expires_at", Instant),
        sa.Column("left_out", sa.Text),
        sa.Column("marked_at", Instant),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["replay_jobs.id"],
            name="fk_replay_job_requests_job_id_replay_jobs",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("job_id", "request_key", name="pk_replay_job_requests"),
        sqlite_with_rowid=False,
    )
    for column in ("request_key", "replay_key"):
        op.create_index(f"ix_replay_job_requests_{column}", "replay_job_requests", [column])
