"""Requests, attempts, upstream calls, events and intents."""

import sqlalchemy as sa
from alembic import op

from bridge.ledger.storage.metadata import Id, Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; what the columns mean is said in `bridge.ledger.storage.tables`."""
    _requests()
    _attempts()
    _calls()
    _events()
    _intents()


def _requests() -> None:
    op.create_table(
        "requests",
        sa.Column("id", Id, primary_key=True),
        sa.Column("request_key", sa.Text, nullable=False, unique=True),
        sa.Column("pipeline", sa.Text, nullable=False),
        sa.Column("correlation_id", sa.Text, nullable=False),
        sa.Column("body_sha256", sa.Text, nullable=False),
        sa.Column("patient_key", sa.Text),
        sa.Column("requester_id", sa.Text),
        sa.Column("requester_role", sa.Text),
        sa.Column("requester_organisation", sa.Text),
        sa.Column("received_at", Instant, nullable=False),
        sa.Column("expires_at", Instant),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("code", sa.Text),
        sa.Column("ended_at", Instant),
        sa.Column("starts", sa.Integer, nullable=False),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("lease_until", Instant),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("waits", sa.Integer, nullable=False),
        sa.Column("wait_until", Instant),
        sa.Column("waited_delivery", sa.Integer),
        sa.CheckConstraint(
            "state IN ('in_flight', 'waiting', 'completed', 'failed', 'rejected', 'in_doubt')", name="state"
        ),
    )
    op.create_index("ix_requests_received_at", "requests", ["received_at"])
    op.create_index("ix_requests_ended_at", "requests", ["ended_at"])
    _partial_index("ix_requests_open", "requests", ["state"], "state IN ('in_flight', 'waiting', 'in_doubt')")


def _attempts() -> None:
    op.create_table(
        "attempts",
        _request_id(primary_key=True),
        sa.Column("start", sa.Integer, primary_key=True),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("ended_at", Instant, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("code", sa.Text),
        sqlite_with_rowid=False,
    )


def _calls() -> None:
    op.create_table(
        "calls",
        _request_id(primary_key=True),
        sa.Column("start", sa.Integer, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("where", sa.Text, nullable=False),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("code", sa.Text),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("duration_ms", sa.Float, nullable=False),
        sqlite_with_rowid=False,
    )


def _events() -> None:
    op.create_table(
        "events",
        _request_id(primary_key=True),
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("start", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("published_at", Instant),
        sqlite_with_rowid=False,
    )
    _partial_index("ix_events_unpublished", "events", ["request_id"], "published_at IS NULL")
    op.create_table(
        "event_bodies",
        _request_id(primary_key=True),
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )


def _intents() -> None:
    op.create_table(
        "intents",
        sa.Column("id", Id, primary_key=True),
        _request_id(nullable=False, index=True),
        sa.Column("start", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("settle_key", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary),
        sa.Column("result", sa.LargeBinary),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("verdict", sa.Text),
        sa.Column("settled_at", Instant),
        sa.Column("checks", sa.Integer, nullable=False),
        sa.Column("check_at", Instant),
        sa.CheckConstraint("verdict IN ('done', 'not_done', 'in_doubt')", name="verdict"),
    )
    _partial_index("uq_intents_open", "intents", ["request_id", "kind"], "settled_at IS NULL", unique=True)
    _partial_index("ix_intents_due", "intents", ["check_at"], "settled_at IS NULL")


def _request_id(*, primary_key: bool = False, nullable: bool = False, index: bool = False) -> sa.Column[int]:
    return sa.Column(
        "request_id",
        Id,
        sa.ForeignKey("requests.id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=nullable,
        index=index,
    )


def _partial_index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)
