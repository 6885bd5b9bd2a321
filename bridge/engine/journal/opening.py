"""Opening the journal: the ledger, the audit trail and the vault of an installation, with their keys."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from bridge.engine.journal import Journal
from bridge.engine.journal.answers import VaultAnswers
from bridge.engine.journal.claim_checks import AuditedClaimChecks
from bridge.engine.journal.requests import AuditedRequests
from bridge.engine.journal.sightings import AuditedAsks
from bridge.engine.journal.unrecorded import unrecorded
from bridge.errors import Misconfigured
from bridge.ledger import Ledger, LedgerUnavailable, open_ledger
from bridge.ledger.audit.trail import AuditTrail
from bridge.ledger.keys import Keys, open_keys
from bridge.ledger.storage.fingerprints import compare, held_by
from bridge.ledger.storage.practice_asks import PracticeAsks
from bridge.ledger.storage.sightings import Sightings
from bridge.ledger.vault.aes_gcm import AesGcmSealer
from bridge.ledger.vault.bases import ChangeBases
from bridge.ledger.vault.vault import Vault
from bridge.observe import record
from bridge.observe.vocabulary.ledger import KeysDiffer, LedgerAway, LedgerDisabled
from bridge.settings import Settings
from bridge.tasks import end

_NOTE_EVERY: Final = 15.0


@asynccontextmanager
async def open_journal(settings: Settings) -> AsyncIterator[Journal]:
    """The journal of these settings, for as long as the block runs.

    Raises:
        Misconfigured: the database or a key ring cannot be used, or a key is not the ledger's.
        LedgerUnavailable: the database cannot be reached now.
    """
    if not settings.ledger.enabled:
        record(LedgerDisabled())
        yield unrecorded()
        return
    keys = open_keys(settings)
    sealer = AesGcmSealer(keys.vault)
    async with open_ledger(settings, sealer) as ledger:
        trail = AuditTrail(ledger.store, keys.audit, sealer)
        await trail.prepare()
        vault = Vault(ledger.store, sealer, keep_answers=timedelta(days=settings.vault.keep_answers_days))
        await _check_keys(ledger, keys, settings)
        noting = asyncio.create_task(_keep_noting(ledger, keys, settings))
        try:
            yield journal_on(ledger, trail, vault)
        finally:
            await end(noting)


def journal_on(ledger: Ledger, trail: AuditTrail, vault: Vault) -> Journal:
    """The journal on a ledger that is open."""
    return Journal(
        requests=AuditedRequests(ledger, trail),
        leases=ledger,
        outbox=ledger,
        side_effects=ledger,
        answers=VaultAnswers(vault),
        claim_checks=AuditedClaimChecks(vault, trail),
        quality=ledger.oversight,
        sightings=Sightings(ledger.store, ledger.worker_id),
        asks=AuditedAsks(PracticeAsks(ledger.store, ledger.sealer), trail),
        bases=ChangeBases(ledger.store, ledger.sealer),
    )


async def _check_keys(ledger: Ledger, keys: Keys, settings: Settings) -> None:
    """Whether these are the keys that the ledger is kept with.

    Raises:
        Misconfigured: with every one that is not.
    """
    held = held_by(keys, settings.patient_key or "")
    problems = await ledger.store.write(lambda connection: compare(connection, held))
    if problems:
        raise Misconfigured(*problems)


async def _keep_noting(ledger: Ledger, keys: Keys, settings: Settings) -> None:
    """Note a key that was rotated in while this worker runs, so that no other starts without it."""
    noted = (keys.vault.ring, keys.audit.ring)
    while True:
        await asyncio.sleep(_NOTE_EVERY)
        found = (keys.vault.ring, keys.audit.ring)
        if found == noted:
            continue
        try:
            await _check_keys(ledger, keys, settings)
            noted = found
        except Misconfigured as fault:
            record(KeysDiffer(fault.problems))
        except LedgerUnavailable as fault:
            record(LedgerAway(fault.reason, "keys"))
