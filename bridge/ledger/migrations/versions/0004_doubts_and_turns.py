"""Requests in doubt are checked again as a whole; requests about one patient take turns."""

import sqlalchemy as sa
from alembic import op

from bridge.ledger.storage.metadata import Id, Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_VERDICTS = "'done', 'not_done', 'refused', 'not_sent'"


def upgrade() -> None:
    """Create what is new; what the columns mean is said in `bridge.ledger.storage.tables`."""
    op.add_column("requests", sa.Column("turn_key", sa.Text))
    _partial_index(
        "ix_requests_turn",
        "requests",
        ["turn_key"],
        "turn_key IS NOT NULL AND state IN ('in_flight', 'waiting')",
    )
    op.create_table(
        "messages",
        _request_id(primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        _of_request("messages"),
    )
    # No pipeline of an earlier version had side effects: the table is empty, and is made anew.
    op.drop_table("intents")
    _intents()


def _intents() -> None:
    op.create_table(
        "intents",
        sa.Column("id", Id, primary_key=True),
        _request_id(),
        sa.Column("start", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("settle_key", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary),
        sa.Column("result", sa.LargeBinary),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("verdict", sa.Text),
        sa.Column("settled_at", Instant),
        sa.CheckConstraint(f"verdict IN ({_VERDICTS})", name=op.f("ck_intents_verdict")),
        _of_request("intents"),
    )
    op.create_index("ix_intents_request_id", "intents", ["request_id"])
    _partial_index("uq_intents_open", "intents", ["request_id", "kind"], "settled_at IS NULL", unique=True)


def _request_id(*, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column("request_id", Id, primary_key=primary_key, nullable=False)


def _of_request(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["request_id"], ["requests.id"], name=f"fk_{table}_request_id_requests", ondelete="CASCADE"
    )


def _partial_index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)
