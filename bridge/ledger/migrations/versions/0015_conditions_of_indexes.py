"""On SQLite, indexes of requests in some states list them by two: of three, a table was made each time.

Whenever a request began or ended, sixteen such tables were made and thrown away. The condition means what it
did; PostgreSQL makes nothing of a list, and keeps its indexes. `bridge.ledger.storage.indexes` makes those of
lists anew.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_OF_LISTS = ("", "_pipeline", "_operation", "_practice")


def upgrade() -> None:
    """Drop them, and make the one that requests need."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    for name in _OF_LISTS:
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS ix_requests_unsuccessful{name}")
    connection.exec_driver_sql("DROP INDEX ix_requests_open")
    connection.exec_driver_sql(
        "CREATE INDEX ix_requests_open ON requests (state)"
        " WHERE (state IN ('in_flight', 'waiting') OR state = 'in_doubt')"
    )
