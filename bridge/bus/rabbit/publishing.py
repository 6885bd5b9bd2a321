"""Messages on their way onto a channel, in one write, until the broker holds each of them or never will.

The driver publishes one message at a time: with a write, a lock, two time limits and two futures that it
keeps in four places. That was a tenth of what a request costs. Here all messages that go out together are
one write, and each has one future. The rest is still the driver's: it reads what the broker says of our
messages, and finds whom to tell in ``confirmations`` of its channel, as of messages that it published itself.

So nobody else publishes on these channels, or the broker's count of messages would not be ours.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from struct import Struct
from typing import Any, Final, NamedTuple

from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ChannelInvalidStateError, ChannelPreconditionFailed, PublishError
from aiormq import Channel
from aiormq.abc import ChannelFrame, ConfirmationFrameType
from pamqp.commands import Basic
from pamqp.constants import FRAME_BODY, FRAME_END_CHAR, FRAME_HEADER
from pamqp.frame import marshal

_LARGE: Final = 64 * 1024
"""Bytes of bodies: more are written one by one, or all of them would be in memory twice for that time."""

_FRAME: Final = Struct(">BHI")
"""Kind, channel and length of what follows."""
_HEADER: Final = Struct(">HxxQ")
"""Class of what is sent, and length of its body."""
_OF_BASIC: Final = Basic.frame_id

_Confirmation = asyncio.Future[ConfirmationFrameType | None]


class Parcel(NamedTuple):
    """A message, and the routing key that it goes by.

    Attributes:
        properties: as they are written: which of them there are, and their values.
    """

    key: str
    id: str
    body: bytes
    properties: bytes


class _Written(NamedTuple):
    """One that was written.

    Attributes:
        waiting: all that somebody waits for on the channel.
        tag: its number there, which the broker counts too.
        size: bytes of its body.
    """

    channel: Channel
    waiting: "dict[int, _Written]"
    tag: int
    id: str
    size: int
    confirmation: _Confirmation

    def forget(self) -> None:
        """Nobody waits for it any more, whatever the broker says of it."""
        self.waiting.pop(self.tag, None)
        named = self.channel.message_id_delivery_tag
        if named.get(self.id) == self.tag:
            del named[self.id]
        if not self.confirmation.cancel() and not self.confirmation.cancelled():
            self.confirmation.exception()  # read, or it would be told of as one that nobody saw


class Consignment:
    """Messages that go out together, each until the broker holds it or never will.

    Args:
        exchange: by its name.
        parcels: in the order in which they are written.
    """

    def __init__(self, exchange: str, parcels: Sequence[Parcel]) -> None:
        self._exchange = exchange
        self._left = dict(enumerate(parcels))
        self.faults: dict[int, Exception] = {}
        """By their number, of those that the broker never takes: no queue is bound, or they are too large."""

    async def put(self, channel: "ConfirmingChannel") -> None:
        """Publish what is left, confirmed; to be called again after whatever waiting cures.

        Raises:
            TypeError, ValueError: a message cannot be written.
            Exception: of the driver, for the first message that has to be published again.
        """
        numbers = [*self._left]
        sent = await channel.write(self._exchange, [*self._left.values()])
        failed: Exception | None = None
        try:
            for number, each in zip(numbers, sent, strict=True):
                try:
                    await each.confirmation
                except (PublishError, ChannelPreconditionFailed) as fault:
                    self.faults[number] = fault
                except Exception as error:  # noqa: BLE001 - whatever it is, the others may have come through
                    failed = failed or error
                    continue
                del self._left[number]
        finally:
            for each in sent:
                each.forget()
        if failed is not None:
            raise failed


class ConfirmingChannel:
    """What the driver does to publish on a channel and to have it confirmed, for several messages in one go.

    Args:
        channel: which the driver opens anew with its connection; nobody else publishes on it.
    """

    def __init__(self, channel: AbstractChannel) -> None:
        self._lasting = channel
        self._channel: Channel | None = None
        self._waiting: dict[int, _Written] = {}

    async def write(self, exchange: str, parcels: Sequence[Parcel]) -> Sequence[_Written]:
        """Write messages, in this order; each is to be forgotten by whoever waits for it.

        Raises:
            ChannelInvalidStateError: the channel is closed; it may be there again soon.
            TypeError, ValueError: a message cannot be written.
        """
        channel = self._channel
        if channel is None or channel.is_closed:
            channel = await self._open()
        are_large = sum(len(parcel.body) for parcel in parcels) > _LARGE
        sent: list[_Written] = []
        try:
            for written in zip(parcels) if are_large else (parcels,):
                payload = b"".join(
                    [frames(channel.number, channel.max_content_size, exchange, parcel) for parcel in written]
                )
                # While the link takes no more, whoever writes next waits for that future. Here nobody does.
                drained = channel.loop.create_future()
                await channel.write_queue.put(ChannelFrame(payload, should_close=False, drain_future=drained))
                # From there to the count nothing waits, so that both are in one order.
                sent += [_count(channel, self._waiting, parcel) for parcel in written]
        except BaseException:
            for each in sent:
                each.forget()
            raise
        return sent

    async def _open(self) -> Channel:
        if self._lasting.is_closed:
            raise ChannelInvalidStateError("closed")
        channel = await self._lasting.get_underlay_channel()
        assert isinstance(channel, Channel)
        if channel is not self._channel:
            self._channel, self._waiting = channel, {}
            channel.closing.add_done_callback(partial(_closed, self._waiting))
        return channel


def _count(channel: Channel, waiting: dict[int, _Written], parcel: Parcel) -> _Written:
    if channel.is_closed:
        raise ChannelInvalidStateError("closed while the link took no more")
    channel.delivery_tag += 1
    tag = channel.delivery_tag
    confirmation: _Confirmation = channel.loop.create_future()
    channel.confirmations[tag] = confirmation
    channel.message_id_delivery_tag[parcel.id] = tag
    written = _Written(channel, waiting, tag, parcel.id, len(parcel.body), confirmation)
    waiting[tag] = written
    return written


def _closed(waiting: Mapping[int, _Written], closing: asyncio.Future[Any]) -> None:
    """Nothing is confirmed on this channel any more.

    Where the broker closed it for a message that is too large, it does not say which. The largest is; the
    others are published again.
    """
    why = None if closing.cancelled() else closing.exception()
    gone = ChannelInvalidStateError("closed") if not isinstance(why, Exception) else why
    unconfirmed = [each for each in waiting.values() if not each.confirmation.done()]
    largest = max((each.size for each in unconfirmed), default=0)
    for each in unconfirmed:
        is_other = isinstance(gone, ChannelPreconditionFailed) and each.size < largest
        each.confirmation.set_exception(ChannelInvalidStateError("closed") if is_other else gone)


def frames(number: int, most: int, exchange: str, parcel: Parcel) -> bytes:
    """A message as it is written: what is to be done with it, its properties, and its body in parts.

    Args:
        number: of the channel.
        most: bytes of the body in one frame.
        exchange: by its name.
        parcel: the message.
    """
    body = memoryview(parcel.body)  # whose parts are no copies
    header = _HEADER.pack(_OF_BASIC, len(body)) + parcel.properties
    parts: list[tuple[int, bytes | memoryview]] = [(FRAME_HEADER, header)]
    parts += [(FRAME_BODY, body[start : start + most]) for start in range(0, len(body), most)]
    pieces: list[bytes | memoryview] = [_method(exchange, parcel.key, number)]
    for kind, content in parts:
        pieces += (_FRAME.pack(kind, number, len(content)), content, FRAME_END_CHAR)
    return b"".join(pieces)


@lru_cache(maxsize=1024)
def _method(exchange: str, key: str, number: int) -> bytes:
    """To be returned when no queue is bound. There are few keys, and each comes again and again."""
    return marshal(Basic.Publish(exchange=exchange, routing_key=key, mandatory=True), number)
