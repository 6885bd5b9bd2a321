"""A body may come in parts, each sealed as it arrives: a document never stands whole in memory."""

import sqlalchemy as sa
from alembic import op

from bridge.ledger.storage.metadata import Id, Instant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Say of a claim how many parts it has, and keep them."""
    op.add_column("claims", sa.Column("parts", sa.Integer))
    op.create_table(
        "claim_parts",
        sa.Column("id", Id, primary_key=True),
        sa.Column("claim_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_claim_parts_expires_at", "claim_parts", ["expires_at"])
    op.create_index("ix_claim_parts_claim", "claim_parts", ["claim_id", "number"], unique=True)
