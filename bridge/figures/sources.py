"""Where the figures come from that nobody counts: the broker, the ledger, and the worker itself."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from bridge.bus.port import QueueDepth, QueueInspection, QueueSpec
from bridge.credentials.tls import CertificateFact
from bridge.ledger import Unfinished
from bridge.spine.bulkhead import BulkheadFacts
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class Sources:
    """What a running worker can be asked.

    Attributes:
        bus: the broker.
        queues: that the worker takes from, by pipeline.
        ready: by name, whether the ledger and its audit trail can be used.
        count_unfinished: in the ledger; None when nothing is written down.
        bulkheads: around what is called.
        certificates: that are in use.
        clock_skew: seconds that our clock is ahead; None when nobody knows.
        retries_stopped: whether retries of a pipeline are.
    """

    bus: QueueInspection
    queues: Mapping[str, QueueSpec]
    ready: Callable[[], Awaitable[Mapping[str, bool]]]
    count_unfinished: Callable[[], Awaitable[Unfinished | None]]
    bulkheads: Callable[[], Sequence[BulkheadFacts]]
    certificates: Callable[[], Sequence[CertificateFact]]
    clock_skew: Callable[[], float | None]
    retries_stopped: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class BusSeen:
    """The broker, as it answered.

    Attributes:
        attended: by pipeline, whether somebody takes from its queue.
        depths: by pipeline; one whose queues are not as they should be is missing.
    """

    attended: Mapping[str, bool]
    depths: Mapping[str, QueueDepth]


@dataclass(frozen=True, slots=True)
class LedgerSeen:
    """The ledger, as it answered; `unfinished` is None where nothing is written down."""

    is_up: bool
    is_trail_sound: bool
    unfinished: Unfinished | None


async def look_at_bus(bus: QueueInspection, queues: Mapping[str, QueueSpec]) -> BusSeen:
    """Ask the broker about each queue, about all at the same time.

    Raises:
        Exception: of the driver: the broker does not answer.
    """
    asked = (bus.is_attended(queue) for queue in queues.values())
    counted = (bus.depth(queue) for queue in queues.values())
    # A queue that was deleted is one that nobody attends; only its depth cannot be told.
    attended, depths = await asyncio.gather(
        asyncio.gather(*asked), asyncio.gather(*counted, return_exceptions=True)
    )
    told = zip(queues, depths, strict=True)
    return BusSeen(
        attended=dict(zip(queues, attended, strict=True)),
        depths={name: depth for name, depth in told if isinstance(depth, QueueDepth)},
    )


async def look_at_ledger(sources: Sources) -> LedgerSeen:
    """Ask the ledger.

    Raises:
        LedgerUnavailable: it went away in between.
    """
    ready = await sources.ready()
    unfinished = await sources.count_unfinished() if ready["ledger"] else None
    return LedgerSeen(ready["ledger"], ready["audit"], unfinished)
