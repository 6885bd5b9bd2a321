"""What a test of the bus needs beside the bus: another side that listens, and sees the dead letters."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, cast
from urllib.parse import urlsplit

import aio_pika
import aiormq
import nats
from aio_pika.exceptions import ChannelPreconditionFailed
from aiormq.abc import ChannelFrame
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig
from pamqp import commands as spec
from pamqp.body import ContentBody

from bridge.bus.nats.bus import NatsBus
from bridge.bus.port import Bus, QueueSpec
from bridge.bus.rabbit.bus import RabbitBus
from tests.support.amqp_wire import WrittenHeader

KEY = "record.requested.v1"
TOPIC = "medications.published.v1"


@dataclass
class Seen:
    """A message as the other side sees it."""

    id: str | None
    body: bytes
    headers: Mapping[str, str]
    content_type: str | None = None
    correlation_id: str | None = None


@dataclass
class Inbox:
    """Collects what is published; `take` waits for a number of messages."""

    messages: list[Seen] = field(default_factory=list)
    _more: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def put(self, message: Seen) -> None:
        async with self._more:
            self.messages.append(message)
            self._more.notify_all()

    async def take(self, count: int) -> list[Seen]:
        async with self._more:
            await self._more.wait_for(lambda: len(self.messages) >= count)
        return self.messages


class Site(Protocol):
    """One broker, seen from outside, with names of its own per test."""

    url: str
    prefix: str
    queue: QueueSpec

    def bus(self, url: str | None = None, **options: Any) -> Bus: ...

    async def listen(self, topic: str) -> Inbox:
        """Bind a durable queue to a topic (``#`` for all) and collect what comes."""
        ...

    async def dead(self) -> list[Seen]:
        """The dead letters, oldest first; they stay."""
        ...

    async def put_foreign(self, body: bytes) -> None:
        """A request from a sender that sets no message id and no content type."""
        ...

    async def remove_consumer(self) -> None:
        """Take the consumer away behind the back of the worker."""
        ...

    async def remove_queue(self) -> None:
        """Delete the work queue, and whatever stands in it."""
        ...

    async def remove_delay_queues(self) -> None:
        """Delete the delay queues and the dead-letter queue."""
        ...


class RabbitSite:
    queue_of_epr: Mapping[str, Any] = {}
    """Arguments of the hospital's own queue."""

    def __init__(self, url: str, connection: aio_pika.abc.AbstractConnection, prefix: str) -> None:
        self.url, self._connection, self.prefix = url, connection, prefix
        self.queue = QueueSpec(f"{prefix}.structured_record", (KEY,))

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[Self]:
        connection = await aio_pika.connect_robust(url, reconnect_interval=0.2)
        site = cls(url, connection, f"t{secrets.token_hex(4)}")
        try:
            yield site
        finally:
            await connection.close()

    def bus(self, url: str | None = None, **options: Any) -> Bus:
        return RabbitBus(url or self.url, prefix=self.prefix, **({"delays": (1, 2)} | options))

    async def listen(self, topic: str) -> Inbox:
        inbox = Inbox()
        channel = await self._connection.channel()
        queue = await channel.declare_queue(
            f"{self.prefix}.epr", durable=True, arguments=dict(self.queue_of_epr)
        )
        await queue.bind(f"{self.prefix}.events", topic)

        async def keep(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            await inbox.put(_seen(message))
            await message.ack()

        await queue.consume(keep)
        return inbox

    async def dead(self) -> list[Seen]:
        channel = await self._connection.channel()
        queue = await channel.get_queue(f"{self.queue.name}.dead")
        found = []
        while message := await queue.get(fail=False):
            found.append(_seen(message))
        await channel.close()  # hands them back
        return found

    async def put_foreign(self, body: bytes) -> None:
        await self.put_written(body, headers={"count": ("b", 3), "trusted": ("t", True)})

    async def put_written(
        self, body: bytes, *, exchange: str | None = None, key: str = KEY, **properties: Any
    ) -> None:
        """A message of another client, whose properties are written byte by byte (`WrittenHeader`)."""
        channel = await self._connection.channel()
        link = cast("aiormq.Channel", await channel.get_underlay_channel())
        # Frame by frame: the driver would add a message id.
        frames: list[Any] = [
            spec.Basic.Publish(
                exchange=f"{self.prefix}.requests" if exchange is None else exchange, routing_key=key
            ),
            WrittenHeader(body, **properties),
            ContentBody(body),
        ]
        await link.write_queue.put(ChannelFrame.marshall(channel_number=link.number, frames=frames))
        await channel.close()

    async def remove_consumer(self) -> None:
        while True:
            channel = await self._connection.channel()
            await channel.queue_delete(self.queue.name)
            try:
                # Remade with other arguments: the driver cannot restore its consumer.
                await channel.declare_queue(self.queue.name, durable=True, exclusive=False)
            except ChannelPreconditionFailed:
                continue  # the worker made it again before us, as it was
            await channel.close()
            return

    async def remove_queue(self) -> None:
        channel = await self._connection.channel()
        await channel.queue_delete(self.queue.name)
        await channel.close()

    async def remove_delay_queues(self) -> None:
        channel = await self._connection.channel()
        for name in ("wait.1s", "wait.2s", "dead"):
            await channel.queue_delete(f"{self.queue.name}.{name}")
        await channel.close()


class RabbitClusterSite(RabbitSite):
    """On a cluster a hospital's queue must outlive its node, too: else events are unroutable meanwhile."""

    queue_of_epr: Mapping[str, Any] = {"x-queue-type": "quorum"}


class NatsSite:
    def __init__(self, url: str, client: Client, prefix: str) -> None:
        self.url, self._client, self.prefix = url, client, prefix
        self.queue = QueueSpec(f"{prefix}.structured_record", (KEY,))
        self._stream = self.queue.name.replace(".", "_")

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator["NatsSite"]:
        client = await nats.connect(url, max_reconnect_attempts=-1, reconnect_time_wait=0.1, error_cb=_ignore)
        site = cls(url, client, f"t{secrets.token_hex(4)}")
        try:
            yield site
        finally:
            await client.close()

    @property
    def js(self) -> JetStreamContext:
        """What an administrator works with."""
        return self._client.jetstream()

    def bus(self, url: str | None = None, **options: Any) -> Bus:
        options.pop("delays", None)
        return NatsBus(url or self.url, prefix=self.prefix, **({"ack_wait": 1.5} | options))

    async def listen(self, topic: str) -> Inbox:
        inbox = Inbox()

        async def keep(message: Any) -> None:
            await inbox.put(_seen_on_nats(message))
            await message.ack()

        subject = f"{self.prefix}.events.{topic.replace('#', '>')}"
        # Durable: it must be there still when our own connection was away for a moment.
        await self._client.jetstream().subscribe(subject, durable="epr", cb=keep, manual_ack=True)
        return inbox

    async def dead(self) -> list[Seen]:
        stream = self._client.jetstream()
        name = f"{self._stream}_dead"
        count = (await stream.stream_info(name)).state.messages
        return [_seen_on_nats(await stream.get_msg(name, number)) for number in range(1, count + 1)]

    async def put_foreign(self, body: bytes) -> None:
        headers = {"count": "3", "trusted": "true"}
        await self._client.jetstream().publish(f"{self.prefix}.requests.{KEY}", body, headers=headers)

    async def remove_consumer(self) -> None:
        await self.delete_consumer()
        # Remade otherwise: one that pushes can neither be pulled from nor changed.
        await self.make_consumer(deliver_subject=f"{self.prefix}.elsewhere")

    async def delete_consumer(self, stream: str = "") -> None:
        await self._client.jetstream().delete_consumer(f"{self._stream}{stream}", "worker")

    async def make_consumer(self, **settings: Any) -> None:
        """A consumer of the work queue as an administrator may make it, or may have changed it."""
        config = ConsumerConfig(durable_name="worker", **settings)
        await self._client.jetstream().add_consumer(self._stream, config)

    async def consumer(self) -> ConsumerConfig:
        found: ConsumerConfig = (await self._client.jetstream().consumer_info(self._stream, "worker")).config
        return found

    async def remove_queue(self) -> None:
        await self._client.jetstream().delete_stream(self._stream)

    async def put_written(self, body: bytes, headers: bytes) -> None:
        """A message of another client, whose block of headers is written byte by byte."""
        subject = f"{self.prefix}.requests.{KEY}"
        written = b"HPUB %s %d %d\r\n%s%s\r\n" % (
            *(subject.encode(), len(headers), len(headers) + len(body)),
            *(headers, body),
        )
        reader, writer = await asyncio.open_connection(urlsplit(self.url).hostname, urlsplit(self.url).port)
        writer.write(b'CONNECT {"verbose":false,"headers":true}\r\n' + written + b"PING\r\n")
        while not (await reader.readline()).startswith(b"PONG"):
            pass
        writer.close()
        await writer.wait_closed()

    async def remove_delay_queues(self) -> None:
        for name in ("wait", "dead"):
            await self._client.jetstream().delete_stream(f"{self._stream}_{name}")


async def _ignore(error: Exception) -> None:
    """A broker that a test stops is no news."""


def _seen(message: aio_pika.abc.AbstractIncomingMessage) -> Seen:
    headers = {name: str(value) for name, value in message.headers.items()}
    return Seen(message.message_id, message.body, headers, message.content_type, message.correlation_id)


def _seen_on_nats(message: Any) -> Seen:
    headers: dict[str, str] = message.headers or {}
    return Seen(
        headers.get("x-message-id") or headers.get("Nats-Msg-Id"),
        message.data,
        headers,
        headers.get("content-type"),
        headers.get("x-correlation-id"),
    )


async def until(holds: Callable[[], Any]) -> None:
    """Wait for a condition; the test's own time limit is the bound."""
    while True:
        found = holds()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        await asyncio.sleep(0.02)
