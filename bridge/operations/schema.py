"""Bringing the ledger to the schema of this version, by a role that may, before workers that may not."""

from collections.abc import Sequence

from bridge.ledger import condition
from bridge.settings import Settings


async def upgrade(settings: Settings) -> Sequence[str]:
    """Run what migrations are lacking; their numbers, oldest first.

    Raises:
        Misconfigured: the database cannot be used, or a newer version made it.
        LedgerUnavailable: it cannot be reached now.
    """
    return await condition.upgrade(settings)
