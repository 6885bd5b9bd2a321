"""Whether everything that came in is accounted for: the ledger against the broker's own counts."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final, Literal

from bridge.bus.port import QueueDepth
from bridge.engine.mllp.rendered import HL7V2_DELIVERY
from bridge.ledger import Balance
from bridge.ledger.storage.store import Progress, untold
from bridge.operations.site import Queues, Stores
from bridge.values import dataclass

_LOOKS: Final = 3
_BETWEEN: Final = 0.5
"""Seconds between two looks: the ledger and the broker cannot be read at one moment."""
REJECTED: Final = "rejected"
"""The reason of the dead letter that every rejected request has."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Messages that the ledger knows of and the broker does not have.

    Attributes:
        kind: ``waiting``: told to wait, and neither in a delay queue nor back in the queue;
            ``dead_letters``: rejected, and neither among the dead letters, nor on their way there once more,
            nor discarded.
        count: how many, at least.
    """

    kind: Literal["waiting", "dead_letters"]
    count: int


@dataclass(frozen=True, slots=True)
class Account:
    """One pipeline, as the ledger and the broker have it.

    Attributes:
        balance: of the period that was asked for.
        depth: what the broker holds now.
        discarded: dead letters of rejected requests that jobs discarded. One that is sent again is rejected
            again, as the ledger remembers it, and so comes back.
        missing: found only when the whole time is looked at, because a broker knows no period.
    """

    pipeline: str
    balance: Balance
    depth: QueueDepth
    discarded: int
    missing: Sequence[Missing]

    @property
    def holds(self) -> bool:
        """Whether it adds up."""
        return self.balance.holds and not self.missing

    def as_json(self) -> dict[str, Any]:
        """What ``bridge ledger balance --json`` says of it."""
        return {
            "pipeline": self.pipeline,
            "holds": self.holds,
            "ledger": asdict(self.balance),
            "broker": asdict(self.depth),
            "discarded": self.discarded,
            "missing": [asdict(lost) for lost in self.missing],
        }


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The accounts of several pipelines."""

    accounts: Sequence[Account]

    @property
    def holds(self) -> bool:
        """Whether everything adds up."""
        return all(account.holds for account in self.accounts)

    def as_json(self) -> dict[str, Any]:
        """``{"holds": …, "pipelines": [the account of each]}``: numbers, codes and keys of requests alone."""
        return {"holds": self.holds, "pipelines": [account.as_json() for account in self.accounts]}


async def reconcile(
    stores: Stores,
    queues: Queues,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    progress: Progress = untold,
) -> Reconciliation:
    """Whether every request of these pipelines is accounted for, in the ledger and at the broker.

    Args:
        stores: the ledger and the jobs.
        queues: of the pipelines that are asked about.
        since: only requests received then or later.
        until: only requests received before.
        progress: told now and then how many requests were looked at, of how many where that is known.
    """
    total = await stores.ledger.oversight.size() if since is None and until is None else None
    accounts: list[Account] = []
    looked_at = 0
    for pipeline in queues.by_pipeline:

        def told(count: int, _of: int | None, *, before: int = looked_at) -> None:
            progress(before + count, total)

        account = await _settled(stores, queues, pipeline, since, until, told)
        accounts.append(account)
        looked_at += account.balance.received
    return Reconciliation(accounts)


async def _settled(
    stores: Stores,
    queues: Queues,
    pipeline: str,
    since: datetime | None,
    until: datetime | None,
    progress: Progress,
) -> Account:
    """The account of one pipeline; looked at again when it does not add up, because requests are moving."""
    for look in range(_LOOKS):
        if look:
            await asyncio.sleep(_BETWEEN)
        account = await _account(stores, queues, pipeline, since, until, progress)
        if account.holds:
            break
    return account


async def _account(
    stores: Stores,
    queues: Queues,
    pipeline: str,
    since: datetime | None,
    until: datetime | None,
    progress: Progress,
) -> Account:
    oversight = stores.ledger.oversight
    balance = await oversight.draw_balance(pipeline=pipeline, since=since, until=until, progress=progress)
    if pipeline == HL7V2_DELIVERY:  # what is delivered is told to the peer, and by no event
        odd = [each for each in balance.discrepancies if each.kind != "silent"]
        balance = replace(balance, discrepancies=odd)
    # In a large ledger that took minutes, and some may have ended since.
    waiting = min(balance.waiting, await oversight.count_waiting(pipeline))
    discarded = await stores.dead_letter_jobs.discarded(pipeline, REJECTED)
    depth = await queues.bus.depth(queues.by_pipeline[pipeline])
    whole = since is None and until is None
    missing = _missing(waiting, balance.rejected, depth, discarded) if whole else ()
    return Account(pipeline, balance, depth, discarded, missing)


def _missing(waiting: int, rejected: int, depth: QueueDepth, discarded: int) -> list[Missing]:
    # A message whose wait is over is ready again until somebody takes it. More at the broker than in the
    # ledger is no loss: copies of one request wait for it, and other messages die too.
    short = (
        Missing("waiting", waiting - depth.waiting - depth.ready),
        Missing("dead_letters", rejected - depth.dead - depth.ready - discarded),
    )
    return [one for one in short if one.count > 0]
