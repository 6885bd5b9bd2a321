"""Data of large events, and documents: left in the vault, given out once the trail says who takes it."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Protocol

from bridge.ledger.audit.trail import Actor, AuditTrail, Entry
from bridge.ledger.vault.vault import ClaimCheck, Deposit, Vault


class ClaimCheckJournal(Protocol):
    """What large events left; see `Journal` for what is raised."""

    async def check_in(
        self, request_key: str, data: bytes, media_type: str, expires_at: datetime
    ) -> ClaimCheck:
        """Keep the data of a large event for its consumers."""

    def deposit(self, request_key: str, expires_at: datetime) -> Deposit:
        """Begin to keep what comes in pieces, for the consumers of an event that will name it."""

    async def check_out(self, claim_id: str, consumer: str) -> tuple[ClaimCheck, AsyncIterator[bytes]]:
        """The data that was left, once it is noted in the audit trail who takes it.

        Raises:
            NotKept: there is none (any more).
            KeyUnknown, SealBroken: it cannot be opened.
            AuditBroken: the opening cannot be noted.
        """


class AuditedClaimChecks:
    """Claim checks in the vault, with the audit trail."""

    def __init__(self, vault: Vault, trail: AuditTrail) -> None:
        self._vault = vault
        self._trail = trail

    async def check_in(
        self, request_key: str, data: bytes, media_type: str, expires_at: datetime
    ) -> ClaimCheck:
        """See `ClaimCheckJournal.check_in`."""
        return await self._vault.check_in(data, media_type, expires_at, request_key=request_key)

    def deposit(self, request_key: str, expires_at: datetime) -> Deposit:
        """See `ClaimCheckJournal.deposit`."""
        return self._vault.deposit(expires_at, request_key=request_key)

    async def check_out(self, claim_id: str, consumer: str) -> tuple[ClaimCheck, AsyncIterator[bytes]]:
        """See `ClaimCheckJournal.check_out`."""
        return await take_claim(self._vault, self._trail, claim_id, facts={"consumer": consumer})


async def take_claim(
    vault: Vault, trail: AuditTrail, claim_id: str, *, actor: Actor | None = None, facts: Mapping[str, str]
) -> tuple[ClaimCheck, AsyncIterator[bytes]]:
    """The data of a large event, or a document, once it is in the audit trail who takes it.

    Raises:
        NotKept, KeyUnknown, SealBroken, AuditBroken: see `ClaimCheckJournal.check_out`.
    """
    check, data = await vault.open_claim(claim_id)
    await trail.record(
        Entry(
            event="claim.opened",
            outcome="completed",
            actor=actor,
            request_key=check.request_key,
            facts={**facts, "data_sha256": check.sha256},
        )
    )
    return check, data
