"""Dead letters on RabbitMQ: fetched without acknowledging, handed back when the channel closes."""

from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime

from aio_pika import IncomingMessage
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from bridge.bus import control_headers
from bridge.bus.backoff import CALL_TIMEOUT
from bridge.bus.dead_letters import UNKNOWN, dead_letter_of
from bridge.bus.port import DeadLetter, QueueSpec
from bridge.bus.rabbit.messages import PutMessage, copied, delivery, trail, trusted_headers

RENEWED_AT = 10
"""Hand-backs after which a dead letter is replaced by a fresh copy: by default RabbitMQ 4 drops a message
that was handed back 20 times, and a dead letter has nowhere else to go."""


class RabbitHeldDeadLetter:
    """A dead letter that is fetched and not acknowledged.

    Attributes:
        dead_letter: what it is.
        by_broker: whether the broker moved it here itself, so that nobody was told of it.
    """

    def __init__(self, message: IncomingMessage, queue: QueueSpec, put: PutMessage) -> None:
        self._message, self._queue, self._put = message, queue, put
        moves = trail(message)
        # What the bus put there has no trail: its copies start one anew.
        is_moved = bool(moves) and moves[0].get("queue") == queue.name
        self.dead_letter: DeadLetter = _left_by_broker(message, queue) if is_moved else _dead_letter(message)
        self.by_broker = is_moved or control_headers.UNTOLD in self.dead_letter.message.headers

    async def send_again(self, job: str) -> None:
        """Put a copy of it back to work."""
        await self.copy_to(self._queue.name, control_headers.for_replay(self.dead_letter.message, job=job))

    async def copy_to(self, queue: str, changes: Mapping[str, str]) -> None:
        """Put a copy with these control headers into the queue of that name; the dead letter stays."""
        await self._put(queue, copied(self._message, self.dead_letter.message, changes))

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
            control_headers.ERROR_REASON: self.dead_letter.reason,
            control_headers.ORIGINAL_KEY: self.dead_letter.message.key,
        }
        if self.by_broker:
            own[control_headers.UNTOLD] = "true"
        if self.dead_letter.dead_at is not None:
            own[control_headers.DEAD_AT] = self.dead_letter.dead_at.isoformat(timespec="seconds")
        await self.copy_to(
            self._queue.dead_letters, control_headers.all_of(self.dead_letter.message.headers) | own
        )
        await self.remove()

    async def hand_back_up_to_here(self) -> None:
        """Hand back this dead letter and every one that was fetched before it and is held."""
        await self._message.nack(multiple=True, requeue=True)


async def dead_letters_in(
    channel: AbstractChannel, queue: QueueSpec, put: PutMessage
) -> AsyncGenerator[RabbitHeldDeadLetter, None]:
    """Each dead letter of the queue, oldest first; all that were not removed are handed back at the end."""
    source = await channel.get_queue(queue.dead_letters, ensure=False)
    renewed: set[str] = set()
    held: RabbitHeldDeadLetter | None = None
    try:
        while message := await source.get(fail=False, timeout=CALL_TIMEOUT):
            assert isinstance(message, IncomingMessage)
            before, held = held, RabbitHeldDeadLetter(message, queue, put)
            if held.dead_letter.id not in renewed:
                yield held
                if held.is_held and held.is_worn:
                    await held.renew()
                    renewed.add(held.dead_letter.id)
            if not held.is_held:
                held = before
    finally:
        # Said aloud, because what merely falls back when a channel closes is away for a moment longer.
        if held is not None and held.is_held:
            await held.hand_back_up_to_here()


def _dead_letter(message: AbstractIncomingMessage) -> DeadLetter:
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
    trusted = trusted_headers(last.get("exchange"), before, queue.name) - control_headers.OF_A_DEAD_LETTER
    return dead_letter_of(
        delivery(message, trusted=trusted, key=str(key)),
        reason=str(last.get("reason", UNKNOWN)),
        dead_at=_moved_at(last),
    )


def _moved_at(move: Mapping[str, object]) -> datetime | None:
    time = move.get("time")
    return time.astimezone(UTC) if isinstance(time, datetime) else None
