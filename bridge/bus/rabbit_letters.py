"""Dead letters on RabbitMQ: fetched without acknowledging, handed back when the channel closes."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from aio_pika import IncomingMessage, Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from bridge.bus import marks
from bridge.bus.letters import UNKNOWN, letter_of
from bridge.bus.port import DeadLetter, QueueSpec
from bridge.bus.rabbit_messages import copied, delivery

RENEWED_AT = 10
"""Hand-backs after which a letter is replaced by a fresh copy: by default RabbitMQ 4 drops a message that was
handed back 20 times, and a dead letter has nowhere else to go."""
_CALL_TIMEOUT = 15.0

Put = Callable[[str, Message], Awaitable[None]]
"""Publishes a message to the queue of that name, confirmed."""


class _Parked:
    """A letter that is fetched and not acknowledged."""

    def __init__(self, message: IncomingMessage, queue: QueueSpec, put: Put) -> None:
        self._message, self._queue, self._put = message, queue, put
        self.letter: DeadLetter = _letter(message)

    async def send_again(self, job: str) -> None:
        """Put a copy of it back to work."""
        copy = copied(self._message, self.letter.message, marks.for_replay(self.letter.message, job=job))
        for name in marks.OF_A_TRY:
            copy.headers.pop(name, None)
        await self._put(self._queue.name, copy)

    async def remove(self) -> None:
        """Acknowledge it."""
        await self._message.ack()

    @property
    def is_held(self) -> bool:
        """Whether the broker waits to hear what becomes of it."""
        return not self._message.processed

    @property
    def is_worn(self) -> bool:
        """Whether it was handed back so often that the broker may drop it."""
        handed_back = self._message.headers.get("x-delivery-count", 0)
        return isinstance(handed_back, int) and handed_back >= RENEWED_AT

    async def renew(self) -> None:
        """Put a fresh copy in its place."""
        own = {marks.ERROR_REASON: self.letter.reason, marks.ORIGINAL_KEY: self.letter.message.key}
        if self.letter.dead_at is not None:
            own[marks.DEAD_AT] = self.letter.dead_at.isoformat(timespec="seconds")
        await self._put(f"{self._queue.name}.dead", copied(self._message, self.letter.message, own))
        await self.remove()

    async def hand_back_up_to_here(self) -> None:
        """Hand back this letter and every one that was fetched before it and is held."""
        await self._message.nack(multiple=True, requeue=True)


async def letters_in(channel: AbstractChannel, queue: QueueSpec, put: Put) -> AsyncGenerator[_Parked, None]:
    """Each letter of the queue, oldest first; all that were not removed are handed back at the end."""
    source = await channel.get_queue(f"{queue.name}.dead", ensure=False)
    renewed: set[str] = set()
    held: _Parked | None = None
    try:
        while message := await source.get(fail=False, timeout=_CALL_TIMEOUT):
            assert isinstance(message, IncomingMessage)
            before, held = held, _Parked(message, queue, put)
            if held.letter.id not in renewed:
                yield held
                if held.is_held and held.is_worn:
                    await held.renew()
                    renewed.add(held.letter.id)
            if not held.is_held:
                held = before
    finally:
        # Said aloud, because what merely falls back when a channel closes is away for a moment longer.
        if held is not None and held.is_held:
            await held.hand_back_up_to_here()


def _letter(message: AbstractIncomingMessage) -> DeadLetter:
    parked = _broker_trail(message)
    taken = delivery(message)
    if marks.ORIGINAL_KEY in taken.headers or not parked:
        return letter_of(taken)
    # The broker moved it itself: it was handed over too often, or somebody rejected it.
    [key, *_] = parked.get("routing-keys") or [message.routing_key or ""]
    time = parked.get("time")
    return letter_of(
        delivery(message, key=str(key)),
        reason=str(parked.get("reason", UNKNOWN)),
        dead_at=time.astimezone(UTC) if isinstance(time, datetime) else None,
    )


def _broker_trail(message: AbstractIncomingMessage) -> dict[str, Any]:
    trail = message.headers.get("x-death")
    first = trail[0] if isinstance(trail, list) and trail else None
    return first if isinstance(first, dict) else {}
