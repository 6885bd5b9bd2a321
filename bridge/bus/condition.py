"""How a broker stands to what the bus needs of it, as far as the broker tells."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Protocol, runtime_checkable

from bridge.bus.port import QueueSpec
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class BusCondition:
    """What was found.

    Attributes:
        losing: names of queues or streams, and the limits by which each drops messages without a word.
        ahead: seconds by which our clock is ahead of the broker's; None when it does not tell its time.
        alone: names of streams of which a cluster has one copy: with its server they are gone.
        full: names of queues or streams that take nothing more, and the limit that each has come to.
        damaged: names of streams of which the broker could not read all that it had stored.
    """

    losing: Mapping[str, Sequence[str]]
    ahead: float | None
    alone: Sequence[str] = ()
    full: Mapping[str, str] = field(default_factory=dict)
    damaged: Sequence[str] = ()


@runtime_checkable
class TellsCondition(Protocol):
    """A bus whose broker can be asked."""

    async def condition(self, queues: Sequence[QueueSpec]) -> BusCondition:
        """Look at these queues and at the events; what does not exist yet is passed over."""
