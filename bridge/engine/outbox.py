"""Events of an ended request on their way out: published in order, then noted as published.

What a worker wrote down and could not publish any more is owed. The broker delivers such a request again and
its events are published then; `pay_owed` is for those it does not deliver again, such as a message that an
operator took out of its queue.
"""

import asyncio

from bridge.bus.port import Publisher, PublishesSeveral, Unpublishable
from bridge.engine.journal.requests import OutboxJournal
from bridge.engine.outcomes import places
from bridge.engine.tracing import owing
from bridge.ledger import LedgerUnavailable, OwedEvents, StoredEvent
from bridge.observe import about_request, record
from bridge.observe.spans import timed
from bridge.observe.vocabulary.ledger import LedgerAway
from bridge.observe.vocabulary.requests import (
    EventUnpublishable,
    OwedEventsPublished,
    OwedNotPublished,
    OwedUnreadable,
)
from bridge.renderings.table import topics_of_forms

_INTERVAL = 30.0


async def pay_owed(outbox: OutboxJournal, bus: Publisher) -> None:
    """Publish what nobody published, now and then; runs until it is cancelled."""
    while True:
        try:
            for owed in await outbox.unpublished():
                with owing(owed), about_request(owed.request_key, correlation_id=owed.correlation_id):
                    await _pay(owed, outbox, bus)
        except LedgerUnavailable as fault:
            record(LedgerAway(fault.reason, "owed_events"))
        except Exception as error:  # noqa: BLE001 - a chore of the worker, which must not end unnoticed
            record(OwedNotPublished(type(error).__name__, places(error)))
        await asyncio.sleep(_INTERVAL)


async def publish(owed: OwedEvents, outbox: OutboxJournal, bus: Publisher) -> None:
    """Publish the events of a request, and note that the broker holds them.

    The last one waits for all before it: what closes a record names what was published. A further form of the
    answer holds up nothing: where its reader has no queue, who reads the events has them all.

    Raises:
        Unpublishable: the broker will never take one of them; what did not go out stays owed.
    """
    out: list[str] = []
    first: Unpublishable | None = None
    several = bus if isinstance(bus, PublishesSeveral) else None
    groups = [owed.events[:-1], owed.events[-1:]] if several else [[event] for event in owed.events]
    with timed("publish"):
        for group in filter(None, groups):
            if several:
                faults = await several.publish_together(group, correlation_id=owed.correlation_id)
            else:
                faults = [await _put(event, owed.correlation_id, bus) for event in group]
            for event, fault in zip(group, faults, strict=True):
                if fault is None:
                    out.append(event.id)
                    continue
                record(EventUnpublishable(fault.topic, fault.reason))
                if event.topic not in topics_of_forms():
                    raise fault
                first = first or fault
    if out:
        try:
            with timed("ledger"):
                await outbox.published(owed.request_key, out)
        except LedgerUnavailable as fault:
            # They are out; at worst they go out once more, with the same ids.
            record(LedgerAway(fault.reason, "owed_events"))
    if first is not None:
        raise first


async def _put(event: StoredEvent, correlation_id: str, bus: Publisher) -> Unpublishable | None:
    """Publish one event; why the broker never takes it, if that is so."""
    try:
        await bus.publish(
            event.topic,
            event.body,
            id=event.id,
            content_type=event.content_type,
            correlation_id=correlation_id,
        )
    except Unpublishable as fault:
        return fault
    return None


async def _pay(owed: OwedEvents, outbox: OutboxJournal, bus: Publisher) -> None:
    if owed.unreadable:
        record(OwedUnreadable(owed.unreadable))
    if owed.events:
        try:
            await publish(owed, outbox, bus)
        except Unpublishable:
            return
        except Exception as error:  # noqa: BLE001 - one request must not keep the others from being told of
            record(OwedNotPublished(type(error).__name__, places(error)))
            return
        record(OwedEventsPublished(len(owed.events)))
