"""Whether the user of a broker has the rights that a worker needs, each tried once, and nothing left behind.

A worker that lacks one goes on waiting for it. Only here is it known which right a step needs: what a broker
says names the thing, at most.
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from secrets import token_hex
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from bridge.errors import NoConnection

if TYPE_CHECKING:  # a driver takes a good part of a second to load: the one that is used, and when it is
    from aio_pika.abc import AbstractConnection
    from nats.aio.client import Client

_REFUSED: Final = re.compile(r"access to (\w+) '([^']*)' in vhost '.*' refused for user '([^']*)'")
_VIOLATION: Final = re.compile(
    r"permissions violation for (publish|subscription) to \"([^\"]*)\"", re.IGNORECASE
)


async def try_rabbit(connection: "AbstractConnection", prefix: str) -> None:
    """What a worker does on RabbitMQ: declare, bind, read, put into the waiting rooms, publish events.

    The two exchanges are declared, as at every start; the queue is this connection's own and goes with it.

    Raises:
        NoConnection: ``no_rights``, with the first right that the user lacks.
    """
    from aio_pika import ExchangeType, Message  # noqa: PLC0415 - see above

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
        # Waiting rooms and dead letters are reached by the default exchange.
        await channel.default_exchange.publish(Message(b""), probe)
        # To take away a binding that is not there needs the right to publish, and publishes nothing.
        await events.unbind(requests, probe)


async def try_nats(client: "Client", prefix: str, faults: list[Exception], url: str) -> None:
    """What a worker does on NATS: ask for streams and consumers, make them, pull, acknowledge, hear answers.

    Each subject is one of a stream that does not exist, with nothing in the message. Not tried is to publish
    an event: whoever listens would get it.

    Args:
        client: connected.
        prefix: first part of every name.
        faults: where the client's callback puts what the server objects to.
        url: names the user.

    Raises:
        NoConnection: ``no_rights``, with the first right that the user lacks.
    """
    from bridge.bus.nats.client import answered  # noqa: PLC0415 - see above

    stream = f"{prefix}_doctor"
    inbox = client.new_inbox()
    subjects = (
        f"$JS.API.STREAM.INFO.{stream}",
        f"$JS.API.STREAM.CREATE.{stream}",
        f"$JS.API.CONSUMER.CREATE.{stream}.worker",
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.worker",
        f"$JS.ACK.{stream}.worker",
    )
    await client.subscribe(inbox)
    for subject in subjects:
        await client.publish(subject)
    await answered(client)  # in order: its objections come before that
    for fault in faults:
        if found := _VIOLATION.search(str(fault)):
            # The driver tells the subject in lower case, which is another subject.
            subject = next(
                (name for name in (*subjects, inbox) if name.lower() == found[2].lower()), found[2]
            )
            does = "publish" if found[1].lower() == "publish" else "subscribe"
            name = urlsplit(url).username if urlsplit(url).password else None  # else it is a token
            who = f"user {name!r}" if name else "the user"
            raise NoConnection("no_rights", f"{who} may not {does} to {subject!r}")


@asynccontextmanager
async def _needing(rights: Mapping[str, str]) -> AsyncIterator[None]:
    """Say which right is missing when the broker refuses what runs inside, by the kind of thing it names."""
    from aiormq.exceptions import ChannelAccessRefused  # noqa: PLC0415 - see above

    try:
        yield
    except ChannelAccessRefused as refusal:
        kind, name, user = found.groups() if (found := _REFUSED.search(str(refusal))) else ("", "", "")
        right = rights.get(kind, "configure, write to or read from")
        raise NoConnection("no_rights", f"user {user!r} may not {right} the {kind} {name!r}") from None
