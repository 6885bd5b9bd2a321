"""What we publish by: exchanges on a channel, and another channel where the broker refuses all of one.

When the node that leads a queue is lost, RabbitMQ 3.10 goes on asking that node on behalf of a channel which
has known it, and refuses each message of the channel (``basic.nack``) for as long as the node is away, while
the others have long had a new leader. A channel that is opened then knows the new one.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Final

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import DeliveryError

from bridge.bus.backoff import CALL_TIMEOUT, CONFIRM_TIMEOUT, Backoff, persist
from bridge.bus.rabbit.connection import BrokerLink
from bridge.bus.rabbit.publishing import ConfirmingChannel, Consignment, Parcel
from bridge.observe import record
from bridge.observe.vocabulary.bus import ChannelReplaced

_REFUSALS: Final = 4
"""Of one message, after which it is tried on another channel. A full queue refuses on that one too."""
_AT_MOST_EVERY: Final = 1.0


class Exchanges:
    """The exchanges of a bus.

    Args:
        link: to the broker.
        names: of the exchanges, by ``requests`` and ``events``.
    """

    def __init__(self, link: BrokerLink, names: Mapping[str, str]) -> None:
        self._link = link
        self._names = {**names, "queues": ""}
        self._confirming: ConfirmingChannel | None = None
        self._channel: AbstractChannel | None = None
        self._declaring: AbstractChannel | None = None
        """Declares them again whenever the connection is restored, so it stays."""
        self._replaced_at = 0.0
        self._replacing = asyncio.Lock()

    async def open(self, *, declares: bool) -> None:
        """Have them to publish to; where they are ours to make, make them exist, durably."""
        channel = self._channel or await self._take_channel()
        if declares:
            self._declaring = channel
            for name in filter(None, self._names.values()):
                await channel.declare_exchange(name, ExchangeType.TOPIC, durable=True, timeout=CALL_TIMEOUT)

    async def publish(self, exchange: str, parcels: Sequence[Parcel]) -> Mapping[int, Exception]:
        """Publish messages together, until each is held; on a channel made anew when refused several times.

        Args:
            exchange: ``requests``, ``events``, or ``queues`` for the one that leads to queues by their names.
            parcels: what is published.

        Returns:
            By their number, why those that the broker will never take are not held.

        Raises:
            TypeError, ValueError: one of them cannot be written.
        """
        consignment = Consignment(self._names[exchange], parcels)
        refusals = 0

        async def publish() -> None:
            nonlocal refusals
            assert self._confirming is not None, "opened first"
            try:
                await consignment.put(self._confirming)
            except DeliveryError:
                refusals += 1
                if refusals % _REFUSALS == 0:
                    await self._replace()
                raise

        backoff = Backoff("publish_retrying", exchange=exchange)
        await persist(publish, backoff, faults=(), timeout=CONFIRM_TIMEOUT)
        return consignment.faults

    async def _replace(self) -> None:
        async with self._replacing:
            now = time.monotonic()
            if now - self._replaced_at < _AT_MOST_EVERY:
                return  # another message has had it replaced
            self._replaced_at = now
            left = self._channel
            await self._take_channel()
            record(ChannelReplaced())
            if left is not None and left is not self._declaring:
                await left.close()

    async def _take_channel(self) -> AbstractChannel:
        connection = await self._link.connect()
        channel = connection.channel(publisher_confirms=True, on_return_raises=True)
        await channel.initialize(timeout=CALL_TIMEOUT)
        self._channel = channel
        self._confirming = ConfirmingChannel(channel)
        return channel
