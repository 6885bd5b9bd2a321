"""On SQLite, the audit trail's triggers undo the transaction, where they undid the statement.

To be able to undo a statement, SQLite copied every page that an entry was about to change, and soon into a
file in the machine's folder for temporary files. Nobody goes on after the trail refused something: that
nothing of the transaction stays is what the engine does itself.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_REFUSED = {
    "audit_entries_keep_update": "BEFORE UPDATE ON audit_entries",
    "audit_entries_keep_delete": "BEFORE DELETE ON audit_entries",
    "audit_entries_keep_replace": "BEFORE INSERT ON audit_entries WHEN EXISTS"
    " (SELECT 1 FROM audit_entries WHERE lane = NEW.lane AND sequence = NEW.sequence)",
    "audit_heads_keep_update": "BEFORE UPDATE ON audit_heads"
    " WHEN NEW.lane <> OLD.lane OR NEW.sequence <= OLD.sequence",
    "audit_heads_keep_delete": "BEFORE DELETE ON audit_heads",
    "audit_heads_keep_replace": "BEFORE INSERT ON audit_heads"
    " WHEN EXISTS (SELECT 1 FROM audit_heads WHERE lane = NEW.lane)",
}


def upgrade() -> None:
    """Make each of them anew, in one transaction."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    for name, refused in _REFUSED.items():
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
        connection.exec_driver_sql(
            f"CREATE TRIGGER {name} {refused}"
            " BEGIN SELECT RAISE(ROLLBACK, 'the audit trail is append-only'); END"
        )
