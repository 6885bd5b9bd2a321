"""Events that are owed: written down by a worker that ended before it could publish them.

The broker delivers such a request again and its events are published then. This is for those it does not
deliver again, such as a message that an operator took out of its queue.
"""

import asyncio

import structlog

from bridge.bus.port import Bus, Unpublishable
from bridge.engine.book import Book
from bridge.ledger import LedgerUnavailable, Outbox

log = structlog.get_logger()

_INTERVAL = 30.0


async def pay_owed(book: Book, bus: Bus) -> None:
    """Publish what nobody published, now and then; runs until it is cancelled."""
    while True:
        try:
            for outbox in await book.owed():
                await _publish(outbox, book, bus)
        except LedgerUnavailable as fault:
            log.warning("ledger_unavailable", reason=fault.reason)
        await asyncio.sleep(_INTERVAL)


async def _publish(outbox: Outbox, book: Book, bus: Bus) -> None:
    try:
        for event in outbox.events:
            await bus.publish(
                event.topic,
                event.body,
                id=event.id,
                content_type=event.content_type,
                correlation_id=outbox.correlation_id,
            )
    except Unpublishable as fault:
        log.error("event_unpublishable", topic=fault.topic, reason=fault.reason)
        return
    await book.published(outbox.request_key, [event.id for event in outbox.events])
    log.info("owed_events_published", correlation_id=outbox.correlation_id, events=len(outbox.events))
