"""Key rings of the installation: other keys for a ledger that has been kept with some."""

from bridge.ledger.audit.trail import Actor, Entry
from bridge.ledger.storage.fingerprints import forgetting
from bridge.operations import reasons
from bridge.operations.site import Stores


async def adopt(stores: Stores, *, actor: Actor, reason: str) -> None:
    """Let the ledger be kept with the keys of the next worker that starts.

    What the old keys sealed stays closed without them. Who adopts them, and why, is noted in the audit trail,
    in the same transaction.

    Raises:
        ReasonMissing: the reason is blank.
    """
    facts = {"reason": reasons.given(reason)}
    entry = Entry(event="keys.adopted", outcome="completed", actor=actor, facts=facts)
    await stores.ledger.store.write(forgetting(also=stores.trail.step(entry)))
