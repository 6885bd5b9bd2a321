"""Requests as a ledger, its trail and its vault have them, written there by hand: no worker runs."""

import hashlib
from datetime import UTC, datetime

from bridge.ledger import EndState, FollowUp, NewBase, Opening, Started, StoredEvent, request_key
from bridge.ledger.audit.trail import Entry
from bridge.ledger.vault.vault import KeptAnswer
from bridge.operations.site import Stores
from bridge.spine.interactions import STRUCTURED_RECORD
from tests.support.operators import PIPELINE

PATIENT_KEY = "0123456789abcdef0123456789abcdef"


def opening(request_id: str, *, received_at: datetime | None = None, source: str = "/epr") -> Opening:
    return Opening(
        request_key(source, request_id),
        PIPELINE,
        correlation_id=f"c-{request_id}",
        body_sha256="ab" * 32,
        received_at=received_at or datetime.now(UTC),
        patient_key=PATIENT_KEY,
    )


async def end(
    stores: Stores, opened: Opening, state: EndState, *, publish: bool = True, base: NewBase | None = None
) -> None:
    claim = await stores.ledger.begin(opened)
    assert isinstance(claim, Started)
    event = StoredEvent(f"e-{opened.request_key}", f"request.{state}.v1", b"{}")
    recorded = stores.trail.step(
        Entry(event="record.requested.v1", outcome=state, request_key=opened.request_key)
    )
    await stores.ledger.finish(
        claim.lease,
        state=state,
        code=None,
        events=[event],
        follow_up=FollowUp(base=base) if base else None,
        also=recorded,
    )
    if publish:
        await stores.ledger.published(opened.request_key, [event.id])


def answer(key: str, body: bytes, *, received_at: datetime | None = None) -> KeptAnswer:
    return KeptAnswer(
        sha256=hashlib.sha256(body).hexdigest(),
        received_at=received_at or datetime.now(UTC),
        request_key=key,
        interaction=STRUCTURED_RECORD.id,
        practice_ods="A12345",
        trace_id="t-1",
        body=body,
    )
