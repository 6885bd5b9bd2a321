"""What RabbitMQ parked itself, behind the engine's back: taken up again, or told of.

The broker moves a message to the dead letters when it was handed over too often, when its sender's time to
live is over, or when somebody rejects it. Lost connections count as handing over, so a message that did
nothing wrong may be moved; and nobody is told, because no worker saw it last. So workers look after such
letters:

==========================================  ==========================================================
handed over too often, a moment ago         it goes back to work, after a pause, `LIVES` times at most
that again and again, or long ago           the engine ends its request: a row, an event, a dead letter
expired, or rejected by a hand              the same
==========================================  ==========================================================

What was parked long ago is not worked on any more: a booking must not happen after somebody has given it up.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from bridge.bus import control_headers
from bridge.bus.port import Dead, Done, Handler, QueueSpec, RetryAfter
from bridge.bus.rabbit.dead_letters import RabbitParked

log = structlog.get_logger()

TOO_OFTEN: Final = "delivery_limit"
"""The broker's reason for what it handed over too often."""
LIVES: Final = 4
_PAUSES: Final = (1, 10, 60, 300)
"""Seconds before it is worked on again: a message that breaks connections must not do so on and on."""
_A_MOMENT: Final = timedelta(hours=1)


async def see_to(
    parked: RabbitParked, queue: QueueSpec, handler: Handler, *, room: Callable[[float], str]
) -> bool:
    """See to a letter that the broker parked; whether it is settled, and the letter replaced.

    Args:
        parked: the letter, in the hand.
        queue: its work queue.
        handler: what deliveries of that queue are given to.
        room: the waiting room for a pause of so many seconds.
    """
    letter = parked.letter
    lives = control_headers.returned(letter.message.headers)
    is_recent = letter.dead_at is not None and datetime.now(UTC) - letter.dead_at < _A_MOMENT
    if letter.reason == TOO_OFTEN and is_recent and lives < LIVES:
        pause = _PAUSES[lives]
        now = datetime.now(UTC).timestamp()
        put_off = control_headers.for_retry(letter.message, RetryAfter(pause, TOO_OFTEN), now=now)
        await parked.put(room(pause), put_off | {control_headers.RETURNED: str(lives + 1)})
        await parked.remove()
        log.warning("letter_taken_up_again", queue=queue.name, reason=letter.reason, times=lives + 1)
        return True
    outcome = await handler(replace(letter.message, given_up=letter.reason, deliveries=2))
    match outcome:
        case RetryAfter():
            return False  # its request is worked on, or the ledger is away: looked at again later
        case Dead():
            await parked.put(f"{queue.name}.dead", control_headers.for_dead(letter.message, outcome))
            log.warning("message_dead", queue=queue.name, reason=outcome.reason, detail=outcome.detail)
        case Done():
            log.info("letter_ended", queue=queue.name, reason=letter.reason)
    await parked.remove()
    return True
