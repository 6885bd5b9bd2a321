"""Deleting what has been kept for long enough, once the audit trail says so."""

from datetime import UTC, datetime, timedelta

from bridge.ledger.audit.trail import Actor, Entry
from bridge.ledger.storage.store import Progress, untold
from bridge.operations import reasons
from bridge.operations.site import Stores
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class Erased:
    """How many were deleted.

    Attributes:
        answers: bodies of practices' answers.
        claims: data of large events.
        facts: what was still known of answers and claims without their bodies.
        messages: of requests that failed, which can be asked again no more.
        bodies: of requests that stay without them.
        requests: forgotten.
        bases: what patients' next answers were to be compared with.
        partitions: dropped, with all bodies in them, which are not counted above.
    """

    answers: int
    claims: int
    facts: int
    messages: int
    bodies: int
    requests: int
    bases: int
    partitions: int


async def prune(stores: Stores, *, actor: Actor, progress: Progress = untold) -> Erased:
    """Delete what is older than the settings let it be kept, for good.

    What is open, in doubt or still owes events is kept, and the audit trail always: it notes first what is
    erased, and by whom.

    Args:
        stores: all that is kept.
        actor: who erases.
        progress: told now and then how many requests were dealt with.
    """
    now = datetime.now(UTC)
    facts_before = now - timedelta(days=stores.settings.ledger.keep_metadata_days)
    await stores.trail.note_forgotten(actor, facts_before)
    of_vault = await stores.vault.prune(now, facts_before=facts_before)
    bases = await stores.bases.prune(now)
    of_ledger = await stores.ledger.oversight.prune(now, progress=progress)
    return Erased(
        answers=of_vault.answers,
        claims=of_vault.claims,
        facts=of_vault.metadata,
        messages=of_ledger.messages,
        bodies=of_ledger.bodies,
        requests=of_ledger.requests,
        bases=bases,
        partitions=of_vault.partitions + of_ledger.partitions,
    )


async def erase_base(stores: Stores, patient_key: str, *, actor: Actor, reason: str) -> bool:
    """Delete what the next answer about a patient would be compared with; that one is told whole then.

    Who erases it, and why, is noted in the audit trail, in the same transaction.

    Args:
        stores: all that is kept.
        patient_key: whose.
        actor: who erases.
        reason: why.

    Returns:
        whether there was anything.

    Raises:
        ReasonMissing: the reason is blank.
    """
    entry = Entry(
        event="change_base.erased",
        outcome="completed",
        actor=actor,
        patient_key=patient_key,
        facts={"reason": reasons.given(reason)},
    )
    return await stores.bases.erase(patient_key, also=stores.trail.step(entry))
