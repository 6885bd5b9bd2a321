"""The queues as the broker has them, for the pages that show them."""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from bridge.operations.site import Queues


class QueueState(NamedTuple):
    """A queue: how much is where, and whether a worker takes from it."""

    ready: int
    waiting: int
    dead: int
    is_attended: bool


async def queue_states(queues: Queues) -> Mapping[str, QueueState]:
    """Every queue by the name of its pipeline."""
    # All at the same time: where nobody takes from a queue, a broker looks more than once before it says so.
    seen = await asyncio.gather(*(_state(queues, name) for name in queues.by_pipeline))
    return dict(zip(queues.by_pipeline, seen, strict=True))


async def _state(queues: Queues, name: str) -> QueueState:
    bus, queue = queues.bus, queues.by_pipeline[name]
    depth, is_attended = await asyncio.gather(bus.depth(queue), bus.is_attended(queue))
    return QueueState(depth.ready, depth.waiting, depth.dead, is_attended)
