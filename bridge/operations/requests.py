"""Requests as an operator looks at them: lists, one's history, its record once more, data of large events."""

from collections.abc import Sequence

import orjson

from bridge.areas import GpRecord, map_record
from bridge.engine.journal.claim_checks import take_claim
from bridge.fhir.parsing import Parsed, parse
from bridge.ledger import RequestHistory
from bridge.ledger.audit.trail import Actor, Entry
from bridge.ledger.model import ListedOutcome
from bridge.ledger.storage.durations import THRESHOLDS
from bridge.ledger.storage.listing import MOST, Cursor, RequestFilter, RequestLine, RequestPage
from bridge.ledger.vault.vault import KeptAnswer
from bridge.mapping import Asked, Source
from bridge.operations.errors import OperationRefused
from bridge.operations.site import Stores
from bridge.record.dates import rfc3339
from bridge.spine.interactions import STRUCTURED_RECORD

__all__ = [
    "MOST",
    "THRESHOLDS",
    "Cursor",
    "ListedOutcome",
    "RequestFilter",
    "RequestHistory",
    "RequestLine",
    "RequestPage",
    "SeveralRequests",
    "claimed",
    "find",
    "history",
    "list_requests",
    "remapped",
]


class SeveralRequests(OperationRefused):
    """A reference means more than one request: `lines` are those, the newest first."""

    def __init__(self, lines: Sequence[RequestLine]) -> None:
        keys = "; ".join(sorted(line.request_key for line in lines))
        super().__init__(f"several requests have this id; name one by its key: {keys}")
        self.lines = lines


async def list_requests(
    stores: Stores,
    wanted: RequestFilter,
    *,
    actor: Actor,
    after: Cursor | None = None,
    limit: int = 50,
) -> RequestPage:
    """A page of requests, newest first.

    That those of one patient are looked at is in the audit trail before they are (`requests.listed`).

    Args:
        stores: the ledger, and the audit trail.
        wanted: which requests.
        actor: who looks.
        after: where the page before ended.
        limit: lines of a page, `MOST` at most.
    """
    if wanted.patient_key is not None:
        entry = Entry(
            event="requests.listed", outcome="completed", actor=actor, patient_key=wanted.patient_key
        )
        await stores.trail.record(entry)
    return await stores.ledger.oversight.list_requests(wanted, after=after, limit=min(limit, MOST))


async def find(stores: Stores, reference: str) -> Sequence[RequestLine]:
    """The requests that a reference may mean, newest first, a hundred at most.

    Args:
        stores: the ledger.
        reference: the sender's id of a request, its key (source, a blank, id), its correlation id, or the id
            of an event about it.
    """
    return await stores.ledger.oversight.find(reference)


async def history(stores: Stores, request: str) -> RequestHistory:
    """What the ledger knows of a request; bodies stay sealed.

    Args:
        stores: the ledger.
        request: as `find` takes it.

    Raises:
        SeveralRequests: more than one is meant.
        OperationRefused: none is.
    """
    found = await find(stores, request)
    if len(found) > 1:
        raise SeveralRequests(found)
    line = next(iter(found), None)
    known = await stores.ledger.oversight.request_history(line.request_key) if line else None
    if known is None:
        raise OperationRefused("the ledger does not know this request")
    return known


async def remapped(stores: Stores, request: str, *, actor: Actor, reason: str) -> GpRecord:
    """What the mapper makes now of the last structured record that came in answer to a request.

    Medications and allergies, ended ones included, are taken to have been asked for. The audit trail is told
    first: an opening that cannot be noted does not happen.

    Args:
        stores: the answer is in the vault.
        request: as `history` takes it.
        actor: who has the answer opened.
        reason: why, for the audit trail.

    Raises:
        OperationRefused: there is no such request, or no such answer to it.
    """
    known = await history(stores, request)
    answers = await stores.vault.answers_to(known.request_key)
    if not answers:
        raise OperationRefused("no answer came to this request")
    *_, last = answers
    if last.interaction != STRUCTURED_RECORD.id:
        raise OperationRefused("its answer is no structured record")
    answer = await stores.vault.open_answer(last.sha256)
    await stores.trail.record(
        Entry(
            event="answer.remapped",
            outcome="completed",
            actor=actor,
            patient_key=known.patient_key,
            request_key=known.request_key,
            correlation_id=known.correlation_id,
            practice_ods=answer.practice_ods,
            interaction=answer.interaction,
            facts={"reason": reason, "body_sha256": answer.sha256},
        )
    )
    parsed = _parsed(answer)
    return map_record(parsed.content, asked=Asked(), source=_source(known, answer, parsed))


async def claimed(stores: Stores, claim_id: str, *, actor: Actor, reason: str) -> bytes:
    """What a claim check stands for, by the last part of its address; noted in the audit trail first."""
    _, data = await take_claim(stores.vault, stores.trail, claim_id, actor=actor, facts={"reason": reason})
    return b"".join([part async for part in data])


def _parsed(answer: KeptAnswer) -> Parsed:
    try:
        parsed = parse(answer.body)
    except orjson.JSONDecodeError:
        raise OperationRefused("the stored answer is no FHIR Bundle") from None
    content = parsed.content
    if not isinstance(content, dict) or content.get("resourceType") != "Bundle":
        raise OperationRefused("the stored answer is no FHIR Bundle")
    return parsed


def _source(known: RequestHistory, answer: KeptAnswer, parsed: Parsed) -> Source:
    return Source(
        request_id=known.request_key,
        retrieved_at=rfc3339(answer.received_at),
        body_sha256=answer.sha256,
        holder_ods=answer.practice_ods,
        patient_key=known.patient_key,
        issues=parsed.issues,
        may_hold_modifiers=parsed.may_hold_modifiers,
    )
