"""Runs the deliveries of one queue, apart from the connection that brought them.

A broken connection cancels whatever waits on it, and the broker hands its messages over again. So the
work is a task of its own: a second copy of a message joins the task that runs, or takes the outcome of
the one that ended a moment ago, and nothing is called twice.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from hashlib import blake2b

from bridge import observe
from bridge.bus import control_headers
from bridge.bus.port import Dead, Delivery, DeliveryHandler, Disposition, Done, RetryAfter, about
from bridge.observe import record
from bridge.observe.vocabulary.bus import HandlerRaised, MessageDead, OutcomeNotSettled

REMEMBERED = 120.0
"""Seconds that an outcome is kept, for copies that a broker hands over late."""
MOST_ATTEMPTS = 20
"""Fuse: what is still tried after so many attempts becomes a dead letter, unless its handler keeps count."""

_DeliveryKey = tuple[str, str, bytes, int]
"""Message id, routing key, digest of what the sender wrote, attempt: senders reuse each other's ids."""
MakeDurable = Callable[[RetryAfter | Dead], Awaitable[None]]
"""Makes an outcome durable: a copy in a delay queue, or among the dead letters."""


class DeliveryRunner:
    """One handler, at most `concurrency` deliveries at a time.

    Args:
        queue: name for the log.
        handler: what to do with a delivery.
        concurrency: bound on handlers that run, over every reconnection.
    """

    def __init__(self, queue: str, handler: DeliveryHandler, *, concurrency: int) -> None:
        self.queue = queue
        self.concurrency = concurrency
        self.taken = 0
        """How many deliveries came so far; the watchdog looks whether it moves."""
        self._handler = handler
        self._slots = asyncio.Semaphore(concurrency)
        self._running: dict[_DeliveryKey, asyncio.Task[Disposition]] = {}
        self._ended: dict[_DeliveryKey, float] = {}  # in order of time

    def about(self, delivery: Delivery) -> AbstractContextManager[None]:
        """Around what is logged of a delivery, as the handler names it."""
        return about(self._handler, delivery)

    @property
    def busy(self) -> int:
        """How many deliveries are being worked on."""
        return len(self._running)

    async def run(self, delivery: Delivery, settle: MakeDurable) -> None:
        """Return when the delivery has its outcome, durably: only then may it be acknowledged.

        Cancelling the caller leaves the work running.
        """
        self.taken += 1
        key = (delivery.id, delivery.key, _written(delivery), delivery.attempt)
        if self._has_ended(key, delivery):
            return
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(self._work(delivery, settle))
            task.add_done_callback(lambda ended: self._remember(key, ended))
        await asyncio.shield(task)

    async def drain(self, grace: float) -> int:
        """Wait up to `grace` seconds for what runs, then cancel the rest; how many were cancelled."""
        if not self._running:
            return 0
        _, late = await asyncio.wait(self._running.values(), timeout=grace)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return len(late)

    def _has_ended(self, key: _DeliveryKey, delivery: Delivery) -> bool:
        while self._ended:
            oldest = next(iter(self._ended))
            if self._ended[oldest] > time.monotonic() - REMEMBERED:
                break
            del self._ended[oldest]
        # Sent once more, or replayed from the dead letters: the same message, handed over for the first time.
        # A copy of ours may stand in a delay queue twice, though: the second one joins the first.
        is_sent_anew = delivery.deliveries == 1 and delivery.attempt == 1
        return key in self._ended and not is_sent_anew

    def _remember(self, key: _DeliveryKey, ended: asyncio.Task[Disposition]) -> None:
        del self._running[key]
        if ended.cancelled():
            return
        if ended.exception() is None:
            self._ended.pop(key, None)
            self._ended[key] = time.monotonic()
        # Else nothing became of it, so the next copy does the work.

    async def _work(self, delivery: Delivery, settle: MakeDurable) -> Disposition:
        with observe.delivery():
            try:
                return await self._to_outcome(delivery, settle)
            except Exception as error:
                record(OutcomeNotSettled(self.queue, type(error).__name__))
                raise

    async def _to_outcome(self, delivery: Delivery, settle: MakeDurable) -> Disposition:
        async with self._slots:
            outcome = await self._handle(delivery)
        if isinstance(outcome, RetryAfter) and not outcome.is_bounded and delivery.attempt >= MOST_ATTEMPTS:
            outcome = Dead("attempts_exhausted", outcome.reason)
        if not isinstance(outcome, Done):
            await settle(outcome)
        if isinstance(outcome, Dead):
            record(MessageDead(self.queue, outcome.reason, outcome.detail, delivery.attempt))
        return outcome

    async def _handle(self, delivery: Delivery) -> Disposition:
        try:
            return await self._handler(delivery)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises, the message must not vanish
            # The text of an unforeseen error may hold anything: its type is all that is said.
            record(HandlerRaised(self.queue, type(error).__name__, delivery.attempt))
            return RetryAfter(2.0 ** min(delivery.attempt, 9), "internal")


def _written(delivery: Delivery) -> bytes:
    """Digest of what the sender wrote: of CloudEvents in binary mode, source and id are headers."""
    digest = blake2b(delivery.body, digest_size=16)
    for name in sorted(delivery.headers.keys() - control_headers.ALL - {control_headers.UNNAMED}):
        digest.update(f"\n{name}:{delivery.headers[name]}".encode(errors="surrogatepass"))
    return digest.digest()
