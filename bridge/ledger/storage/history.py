"""Everything the ledger knows about one request, for an operator. Bodies stay sealed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from bridge.ledger.model import IntentVerdict, RecordedCall, RequesterFacts, State
from bridge.ledger.storage.tables import attempts, calls, events, intents, requests
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class Attempt:
    """One start: by which worker, and how it ended (a `State`, or ``lost``: in a crash, or given back)."""

    start: int
    worker: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    code: str | None
    calls: Sequence[RecordedCall]


@dataclass(frozen=True, slots=True)
class KnownIntent:
    """What is known of a side effect."""

    kind: str
    settle_key: str
    created_at: datetime
    verdict: IntentVerdict | None
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class KnownEvent:
    """An event of the request; `size` in bytes."""

    id: str
    topic: str
    size: int
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class RequestHistory:
    """One request from its arrival to its end; what led there as in `bridge.ledger.model.Circumstances`.

    `wait_until`: its retry, or behind another; of one in doubt its next check, None: a person must find out.
    """

    request_key: str
    pipeline: str
    correlation_id: str
    body_sha256: str
    patient_key: str | None
    requester: RequesterFacts | None
    received_at: datetime
    expires_at: datetime | None
    operation: str | None
    practice_ods: str | None
    asked_at: datetime | None
    state: State
    code: str | None
    stage: str | None
    upstream: str | None
    detail: str | None
    dead_letter: str | None
    ended_at: datetime | None
    wait_until: datetime | None
    lease_until: datetime | None
    attempts: Sequence[Attempt]
    intents: Sequence[KnownIntent]
    events: Sequence[KnownEvent]


def request_history(connection: Connection, key: str) -> RequestHistory | None:
    """The history of a request, or None when the ledger has never seen it, or has forgotten it."""
    row = connection.execute(select(requests).where(requests.c.request_key == key)).one_or_none()
    if row is None:
        return None
    requester = None
    if row.requester_id is not None:
        requester = RequesterFacts(row.requester_id, row.requester_role, row.requester_organisation)
    return RequestHistory(
        request_key=row.request_key,
        pipeline=row.pipeline,
        correlation_id=row.correlation_id,
        body_sha256=row.body_sha256,
        patient_key=row.patient_key,
        requester=requester,
        received_at=row.received_at,
        expires_at=row.expires_at,
        operation=row.operation,
        practice_ods=row.practice_ods,
        asked_at=row.asked_at,
        state=row.state,
        code=row.code,
        stage=row.stage,
        upstream=row.upstream,
        detail=row.detail,
        dead_letter=row.dead_letter,
        ended_at=row.ended_at,
        wait_until=row.wait_until,
        lease_until=row.lease_until,
        attempts=_attempts(connection, row),
        intents=_intents(connection, row.id),
        events=_events(connection, row.id),
    )


def _attempts(connection: Connection, request: Row[*tuple[Any, ...]]) -> list[Attempt]:
    made: dict[int, list[RecordedCall]] = {}
    ordered = select(calls).where(calls.c.request_id == request.id).order_by(calls.c.start, calls.c.number)
    for row in connection.execute(ordered):
        call = RecordedCall(
            row.what, row.where, row.trace_id, row.status, row.started_at, row.duration_ms, row.code
        )
        made.setdefault(row.start, []).append(call)
    ended: Select[Any] = select(attempts).where(attempts.c.request_id == request.id)
    found = [
        Attempt(
            row.start,
            row.worker,
            row.started_at,
            row.ended_at,
            row.outcome,
            row.code,
            made.get(row.start, []),
        )
        for row in connection.execute(ended.order_by(attempts.c.start))
    ]
    if request.lease_until is not None or request.state not in ("waiting", "in_flight"):
        running = request.lease_until is not None
        found.append(
            Attempt(
                request.starts,
                request.worker,
                request.started_at,
                None if running else request.ended_at,
                None if running else request.state,
                None if running else request.code,
                made.get(request.starts, []),
            )
        )
    return found


def _intents(connection: Connection, request: int) -> list[KnownIntent]:
    ordered = select(intents).where(intents.c.request_id == request).order_by(intents.c.id)
    return [
        KnownIntent(row.kind, row.settle_key, row.created_at, row.verdict, row.settled_at)
        for row in connection.execute(ordered)
    ]


def _events(connection: Connection, request: int) -> list[KnownEvent]:
    ordered = select(events).where(events.c.request_id == request).order_by(events.c.start, events.c.number)
    return [
        KnownEvent(row.event_id, row.topic, row.size, row.published_at) for row in connection.execute(ordered)
    ]
