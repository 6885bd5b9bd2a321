"""The queues as the broker has them, for the pages that show them."""

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
    found = {}
    for name, queue in queues.by_pipeline.items():
        depth = await queues.bus.depth(queue)
        is_attended = await queues.bus.is_attended(queue)
        found[name] = QueueState(depth.ready, depth.waiting, depth.dead, is_attended)
    return found
