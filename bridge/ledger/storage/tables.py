"""The tables of requests and what belongs to them.

What may hold patient data is sealed: messages, bodies of events, payloads and results of intents. The other
columns hold ids, codes, counts and times.
"""

from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)

from bridge.ledger.storage.dialects import Stated, WordsByDialect, partial_index
from bridge.ledger.storage.durations import index_slow
from bridge.ledger.storage.metadata import Id, Instant, metadata


def _state_is_one_of(first: str, second: str, third: str) -> WordsByDialect:
    """In a list; on SQLite two to a list.

    Of three SQLite makes a table whenever a row is added or changed, for each index that has such a
    condition. PostgreSQL makes none; told in two parts, it took another index, and one page of requests took
    thirty times as long among a million.
    """
    return {
        # In brackets, because statements join it to others.
        "sqlite": f"(state IN ('{first}', '{second}') OR state = '{third}')",
        "postgresql": f"state IN ('{first}', '{second}', '{third}')",
    }


_OPEN = _state_is_one_of("in_flight", "waiting", "in_doubt")
_IN_LINE = "turn_key IS NOT NULL AND state IN ('in_flight', 'waiting')"
_UNSUCCESSFUL = _state_is_one_of("failed", "rejected", "in_doubt")
_RETRIED = "waits > 0"
_IS_DEAD = "dead_letter IS NOT NULL AND state IN ('completed', 'failed')"

IS_OPEN: Final = Stated(_OPEN)
"""For statements about open requests: SQLite uses their index only where its very condition stands."""
IS_UNSUCCESSFUL: Final = Stated(_UNSUCCESSFUL)
"""The same for those that ended without success."""
IS_RETRIED: Final = text(_RETRIED)
"""The same for those that needed more than one try, or are to have another."""
IS_DEAD: Final = text(_IS_DEAD)
"""The same for those whose message became a dead letter, though its sender was not at fault."""


requests = Table(
    "requests",
    metadata,
    Column("id", Id, primary_key=True),
    Column("request_key", Text, nullable=False, unique=True),
    Column("pipeline", Text, nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("body_sha256", Text, nullable=False),
    Column("patient_key", Text),
    Column("requester_id", Text),
    Column("requester_role", Text),
    Column("requester_organisation", Text),
    Column("received_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("state", Text, nullable=False),
    Column("code", Text),
    Column("ended_at", Instant),
    # The last start. `starts` is its lease's fencing token; `lease_until` is None when nobody works on it.
    Column("starts", Integer, nullable=False),
    Column("worker", Text, nullable=False),
    Column("lease_until", Instant),
    Column("started_at", Instant, nullable=False),
    # The wait for a retry, and the bus's own count of the delivery that was told to wait. Of a request in
    # doubt `wait_until` is its next check.
    Column("waits", Integer, nullable=False),
    Column("wait_until", Instant),
    Column("waited_delivery", Integer),
    Column("turn_key", Text),
    # For lists, and for groups by cause. Rows from before version 0008 have none of these.
    Column("own_id", Text),
    Column("operation", Text),
    Column("asked_at", Instant),
    Column("practice_ods", Text),
    Column("stage", Text),
    Column("upstream", Text),
    Column("detail", Text),
    Column("dead_letter", Text),
    CheckConstraint(
        "state IN ('in_flight', 'waiting', 'completed', 'failed', 'rejected', 'in_doubt')", name="state"
    ),
    Index("ix_requests_received_at", "received_at"),
    Index("ix_requests_ended_at", "ended_at"),
    partial_index("ix_requests_open", _OPEN, "state"),
    partial_index("ix_requests_turn", _IN_LINE, "turn_key"),
)

# One for each question that a list of requests answers, newest first. `bridge.ledger.storage.indexes` makes
# them. No page of a list then costs more in a large ledger than in a small one.
Index("ix_requests_own_id", requests.c.own_id)
Index("ix_requests_correlation", requests.c.correlation_id, requests.c.received_at)
Index("ix_requests_pipeline", requests.c.pipeline, requests.c.received_at)
partial_index("ix_requests_operation", "operation IS NOT NULL", requests.c.operation, requests.c.received_at)
partial_index("ix_requests_retried", _RETRIED, requests.c.waits, requests.c.received_at)
partial_index(
    "ix_requests_patient", "patient_key IS NOT NULL", requests.c.patient_key, requests.c.received_at
)
partial_index(
    "ix_requests_practice", "practice_ods IS NOT NULL", requests.c.practice_ods, requests.c.received_at
)
partial_index("ix_requests_code", "code IS NOT NULL", requests.c.code, requests.c.received_at)
partial_index("ix_requests_unsuccessful", _UNSUCCESSFUL, requests.c.state, requests.c.received_at)
# They are few, so these cost little; that a pipeline, an operation or a practice has none, or none of a code,
# is seen at once.
partial_index(
    "ix_requests_pipeline_code",
    "code IS NOT NULL",
    *(requests.c.pipeline, requests.c.code, requests.c.received_at),
)
partial_index(
    "ix_requests_operation_code",
    "code IS NOT NULL",
    *(requests.c.operation, requests.c.code, requests.c.received_at),
)
partial_index(
    "ix_requests_practice_code",
    "code IS NOT NULL",
    *(requests.c.practice_ods, requests.c.code, requests.c.received_at),
)
partial_index(
    "ix_requests_unsuccessful_pipeline",
    _UNSUCCESSFUL,
    *(requests.c.pipeline, requests.c.state, requests.c.received_at),
)
partial_index(
    "ix_requests_unsuccessful_operation",
    _UNSUCCESSFUL,
    *(requests.c.operation, requests.c.state, requests.c.received_at),
)
partial_index(
    "ix_requests_unsuccessful_practice",
    _UNSUCCESSFUL,
    *(requests.c.practice_ods, requests.c.state, requests.c.received_at),
)
partial_index("ix_requests_dead", _IS_DEAD, requests.c.received_at)
index_slow(requests)

messages = Table(  # what was asked: of requests in doubt, to check; of reads that failed, to ask again
    "messages",
    metadata,
    Column("request_id", Id, ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

attempts = Table(  # starts that did not end the request; the one that did stands in `requests`
    "attempts",
    metadata,
    Column("request_id", Id, ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True),
    Column("start", Integer, primary_key=True),  # the lease's token
    Column("worker", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant, nullable=False),  # of one that was lost: when that was noticed
    Column("outcome", Text, nullable=False),  # `waiting`, `in_doubt`, or `lost`
    Column("code", Text),
    sqlite_with_rowid=False,
)

calls = Table(
    "calls",
    metadata,
    Column("request_id", Id, ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True),
    Column("start", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("what", Text, nullable=False),
    Column("where", Text, nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("status", Integer),
    Column("code", Text),
    Column("started_at", Instant, nullable=False),
    Column("duration_ms", Float, nullable=False),
    sqlite_with_rowid=False,
)

_UNPUBLISHED = "published_at IS NULL"
events = Table(
    "events",
    metadata,
    Column("request_id", Id, ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("start", Integer, nullable=False),
    Column("number", Integer, nullable=False),  # order of publication within a start
    Column("topic", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("published_at", Instant),
    partial_index("ix_events_unpublished", _UNPUBLISHED, "request_id"),
    Index("ix_events_event_id", "event_id"),
    sqlite_with_rowid=False,
)

event_bodies = Table(  # apart from `events`, so that marking one as published does not rewrite its body
    "event_bodies",
    metadata,
    Column("request_id", Id, ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    # When the request ended, for all its events: on PostgreSQL a part holds those of a month. The default is
    # of rows from before version 0014, and of workers that are older.
    Column("ended_at", Instant, nullable=False, server_default=text("'2000-01-01 00:00:00.000000'")),
)

_UNSETTLED = "settled_at IS NULL"
intents = Table(
    "intents",
    metadata,
    Column("id", Id, primary_key=True),
    Column("request_id", Id, ForeignKey("requests.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("start", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("settle_key", Text, nullable=False),
    Column("payload", LargeBinary),  # sealed, as the result is; None once pruned
    Column("result", LargeBinary),
    Column("created_at", Instant, nullable=False),
    Column("verdict", Text),
    Column("settled_at", Instant),
    CheckConstraint("verdict IN ('done', 'not_done', 'refused', 'not_sent')", name="verdict"),
    partial_index("uq_intents_open", _UNSETTLED, "request_id", "kind", unique=True),
)
