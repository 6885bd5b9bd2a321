"""What the next answer about a patient is compared with: read here, replaced where a request ends."""

from typing import Protocol

from bridge.ledger.vault.bases import KeptBase


class BaseJournal(Protocol):
    """What is kept to tell changes by. The vault's own step."""

    async def last(self, patient_key: str) -> KeptBase:
        """What is kept of a patient."""
