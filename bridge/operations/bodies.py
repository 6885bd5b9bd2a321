"""What is in a request, opened for somebody with a reason, once the audit trail has it (`audited`).

Bodies are events that were published, answers of practices, and dead letters: patient data, all of them.
"""

from collections.abc import Sequence

from bridge.ledger import StoredEvent
from bridge.ledger.audit.trail import Actor, Entry
from bridge.ledger.keys import VaultError
from bridge.ledger.vault.vault import AnswerFacts, KeptAnswer
from bridge.operations import reasons
from bridge.operations.audited import audited, entry_about
from bridge.operations.dead_letters import FoundDeadLetter
from bridge.operations.errors import OperationRefused
from bridge.operations.requests import history
from bridge.operations.site import Stores

__all__ = [
    "AnswerFacts",
    "KeptAnswer",
    "StoredEvent",
    "answers_to",
    "opened_answer",
    "opened_dead_letter",
    "opened_events",
]


async def opened_events(stores: Stores, request: str, *, actor: Actor, reason: str) -> Sequence[StoredEvent]:
    """The events of a request as they were published, as far as they are still kept.

    Args:
        stores: the ledger and the audit trail.
        request: as `bridge.operations.requests.history` takes it.
        actor: who has them opened.
        reason: why.

    Raises:
        ReasonMissing: the reason is blank.
        OperationRefused: there is no such request, or none of its events is kept.
    """
    why = reasons.given(reason)
    known = await history(stores, request)
    async with audited(stores.trail, entry_about(known, "events.opened", actor, {"reason": why})):
        try:
            events = await stores.ledger.stored_events(known.request_key)
        except VaultError as fault:
            raise OperationRefused(f"its events cannot be opened: {fault}") from None
        if not events:
            raise OperationRefused("no event of it is kept, or none was published")
    return events


async def answers_to(stores: Stores, request_key: str) -> Sequence[AnswerFacts]:
    """What is known of the answers of practices to a request; the answers stay sealed."""
    return await stores.vault.answers_to(request_key)


async def opened_answer(
    stores: Stores, request: str, sha256: str, *, actor: Actor, reason: str
) -> KeptAnswer:
    """A practice's answer to a request, as it was received.

    Raises:
        ReasonMissing: the reason is blank.
        OperationRefused: there is no such request, or no such answer to it, or it is not kept any more.
    """
    why = reasons.given(reason)
    known = await history(stores, request)
    if sha256 not in {answer.sha256 for answer in await answers_to(stores, known.request_key)}:
        raise OperationRefused("it is no answer to this request")
    entry = entry_about(known, "answer.opened", actor, {"reason": why, "body_sha256": sha256})
    async with audited(stores.trail, entry):
        try:
            return await stores.vault.open_answer(sha256)
        except VaultError as fault:
            raise OperationRefused(f"the answer cannot be opened: {fault}") from None


async def opened_dead_letter(stores: Stores, found: FoundDeadLetter, *, actor: Actor, reason: str) -> bytes:
    """The body of a dead letter.

    Raises:
        ReasonMissing: the reason is blank.
    """
    facts = {"reason": reasons.given(reason), "letter": found.dead_letter.id, "pipeline": found.pipeline}
    await stores.trail.record(Entry(event="dead.opened", outcome="completed", actor=actor, facts=facts))
    return found.dead_letter.message.body
