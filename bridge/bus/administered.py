"""Queues that are an administrator's to make (``BRIDGE_BUS_DECLARE=check``).

Then nothing is declared, not even what somebody deletes: all of it is looked at before anything is consumed,
and whatever is wrong is told at once. What has to be there is what would be declared: `Administered.topology`
gives it to the broker's own tools, from the same objects.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Protocol, runtime_checkable

from bridge.bus.access import Access
from bridge.bus.installed import make_bus
from bridge.bus.port import QueueSpec, WorkerBus
from bridge.errors import Misconfigured
from bridge.observe import record
from bridge.observe.vocabulary.bus import TopologyUnchecked
from bridge.settings import Settings
from bridge.values import dataclass

_EMBEDDED: Final = "nats://"
"""What is started where no broker is named."""


@dataclass(frozen=True, slots=True)
class TopologyFound:
    """What was seen of the queues that an administrator made.

    Attributes:
        faults: each names a thing and says what is wrong with it; a worker must not start.
        unchecked: what could not be looked at, and why.
    """

    faults: Sequence[str]
    unchecked: Sequence[str] = ()


@runtime_checkable
class Administered(Protocol):
    """A bus that can leave its queues to an administrator."""

    @property
    def declares(self) -> bool:
        """Whether it makes what it needs, as it does unless it is told otherwise."""

    def leave_declaring(self, settings: Settings) -> None:
        """Declare nothing from now on; to be called before the start.

        Args:
            settings: say where the broker can be asked about what its clients are not told.
        """

    async def look_over(self, queues: Sequence[QueueSpec]) -> TopologyFound:
        """Hold what is there to what these queues need; nothing is made or changed."""

    def topology(self, queues: Sequence[QueueSpec]) -> Mapping[str, object]:
        """What these queues need, as JSON for the broker's own tools; no connection is needed."""


async def have_queues(bus: WorkerBus, queues: Sequence[QueueSpec]) -> None:
    """See to it that these queues are there: declare them, or look whether the administrator did.

    Raises:
        Misconfigured: with everything that is missing, or otherwise than it must be.
    """
    if not isinstance(bus, Administered) or bus.declares:
        await _declare(bus, queues)
        return
    found = await bus.look_over(queues)
    if found.faults:
        raise Misconfigured(*found.faults)
    for unchecked in found.unchecked:
        record(TopologyUnchecked(unchecked))


async def _declare(bus: WorkerBus, queues: Sequence[QueueSpec]) -> None:
    """Declare them side by side: each takes a dozen answers of the broker, which come together then."""
    try:
        async with asyncio.TaskGroup() as group:
            for queue in queues:
                group.create_task(bus.declare(queue))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


def topology(settings: Settings, queues: Sequence[QueueSpec]) -> Mapping[str, object]:
    """What these queues need on the broker of ``BRIDGE_BUS_URL``, of NATS without one; nothing is connected.

    Raises:
        Misconfigured: the bus of that URL does not tell.
    """
    url = settings.bus.url or _EMBEDDED
    access = Access(replicas=settings.bus.replicas)
    bus = make_bus(url, prefix=settings.bus.prefix, on_lost=None, access=access)
    return administered(bus).topology(queues)


def administered(bus: object) -> Administered:
    """The same bus, if its queues can be an administrator's.

    Raises:
        Misconfigured: they cannot.
    """
    if not isinstance(bus, Administered):
        raise Misconfigured("BRIDGE_BUS_URL: this bus cannot leave its queues to an administrator")
    return bus
