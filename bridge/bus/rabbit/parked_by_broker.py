"""What RabbitMQ made a dead letter by itself, behind the engine's back: taken up again, or told of.

The broker moves a message to the dead letters when it was handed over too often, when its sender's time to
live is over, or when somebody rejects it. Lost connections count as handing over, so a message that did
nothing wrong may be moved; and nobody is told, because no worker saw it last. So workers look after such
dead letters:

==========================================  ==========================================================
handed over too often, a moment ago         it goes back to work, after a pause, `LIVES` times at most
that again and again, or long ago           the engine ends its request: a row, an event, a dead letter
expired, or rejected by a hand              the same
==========================================  ==========================================================

What died long ago is not worked on any more: a booking must not happen after somebody has given it up.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from bridge.bus import control_headers
from bridge.bus.port import Dead, DeliveryHandler, Done, QueueSpec, RetryAfter, about
from bridge.bus.rabbit.dead_letters import RabbitHeldDeadLetter
from bridge.observe import delivery, record
from bridge.observe.vocabulary.bus import (
    DeadLetterEnded,
    DeadLettersNotSeenTo,
    DeadLetterTakenUpAgain,
    MessageDead,
)
from bridge.values import dataclass

TOO_OFTEN: Final = "delivery_limit"
"""The broker's reason for what it handed over too often."""
LIVES: Final = 4
_PAUSES: Final = {0: 1, 1: 10, 2: 60, 3: 300}
"""Seconds before it is worked on again, by how often it was: a message that breaks connections must not do so
on and on."""
_A_MOMENT: Final = timedelta(hours=1)
_LONGEST_PAUSE: Final = 600.0
"""Seconds between two looks at the dead letters when the last ones found nothing to do."""

Count = Callable[[], Awaitable[int]]
DeadLetters = Callable[[], AbstractAsyncContextManager[AsyncIterator[RabbitHeldDeadLetter]]]


@dataclass(frozen=True, slots=True)
class ParkedByBroker:
    """Sees to what the broker moves to the dead letters of one queue.

    Attributes:
        queue: its work queue.
        handler: what deliveries of that queue are given to.
        delay_queue: the queue for a pause of so many seconds.
        count: how many dead letters there are.
        dead_letters: opens them, on a connection that a message which no client can read may end.
    """

    queue: QueueSpec
    handler: DeliveryHandler
    delay_queue: Callable[[float], str]
    count: Count
    dead_letters: DeadLetters

    async def watch(self, interval: float) -> None:
        """Look every `interval` seconds, more seldom while nothing happens; runs until it is cancelled."""
        settled: int | None = 0
        pause = interval
        while True:
            await asyncio.sleep(pause)
            try:
                dead = await self.count()
                if dead == settled:
                    continue
                found, left = await self._see_to_all()
            except Exception as error:  # noqa: BLE001 - the broker is away, or a message ends the connection
                record(DeadLettersNotSeenTo(self.queue.name, type(error).__name__))
                found, left = 0, 1
            # What was left is looked at again; so is a number that changed.
            settled = None if found or left else dead
            pause = interval if found else min(2 * pause, _LONGEST_PAUSE)

    async def _see_to_all(self) -> tuple[int, int]:
        """How many dead letters of the broker's there were and are settled, and how many are left."""
        found = left = 0
        async with self.dead_letters() as held:
            async for one in held:
                if not one.by_broker:
                    continue
                with delivery():
                    is_settled = await self._see_to(one)
                found += is_settled
                left += not is_settled
        return found, left

    async def _see_to(self, held: RabbitHeldDeadLetter) -> bool:
        """See to one that the broker moved there; whether it is settled, and replaced."""
        letter = held.dead_letter
        lives = control_headers.returned(letter.message.headers)
        is_recent = letter.dead_at is not None and datetime.now(UTC) - letter.dead_at < _A_MOMENT
        if letter.reason == TOO_OFTEN and is_recent and lives < LIVES:
            pause = _PAUSES[lives]
            now = datetime.now(UTC).timestamp()
            put_off = control_headers.for_retry(letter.message, RetryAfter(pause, TOO_OFTEN), now=now)
            await held.copy_to(self.delay_queue(pause), put_off | {control_headers.RETURNED: str(lives + 1)})
            await held.remove()
            with about(self.handler, letter.message):
                record(DeadLetterTakenUpAgain(self.queue.name, letter.reason, times=lives + 1))
            return True
        outcome = await self.handler(replace(letter.message, given_up=letter.reason, deliveries=2))
        match outcome:
            case RetryAfter():
                return False  # its request is worked on, or the ledger is away: looked at again later
            case Dead():
                told = control_headers.for_dead(letter.message, outcome)
                await held.copy_to(self.queue.dead_letters, told)
                attempt = letter.message.attempt
                record(MessageDead(self.queue.name, outcome.reason, outcome.detail, attempt))
            case Done():
                record(DeadLetterEnded(self.queue.name, letter.reason))
        await held.remove()
        return True
