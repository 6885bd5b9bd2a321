"""Exchanges, queues and bindings that an administrator makes, held to what is needed.

What they must be is what would be declared (`bridge.bus.rabbit.topology`). AMQP tells a client that a thing
exists and no more, unless it declares it; arguments, types and bindings are told by the management API alone.

There may be hundreds of queues, and brokers that are far away: each question waits for the broker by itself.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Final

from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ChannelNotFoundEntity

from bridge.bus.administered import TopologyFound
from bridge.bus.port import QueueSpec
from bridge.bus.rabbit.management import TROUBLE, Management, management, why
from bridge.bus.rabbit.topology import EXCHANGE, MadeBinding, MadeQueue, Topology, look, look_for_exchange
from bridge.settings import Settings

OpenChannel = Callable[[], AbstractAsyncContextManager[AbstractChannel]]
Persist = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]
_UNCHECKED: Final = "arguments of queues, types of exchanges and bindings are not checked"
_LOSING: Final = ("x-expires", "x-message-ttl", "x-max-length", "x-max-length-bytes")
"""Arguments by which a queue drops what is in it; the lengths only while it does not refuse instead."""


async def look_over(
    topology: Topology,
    queues: Sequence[QueueSpec],
    open_channel: OpenChannel,
    settings: Settings | None,
    *,
    persist: Persist,
) -> TopologyFound:
    """What is wrong with the exchanges, queues and bindings of these queues.

    Args:
        topology: what they must be.
        queues: that are to be worked on.
        open_channel: gives a channel that the broker may close.
        settings: say where the management API is; without it no more is looked at than AMQP tells.
        persist: makes one question until the broker answers.
    """
    asking = _Questions(open_channel, persist)
    try:
        faults = [fault async for fault in _missing(topology, queues, asking)]
    finally:
        await persist(asking.leave_channel)
    if settings is None or settings.bus.management_url is None:
        return TopologyFound(faults, [f"{_UNCHECKED}: BRIDGE_BUS_MANAGEMENT_URL is not set"])
    try:
        async with management(settings) as asked:
            faults += [fault async for fault in _otherwise(topology, queues, asked)]
    except TROUBLE as fault:
        return TopologyFound(faults, [f"{_UNCHECKED}: {why(fault)}"])
    return TopologyFound(faults)


class _Questions:
    """Asks whether things exist, on one channel until the broker closes it, as it does when one does not."""

    def __init__(self, open_channel: OpenChannel, persist: Persist) -> None:
        self._open_channel = open_channel
        self._persist = persist
        self._opened = AsyncExitStack()
        self._channel: AbstractChannel | None = None

    async def exists(self, look_for: Callable[[AbstractChannel, str], Awaitable[object]], name: str) -> bool:
        """Whether the broker has what `look_for` looks for by that name."""
        exists = True

        async def ask() -> None:
            nonlocal exists
            if self._channel is None:
                self._channel = await self._opened.enter_async_context(self._open_channel())
            try:
                await look_for(self._channel, name)
            except ChannelNotFoundEntity:
                exists = False
                await self.leave_channel()
            except BaseException:  # a link that broke, or no answer in time
                await self.leave_channel()
                raise

        await self._persist(ask)
        return exists

    async def leave_channel(self) -> None:
        """Close the channel that is open, if any."""
        self._channel = None
        await self._opened.aclose()


async def _missing(topology: Topology, queues: Sequence[QueueSpec], asking: _Questions) -> AsyncIterator[str]:
    for name in topology.exchanges.values():
        if not await asking.exists(look_for_exchange, name):
            yield f"exchange {name}: does not exist"
    for made in (each for queue in queues for each in topology.queues(queue)):
        if not await asking.exists(look, made.name):
            yield f"queue {made.name}: does not exist"


async def _otherwise(
    topology: Topology, queues: Sequence[QueueSpec], asked: Management
) -> AsyncIterator[str]:
    bound: set[MadeBinding] = set()
    for name in topology.exchanges.values():
        bindings = await asked.bindings_of(name)
        bound |= {MadeBinding(name, each["destination"], each["routing_key"]) for each in bindings}
        if exchange := await asked.one("exchanges", name):
            for fault in _differences(exchange, EXCHANGE):
                yield f"exchange {name}: {fault}"
    known = {each["name"]: each async for each in asked.queues_of(topology.prefix)}
    for made in (each for queue in queues for each in topology.queues(queue)):
        if found := known.get(made.name):
            for fault in _of_queue(found, made):
                yield f"queue {made.name}: {fault}"
    for needed in (each for queue in queues for each in topology.bindings(queue)):
        if needed not in bound:
            yield f"queue {needed.queue}: is not bound to exchange {needed.exchange} by key {needed.key}"


def _of_queue(found: Mapping[str, Any], made: MadeQueue) -> Iterator[str]:
    # What a policy says holds as well as an argument, under the same name without its mark.
    policy = found.get("effective_policy_definition") or {}
    has = {f"x-{name}": value for name, value in policy.items()} | (found.get("arguments") or {})
    has["x-queue-type"] = found.get("type", "classic")
    if not found.get("durable"):
        yield "is not durable"
    yield from _differences(has, made.arguments)
    refuses = str(has.get("x-overflow", "")).startswith("reject-publish")
    for name in _LOSING:
        if name in has and name not in made.arguments and not (refuses and name.startswith("x-max-length")):
            yield f"{name} is {has[name]}, by which it drops messages: take it away"


def _differences(found: Mapping[str, Any], needed: Mapping[str, Any]) -> Iterator[str]:
    for name, must in needed.items():
        if found.get(name) != must:
            yield f"{name} is {_written(found.get(name))}, must be {_written(must)}"


def _written(value: object) -> str:
    if value is None:
        return "not set"
    return str(value).lower() if isinstance(value, bool) else str(value) or '""'
