"""The queues of one pipeline on RabbitMQ: work, delays, dead letters; their names, and how they are made."""

import math
from collections.abc import Sequence

from aio_pika.abc import AbstractChannel
from pamqp.commands import Queue
from pamqp.common import FieldValue

from bridge.bus.backoff import CALL_TIMEOUT
from bridge.bus.numbers import whole
from bridge.bus.port import QueueSpec

DELAYS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
"""Of the delay queues, seconds. A longer wait passes through the last one several times."""
_DELIVERY_LIMIT = 20
"""Fuse against a message that no worker gets to begin with; lost connections count too, so it must not be
small, and what it makes a dead letter is looked after (`bridge.bus.rabbit.parked_by_broker`). Who kills its
worker while it is worked on is ended by the engine, after ten starts that were lost."""
_LONGEST_TTL = 2**32 // 1000


class Topology:
    """Which queues belong to a work queue.

    Args:
        prefix: first part of the names of the exchanges that requests and events come by.
        delays: of the delay queues, in whole seconds, ascending.

    Raises:
        Misconfigured: a delay is none that the broker takes.
    """

    def __init__(self, prefix: str, delays: Sequence[int]) -> None:
        self._requests = f"{prefix}.requests"
        self._events = f"{prefix}.events"
        self._delays = tuple(whole("delays", delay, most=_LONGEST_TTL) for delay in delays)

    def delay_queue(self, queue: QueueSpec, seconds: float) -> str:
        """The queue in which a message waits for so long, or for as long as any."""
        wanted = math.ceil(seconds)
        return _delay_queue(queue, next((one for one in self._delays if one >= wanted), self._delays[-1]))

    def delay_queues(self, queue: QueueSpec) -> list[str]:
        """All of them."""
        return [_delay_queue(queue, delay) for delay in self._delays]

    async def declare(self, channel: AbstractChannel, queue: QueueSpec) -> None:
        """Make all that belongs to the queue exist, durably.

        Raises:
            ChannelPreconditionFailed: a queue of that name exists with other arguments.
        """
        await channel.declare_queue(queue.dead_letters, durable=True, arguments={"x-queue-type": "quorum"})
        arguments = _passing_on(queue.dead_letters) | {"x-delivery-limit": _DELIVERY_LIMIT}
        if queue.in_order:
            # What the one that has it leaves goes back to the head, before another gets anything.
            arguments["x-single-active-consumer"] = True
        work = await channel.declare_queue(queue.name, durable=True, arguments=arguments)
        for delay in self._delays:
            # One delay per queue: only the head of a queue expires.
            arguments = _passing_on(queue.name) | {"x-message-ttl": delay * 1000}
            await channel.declare_queue(_delay_queue(queue, delay), durable=True, arguments=arguments)
        for key in queue.keys:
            await work.bind(self._requests, key)
        for topic in queue.topics:
            await work.bind(self._events, topic)


async def look(channel: AbstractChannel, queue: str) -> Queue.DeclareOk:
    """What the broker counts in the queue of that name.

    Raises:
        ChannelNotFoundEntity: there is none.
    """
    return (await channel.declare_queue(queue, passive=True, timeout=CALL_TIMEOUT)).declaration_result


async def count(channel: AbstractChannel, queue: str) -> int:
    """How many messages of that queue are in nobody's hand."""
    return (await look(channel, queue)).message_count or 0


def _passing_on(target: str) -> dict[str, FieldValue]:
    """A quorum queue whose expired and rejected messages reach `target` at least once."""
    return {
        "x-queue-type": "quorum",
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": target,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def _delay_queue(queue: QueueSpec, delay: int) -> str:
    return f"{queue.name}.wait.{delay}s"
