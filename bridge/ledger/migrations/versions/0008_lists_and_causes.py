"""What lists of requests show, and what failures are grouped by; rows that are there keep null.

A column without a default is added in a moment, however large the table is. The indexes of the lists are made
by `bridge.ledger.storage.indexes`, without a worker's waiting for them.
"""

import sqlalchemy as sa
from alembic import op

from bridge.ledger.storage.metadata import Instant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TEXTS = ("own_id", "operation", "practice_ods", "stage", "upstream", "detail", "dead_letter")


def upgrade() -> None:
    """Add the columns; what they mean is said in `bridge.ledger.storage.tables`."""
    for name in _TEXTS:
        op.add_column("requests", sa.Column(name, sa.Text))
    op.add_column("requests", sa.Column("asked_at", Instant))
