"""A claim names the request whose event it belongs to, so that its opening can be told in the audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the request's key."""
    op.add_column("claims", sa.Column("request_key", sa.Text))
