"""One way to wait for a broker: try again, each time a little later, and say so in the log."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from bridge.observe import record
from bridge.observe.causes import Cause, cause_of
from bridge.observe.vocabulary.bus import BROKER_RETRIES

_FIRST = 0.05
_DOUBLINGS = 5
_TRIES_PER_LINE = 5

CONFIRM_TIMEOUT = 10.0
"""Seconds that a broker has to confirm what was published."""
CALL_TIMEOUT = 15.0
"""Seconds that one try of any call on a broker has, confirmation included."""


class Backoff:
    """Counts the tries of one action on the broker.

    Args:
        action: its event, one of `bridge.observe.vocabulary.bus.BROKER_RETRIES`.
        context: values for the log line: names and codes only.
    """

    def __init__(self, action: str, **context: str) -> None:
        self._event = BROKER_RETRIES[action]
        self._context = context
        self._tries = 0
        self._told: Cause | None = None

    def renew(self) -> None:
        """The action succeeded: count from the start."""
        self._tries = 0
        self._told = None

    async def wait(self, error: BaseException) -> None:
        """Sleep before the next try: from 50 ms, doubling, to 1.6 s, with jitter.

        Raises:
            CancelledError: this task is to end. What was tried may have kept that to itself: `wait_for` does,
                when the try ends in the same moment.
        """
        if _asked_to_stop():
            raise asyncio.CancelledError from None
        cause = cause_of(error)
        if cause is not None and cause != self._told:
            self._told = cause  # in words once, and again when it is another
            record(
                self._event.because(
                    cause=cause.code, detail=cause.sentence, waiting_helps=cause.heals, **self._context
                )
            )
        if self._tries % _TRIES_PER_LINE == 0:
            # The type only: the text of a connection error may carry the broker's address and user.
            record(self._event(error=type(error).__name__, tries=self._tries + 1, **self._context))
        pause = _FIRST * 2 ** min(self._tries, _DOUBLINGS)
        self._tries += 1
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret


async def persist(
    call: Callable[[], Awaitable[object]],
    backoff: Backoff,
    *,
    faults: tuple[type[Exception], ...],
    timeout: float = CALL_TIMEOUT,  # noqa: ASYNC109 - of each try, not of the whole
) -> None:
    """Make a call on the broker until it succeeds.

    A driver whose link breaks under it raises more than the errors it names, cancellation among them, so
    everything is tried again but what waiting does not cure.

    Raises:
        TypeError, ValueError: the message cannot be written.
        `faults`: the broker's answer is no.
    """
    while True:
        try:
            async with asyncio.timeout(timeout):
                await call()
        except (TypeError, ValueError):
            raise
        except asyncio.CancelledError as error:
            await backoff.wait(error)
        except Exception as error:
            if isinstance(error, faults):
                raise
            await backoff.wait(error)
        else:
            return


def _asked_to_stop() -> bool:
    """Whether a CancelledError means that this task is to end, not that a link broke."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
