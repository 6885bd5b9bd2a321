"""What the next answer about a patient is compared with, to tell what changed."""

import sqlalchemy as sa
from alembic import op

from bridge.ledger.storage.metadata import Instant

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make its table."""
    op.create_table(
        "change_bases",
        sa.Column("patient_key", sa.Text, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("kept_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("patient_key", name="pk_change_bases"),
    )
    op.create_index("ix_change_bases_expires_at", "change_bases", ["expires_at"])
