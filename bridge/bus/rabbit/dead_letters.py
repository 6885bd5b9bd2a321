"""Dead letters on RabbitMQ: fetched without acknowledging, handed back when the channel closes."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from datetime import UTC, datetime

from aio_pika import IncomingMessage, Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from bridge.bus import control_headers
from bridge.bus.dead_letters import UNKNOWN, dead_letter_of
from bridge.bus.port import DeadLetter, QueueSpec
from bridge.bus.rabbit.messages import copied, delivery, marks_of_a_copy, trail

RENEWED_AT = 10
"""Hand-backs after which a letter is replaced by a fresh copy: by default RabbitMQ 4 drops a message that was
handed back 20 times, and a dead letter has nowhere else to go."""
_CALL_TIMEOUT = 15.0

Put = Callable[[str, Message], Awaitable[None]]
"""Publishes a message to the queue of that name, confirmed."""


class RabbitParked:
    """A letter that is fetched and not acknowledged.

    Attributes:
        letter: what it is.
        by_broker: whether the broker moved it here itself, so that nobody was told of it.
    """

    def __init__(self, message: IncomingMessage, queue: QueueSpec, put: Put) -> None:
        self._message, self._queue, self._put = message, queue, put
        moves = trail(message)
        # What the bus parks has no trail: its copies start one anew.
        is_moved = bool(moves) and moves[0].get("queue") == queue.name
        self.letter: DeadLetter = _left_by_broker(message, queue) if is_moved else _letter(message)
        self.by_broker = is_moved or control_headers.UNTOLD in self.letter.message.headers

    async def send_again(self, job: str) -> None:
        """Put a copy of it back to work."""
        await self.put(self._queue.name, control_headers.for_replay(self.letter.message, job=job))

    async def put(self, queue: str, changes: Mapping[str, str]) -> None:
        """Put a copy of it, with these marks, into the queue of that name; the letter stays."""
        await self._put(queue, copied(self._message, self.letter.message, changes))

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
        own = {
            control_headers.ERROR_REASON: self.letter.reason,
            control_headers.ORIGINAL_KEY: self.letter.message.key,
        }
        if self.by_broker:
            own[control_headers.UNTOLD] = "true"
        if self.letter.dead_at is not None:
            own[control_headers.DEAD_AT] = self.letter.dead_at.isoformat(timespec="seconds")
        await self.put(f"{self._queue.name}.dead", control_headers.all_of(self.letter.message.headers) | own)
        await self.remove()

    async def hand_back_up_to_here(self) -> None:
        """Hand back this letter and every one that was fetched before it and is held."""
        await self._message.nack(multiple=True, requeue=True)


async def letters_in(
    channel: AbstractChannel, queue: QueueSpec, put: Put
) -> AsyncGenerator[RabbitParked, None]:
    """Each letter of the queue, oldest first; all that were not removed are handed back at the end."""
    source = await channel.get_queue(f"{queue.name}.dead", ensure=False)
    renewed: set[str] = set()
    held: RabbitParked | None = None
    try:
        while message := await source.get(fail=False, timeout=_CALL_TIMEOUT):
            assert isinstance(message, IncomingMessage)
            before, held = held, RabbitParked(message, queue, put)
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
    moves = trail(message)
    if not moves:
        return dead_letter_of(delivery(message, trusted=control_headers.ALL))
    # Out of a queue that is none of ours: a sender's, or a tool's.
    return dead_letter_of(
        delivery(message), reason=str(moves[0].get("reason", UNKNOWN)), dead_at=_moved_at(moves[0])
    )


def _left_by_broker(message: AbstractIncomingMessage, queue: QueueSpec) -> DeadLetter:
    """It was handed over too often, it expired, or somebody rejected it."""
    last, *before = trail(message)
    [key, *_] = last.get("routing-keys") or [message.routing_key or ""]
    trusted = marks_of_a_copy(last.get("exchange"), before, queue.name) - control_headers.OF_A_LETTER
    return dead_letter_of(
        delivery(message, trusted=trusted, key=str(key)),
        reason=str(last.get("reason", UNKNOWN)),
        dead_at=_moved_at(last),
    )


def _moved_at(move: Mapping[str, object]) -> datetime | None:
    time = move.get("time")
    return time.astimezone(UTC) if isinstance(time, datetime) else None
