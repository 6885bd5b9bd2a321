"""The queues of one pipeline on RabbitMQ: work, delays, dead letters; their names, and how they are made."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

from aio_pika.abc import AbstractChannel
from pamqp.commands import Queue
from pamqp.common import FieldValue

from bridge.addresses import each_address
from bridge.bus.backoff import CALL_TIMEOUT
from bridge.bus.numbers import whole
from bridge.bus.port import QueueSpec
from bridge.values import dataclass

DELAYS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
"""Of the delay queues, seconds. A longer wait passes through the last one several times."""
_DELIVERY_LIMIT = 20
"""Fuse against a message that no worker gets to begin with; lost connections count too, so it must not be
small, and what it makes a dead letter is looked after (`bridge.bus.rabbit.parked_by_broker`). Who kills its
worker while it is worked on is ended by the engine, after ten starts that were lost."""
_LONGEST_TTL = 2**32 // 1000
_QUEUE: Final[dict[str, object]] = {"durable": True, "auto_delete": False}
EXCHANGE: Final[dict[str, object]] = _QUEUE | {"type": "topic", "internal": False}
"""What both exchanges are."""


@dataclass(frozen=True, slots=True)
class MadeQueue:
    """A queue as it is made: durable, and with these arguments."""

    name: str
    arguments: Mapping[str, FieldValue]


@dataclass(frozen=True, slots=True)
class MadeBinding:
    """What is published to an exchange by this key comes to this queue."""

    exchange: str
    queue: str
    key: str


class Topology:
    """Which exchanges, queues and bindings belong to a work queue: what is declared, checked and printed.

    Args:
        prefix: first part of the names of the exchanges that requests and events come by.
        delays: of the delay queues, in whole seconds, ascending.

    Attributes:
        prefix: as given.
        exchanges: the two of the prefix, durable topic exchanges, by what comes by them.

    Raises:
        Misconfigured: a delay is none that the broker takes.
    """

    def __init__(self, prefix: str, delays: Sequence[int]) -> None:
        self.prefix: Final = prefix
        self.exchanges: Final = {kind: f"{prefix}.{kind}" for kind in ("requests", "events")}
        self._delays = tuple(whole("delays", delay, most=_LONGEST_TTL) for delay in delays)

    def delay_queue(self, queue: QueueSpec, seconds: float) -> str:
        """The queue in which a message waits for so long, or for as long as any."""
        wanted = math.ceil(seconds)
        return _delay_queue(queue, next((one for one in self._delays if one >= wanted), self._delays[-1]))

    def delay_queues(self, queue: QueueSpec) -> list[str]:
        """All of them."""
        return [_delay_queue(queue, delay) for delay in self._delays]

    def queues(self, queue: QueueSpec) -> Iterator[MadeQueue]:
        """All that belong to the work queue, in the order in which they are made."""
        yield MadeQueue(queue.dead_letters, {"x-queue-type": "quorum"})
        arguments = _passing_on(queue.dead_letters) | {"x-delivery-limit": _DELIVERY_LIMIT}
        if queue.in_order:
            # What the one that has it leaves goes back to the head, before another gets anything.
            arguments["x-single-active-consumer"] = True
        yield MadeQueue(queue.name, arguments)
        for delay in self._delays:
            # One delay per queue: only the head of a queue expires.
            arguments = _passing_on(queue.name) | {"x-message-ttl": delay * 1000}
            yield MadeQueue(_delay_queue(queue, delay), arguments)

    def bindings(self, queue: QueueSpec) -> Iterator[MadeBinding]:
        """All that lead to the work queue."""
        for kind, keys in (("requests", queue.keys), ("events", queue.topics)):
            for key in keys:
                yield MadeBinding(self.exchanges[kind], queue.name, key)

    async def declare(self, channel: AbstractChannel, queue: QueueSpec) -> None:
        """Make all that belongs to the queue exist, durably.

        Raises:
            ChannelPreconditionFailed: a queue of that name exists with other arguments.
        """
        made = {
            each.name: await channel.declare_queue(each.name, durable=True, arguments=dict(each.arguments))
            for each in self.queues(queue)
        }
        for binding in self.bindings(queue):
            await made[binding.queue].bind(binding.exchange, binding.key)

    def definitions(self, queues: Iterable[QueueSpec], virtual_host: str) -> dict[str, object]:
        """All of it as the definitions that RabbitMQ's own tools import; users and policies are not ours."""
        host: dict[str, object] = {"vhost": virtual_host}
        queues = list(queues)
        return {
            "exchanges": [
                host | EXCHANGE | {"name": name, "arguments": {}} for name in self.exchanges.values()
            ],
            "queues": [
                host | _QUEUE | {"name": each.name, "arguments": dict(each.arguments)}
                for queue in queues
                for each in self.queues(queue)
            ],
            "bindings": [
                host
                | {
                    "source": each.exchange,
                    "destination": each.queue,
                    "destination_type": "queue",
                    "routing_key": each.key,
                    "arguments": {},
                }
                for queue in queues
                for each in self.bindings(queue)
            ],
        }


async def look(channel: AbstractChannel, queue: str) -> Queue.DeclareOk:
    """What the broker counts in the queue of that name.

    Raises:
        ChannelNotFoundEntity: there is none.
    """
    # Not by the driver's own call: it remembers the queue, and asks again for all it remembers whenever the
    # broker closes the channel.
    underlay = await channel.get_underlay_channel()
    return await underlay.queue_declare(queue, passive=True, timeout=CALL_TIMEOUT)


async def look_for_exchange(channel: AbstractChannel, exchange: str) -> None:
    """See that there is an exchange of that name.

    Raises:
        ChannelNotFoundEntity: there is none.
    """
    underlay = await channel.get_underlay_channel()
    await underlay.exchange_declare(exchange, passive=True, timeout=CALL_TIMEOUT)


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


def virtual_host(url: str) -> str:
    """Of an address of the broker."""
    return unquote(urlsplit(each_address(url, "BRIDGE_BUS_URL")[0]).path[1:]) or "/"
