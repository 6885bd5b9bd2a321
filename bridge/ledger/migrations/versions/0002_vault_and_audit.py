"""The vault and the audit trail.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

from bridge.ledger.storage.metadata import Id, Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KEPT = sa.text("sealed IS NOT NULL")

# The audit trail only grows. These triggers stop accidents and honest hands; whoever can drop them is
# found out by the chain. REPLACE deletes without a delete trigger on SQLite, hence the insert trigger.
_SQLITE = (
    """CREATE TRIGGER audit_entries_keep_update BEFORE UPDATE ON audit_entries
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
    """CREATE TRIGGER audit_entries_keep_delete BEFORE DELETE ON audit_entries
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
    """CREATE TRIGGER audit_entries_keep_replace BEFORE INSERT ON audit_entries
    WHEN EXISTS (SELECT 1 FROM audit_entries WHERE lane = NEW.lane AND sequence = NEW.sequence)
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
    """CREATE TRIGGER audit_heads_keep_update BEFORE UPDATE ON audit_heads
    WHEN NEW.lane <> OLD.lane OR NEW.sequence <= OLD.sequence
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
    """CREATE TRIGGER audit_heads_keep_delete BEFORE DELETE ON audit_heads
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
    """CREATE TRIGGER audit_heads_keep_replace BEFORE INSERT ON audit_heads
    WHEN EXISTS (SELECT 1 FROM audit_heads WHERE lane = NEW.lane)
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
)
_POSTGRESQL = (
    """CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE integrity_constraint_violation USING MESSAGE = 'the audit trail is append-only'; END $$""",
    """CREATE TRIGGER audit_entries_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()""",
    """CREATE TRIGGER audit_heads_keep_update BEFORE UPDATE ON audit_heads
    FOR EACH ROW WHEN (NEW.lane <> OLD.lane OR NEW.sequence <= OLD.sequence)
    EXECUTE FUNCTION audit_append_only()""",
    """CREATE TRIGGER audit_heads_keep BEFORE DELETE OR TRUNCATE ON audit_heads
    FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()""",
)


def upgrade() -> None:
    """Make the tables, and let the trail only grow."""
    _make_vault()
    _make_trail()
    for statement in _POSTGRESQL if op.get_bind().dialect.name == "postgresql" else _SQLITE:
        op.execute(statement)


def _make_vault() -> None:
    op.create_table(
        "answers",
        sa.Column("id", Id, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("received_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("request_key", sa.Text, nullable=False),
        sa.Column("interaction", sa.Text, nullable=False),
        sa.Column("practice_ods", sa.Text, nullable=False),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary),
        sa.PrimaryKeyConstraint("id", name="pk_answers"),
    )
    for column in ("sha256", "received_at", "request_key"):
        op.create_index(f"ix_answers_{column}", "answers", [column])
    op.create_index("ix_answers_kept", "answers", ["expires_at"], sqlite_where=_KEPT, postgresql_where=_KEPT)
    op.create_table(
        "claims",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("sealed", sa.LargeBinary),
        sa.PrimaryKeyConstraint("id", name="pk_claims"),
    )
    op.create_index("ix_claims_created_at", "claims", ["created_at"])
    op.create_index("ix_claims_kept", "claims", ["expires_at"], sqlite_where=_KEPT, postgresql_where=_KEPT)


def _make_trail() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("lane", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("code", sa.Text),
        sa.Column("user_id", sa.Text),
        sa.Column("organisation", sa.Text),
        sa.Column("patient_key", sa.Text),
        sa.Column("patient", sa.LargeBinary),
        sa.Column("request_key", sa.Text),
        sa.Column("correlation_id", sa.Text),
        sa.Column("practice_ods", sa.Text),
        sa.Column("interaction", sa.Text),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("previous", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("lane", "sequence", name="pk_audit_entries"),
    )
    for columns in (["recorded_at"], ["request_key"], ["patient_key", "recorded_at"]):
        op.create_index(f"ix_audit_entries_{'_'.join(columns)}", "audit_entries", columns)
    op.create_table(
        "audit_heads",
        sa.Column("lane", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("seal", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("lane", name="pk_audit_heads"),
    )
