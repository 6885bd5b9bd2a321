"""Requests in doubt: nobody knows what was done for them, until the practice or a person says."""

from collections.abc import Sequence

from bridge.ledger import RequestHistory
from bridge.ledger.audit.trail import Actor
from bridge.operations import reasons
from bridge.operations.audited import entry_about
from bridge.operations.errors import OperationRefused
from bridge.operations.requests import history
from bridge.operations.site import Stores

_NOT_IN_DOUBT = "the request is not in doubt, or is being checked at this moment"


async def in_doubt(stores: Stores) -> Sequence[RequestHistory]:
    """Every request in doubt; one without `wait_until` is checked no more: a person must find out."""
    return [await history(stores, key) for key in await stores.ledger.oversight.keys_in_doubt()]


async def check(stores: Stores, request: str, *, actor: Actor) -> None:
    """Have a request in doubt checked next by a running worker, also one that was given up.

    Args:
        stores: the ledger and the audit trail.
        request: as `history` takes it.
        actor: who wants it.

    Raises:
        OperationRefused: there is no such request, or it is not in doubt.
    """
    known = await history(stores, request)
    also = stores.trail.step(entry_about(known, "doubt.check_asked", actor, {}))
    if not await stores.ledger.oversight.check_soon(known.request_key, also=also):
        raise OperationRefused(_NOT_IN_DOUBT)


async def close(stores: Stores, request: str, *, actor: Actor, reason: str) -> None:
    """Note that a person has found out what was done, and told whoever asked; nothing is published.

    The request stays in doubt in the ledger, is checked no more, and is a discrepancy no longer.

    Args:
        stores: the ledger and the audit trail.
        request: as `history` takes it.
        actor: who found out.
        reason: what, and how: no patient data.

    Raises:
        ReasonMissing: the reason is blank.
        OperationRefused: there is no such request, or it is not in doubt.
    """
    why = reasons.given(reason)
    known = await history(stores, request)
    also = stores.trail.step(entry_about(known, "doubt.closed", actor, {"reason": why}))
    if not await stores.ledger.oversight.close(known.request_key, also=also):
        raise OperationRefused(_NOT_IN_DOUBT)
