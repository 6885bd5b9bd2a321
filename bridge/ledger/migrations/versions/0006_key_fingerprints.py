"""Fingerprints of the keys that a ledger is kept with: workers with other keys do not start."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; the next worker that starts notes its keys."""
    op.create_table(
        "key_fingerprints",
        sa.Column("purpose", sa.Text, primary_key=True),
        sa.Column("key_id", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("in_use", sa.Boolean, nullable=False),
    )
