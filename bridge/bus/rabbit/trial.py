"""One connection to RabbitMQ, and whether its user has the rights that a worker needs: each tried once.

A worker that lacks one goes on waiting for it. Only here is it known which right a step needs: what the
broker says names the thing, at most.
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from secrets import token_hex
from typing import Final

from aio_pika import ExchangeType, Message
from aio_pika.abc import AbstractConnection
from aiormq.exceptions import ChannelAccessRefused, ChannelNotFoundEntity

from bridge.bus.access import Access
from bridge.bus.rabbit.connection import connect_apart
from bridge.bus.rabbit.nodes import Nodes
from bridge.errors import NoConnection

_REFUSED: Final = re.compile(r"access to (\w+) '([^']*)' in vhost '.*' refused for user '([^']*)'")


async def try_once(
    url: str, prefix: str | None, nodes: Nodes, access: Access, *, declares: bool = True
) -> None:
    """Connect to one of them and close; with a prefix, use each right that a worker needs on what has it.

    Args:
        url: of the broker.
        prefix: first part of every name.
        nodes: its addresses.
        access: what the settings say beside the URL.
        declares: whether it makes exchanges and queues itself, and needs the right to.

    Raises:
        NoConnection: ``no_rights``, with the first right that the user lacks.
        Exception: the driver's own, of whatever keeps it from connecting.
    """
    async with await connect_apart(url, nodes, access) as connection:
        if prefix is not None and declares:
            await _try_rights(connection, prefix)
        elif prefix is not None:
            await _try_rights_to_publish(connection, prefix)


async def _try_rights(connection: AbstractConnection, prefix: str) -> None:
    """What a worker does on RabbitMQ: declare, bind, read, put into the delay queues, publish events.

    The two exchanges are declared, as at every start; the queue is this connection's own and goes with it.
    """
    probe = f"{prefix}.doctor.{token_hex(4)}"
    channel = await connection.channel()
    async with _needing({"exchange": "configure"}):
        requests, events = [
            await channel.declare_exchange(f"{prefix}.{name}", ExchangeType.TOPIC, durable=True)
            for name in ("requests", "events")
        ]
    async with _needing({"queue": "configure"}):
        queue = await channel.declare_queue(probe, exclusive=True, auto_delete=True)
    async with _needing({"queue": "write to", "exchange": "read from"}):
        await queue.bind(requests, probe)
    async with _needing({"queue": "read from"}):
        await queue.get(fail=False)
    async with _needing({"exchange": "write to"}):
        # Delay queues and dead letters are reached by the default exchange.
        await channel.default_exchange.publish(Message(b""), probe)
        # To take away a binding that is not there needs the right to publish, and publishes nothing.
        await events.unbind(requests, probe)


async def _try_rights_to_publish(connection: AbstractConnection, prefix: str) -> None:
    """What can be tried where an administrator makes the queues.

    Not tried is to read: whoever reads from a queue has what is in it. What does not exist is told elsewhere.
    """
    probe = f"{prefix}.doctor.{token_hex(4)}"
    channel = await connection.channel(on_return_raises=False)
    requests, events = [
        await channel.get_exchange(f"{prefix}.{name}", ensure=False) for name in ("requests", "events")
    ]
    async with _needing({"exchange": "write to"}):
        await channel.default_exchange.publish(Message(b""), probe)
        with suppress(ChannelNotFoundEntity):
            try:
                await events.unbind(requests, probe)
            except ChannelAccessRefused as refusal:
                if events.name in str(refusal):
                    raise  # else it is the right to read requests, which is for whoever binds


@asynccontextmanager
async def _needing(rights: Mapping[str, str]) -> AsyncIterator[None]:
    """Say which right is missing when the broker refuses what runs inside, by the kind of thing it names."""
    try:
        yield
    except ChannelAccessRefused as refusal:
        kind, name, user = found.groups() if (found := _REFUSED.search(str(refusal))) else ("", "", "")
        right = rights.get(kind, "configure, write to or read from")
        raise NoConnection("no_rights", f"user {user!r} may not {right} the {kind} {name!r}") from None
