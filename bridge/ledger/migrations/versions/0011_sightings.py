"""What workers see of those they call, for pages of another process; and practices that are to be asked."""

import sqlalchemy as sa
from alembic import op

from bridge.ledger.storage.metadata import Instant

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; what the columns mean is said in `bridge.ledger.storage.sightings`."""
    op.create_table(
        "workers_seen",
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("seen_at", Instant, nullable=False),
        sa.Column("stopped_at", Instant),
        sa.PrimaryKeyConstraint("worker", name="pk_workers_seen"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "upstreams_seen",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("worker", "upstream", "place", "circuit")),
        sa.Column("in_flight", sa.Integer, nullable=False),
        sa.Column("answered_at", Instant),
        sa.Column("failed_at", Instant),
        sa.ForeignKeyConstraint(
            ["worker"],
            ["workers_seen.worker"],
            name="fk_upstreams_seen_worker_workers_seen",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("worker", "upstream", "place", name="pk_upstreams_seen"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "directory_seen",
        sa.Column("practice_ods", sa.Text, nullable=False),
        sa.Column("interaction", sa.Text, nullable=False),
        sa.Column("looked_up_at", Instant, nullable=False),
        *(sa.Column(name, sa.Text) for name in ("supplier_ods", "asid", "address", "detail")),
        sa.PrimaryKeyConstraint("practice_ods", "interaction", name="pk_directory_seen"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "capabilities_seen",
        sa.Column("practice_ods", sa.Text, nullable=False),
        sa.Column("interaction", sa.Text, nullable=False),
        sa.Column("retrieved_at", Instant, nullable=False),
        sa.Column("version", sa.Text),
        sa.Column("operations", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("practice_ods", "interaction", name="pk_capabilities_seen"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "practice_asks",
        sa.Column("practice_ods", sa.Text, nullable=False),
        sa.Column("asked_at", Instant, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("lease_until", Instant),
        sa.Column("ended_at", Instant),
        sa.Column("code", sa.Text),
        sa.Column("detail", sa.Text),
        sa.PrimaryKeyConstraint("practice_ods", name="pk_practice_asks"),
        sqlite_with_rowid=False,
    )
