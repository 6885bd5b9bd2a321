"""The indexes of requests that took long. `bridge.ledger.storage.indexes` makes them, as those of all lists.

No column is added: how long a request took is told by moments that every row has, those of before too.
"""

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing besides: a new version is what has them made."""
