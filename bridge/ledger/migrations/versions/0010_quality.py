"""What practices sent, as far as it says how good it is: a row of each request, and counts of each day."""

import sqlalchemy as sa
from alembic import op

from bridge.ledger.storage.metadata import Id, Instant

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; what the columns mean is said in `bridge.ledger.storage.quality`."""
    op.create_table(
        "quality_notes",
        sa.Column("id", Id, nullable=False),
        sa.Column("ended_at", Instant, nullable=False),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("practice_ods", "supplier_ods", "request_key")
        ),
        sa.Column("found", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_quality_notes"),
    )
    key = ("day", "practice_ods", "supplier_ods", "area", "kind", "code")
    op.create_table(
        "quality_days",
        *(sa.Column(name, sa.Text, nullable=False) for name in key),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("records", sa.Integer, nullable=False),
        sa.Column("example", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint(*key, name="pk_quality_days"),
        sqlite_with_rowid=False,
    )
