"""What is deleted, and when: bodies first, the rest of an ended request later, what is open never.

Partitions of bodies that are over go first. Then the tables of bodies are gone through for what is over in
the others, and requests in the order of their ends, those alone that ended long enough ago: some are looked
at in one step, and few are deleted in one transaction. No worker waits for more.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, and_, delete, func, not_, select, update

from bridge.ledger.model import FOUND_OUT
from bridge.ledger.storage import partitions, quality
from bridge.ledger.storage.store import LedgerStep, Progress, Store, untold
from bridge.ledger.storage.tables import event_bodies, events, intents, messages, requests
from bridge.values import dataclass

_LOOKED_AT: Final = 2_000
_PAGE: Final = 50
"""Requests per transaction: writers do not wait for long."""

_Drop = Callable[[Sequence[int], Connection], None]


@dataclass(frozen=True, slots=True)
class PrunedRequests:
    """What went.

    Attributes:
        messages: requests that lost what they asked.
        bodies: requests that lost all their bodies, without those whose bodies went with a partition.
        requests: forgotten.
        partitions: of bodies of events, dropped with all that was in them.
    """

    messages: int
    bodies: int
    requests: int
    partitions: int = 0


async def prune(
    store: Store,
    *,
    messages_before: datetime,
    bodies_before: datetime,
    requests_before: datetime,
    looked_at: int = _LOOKED_AT,
    progress: Progress = untold,
) -> PrunedRequests:
    """Delete what ended before these moments, `looked_at` requests in a step, then give the space back.

    `messages_before` is of requests that failed, which `bridge replay` can ask again while it is kept.
    A request in doubt has not ended until a person found out; one that still owes events keeps everything.
    """
    dropped = await partitions.drop_over(store, {"event_bodies": bodies_before})
    done = 0

    async def each(find: _Find, drop: _Drop) -> int:
        nonlocal done
        before = done
        count = await _page_by_page(store, find, drop, lambda now, of: progress(before + now, of))
        done += count
        return count

    with_rows = partial(_with, looked_at=looked_at)
    has_failed = and_(requests.c.state == "failed", requests.c.ended_at < messages_before)
    over = and_(requests.c.ended_at < bodies_before, _is_over())
    long_ago = event_bodies.c.ended_at < bodies_before
    pruned = PrunedRequests(
        messages=await each(with_rows(messages.c.request_id, has_failed), _drop_messages),
        bodies=await each(with_rows(event_bodies.c.request_id, over, long_ago), _drop_bodies)
        + await each(with_rows(messages.c.request_id, over), _drop_bodies)
        + await each(with_rows(intents.c.request_id, over, intents.c.payload.is_not(None)), _drop_bodies),
        requests=await each(partial(_ended, before=requests_before, looked_at=looked_at), _forget),
        partitions=len(dropped),
    )
    while await store.write(lambda connection: quality.forget(connection, requests_before)):
        pass
    await store.give_back_space()
    return pruned


_Find = Callable[[Any], LedgerStep[tuple[Any, Sequence[int]]]]
"""A step that looks at some after a place (None: the first): where the next begin, and which are meant."""


async def _page_by_page(store: Store, find: _Find, drop: _Drop, progress: Progress) -> int:
    # Looked for apart from the writers: what has ended and owes nothing does not begin again.
    total, after = 0, None
    while True:
        after, found = await store.read(find(after))
        for first in range(0, len(found), _PAGE):
            page = found[first : first + _PAGE]
            await store.write(partial(drop, page))
            total += len(page)
            progress(total, None)
        if after is None:
            return total


def _with(
    column: Column[Any], condition: ColumnElement[bool], *more: ColumnElement[bool], looked_at: int
) -> _Find:
    """Requests that have rows in a table of bodies, which is gone through instead of all requests."""

    def find(after: int | None) -> LedgerStep[tuple[int | None, Sequence[int]]]:
        page = select(column).where(column > (after or 0), *more).distinct().order_by(column).limit(looked_at)

        def step(connection: Connection) -> tuple[int | None, Sequence[int]]:
            held = connection.scalars(page).all()
            meant = select(requests.c.id).where(requests.c.id.in_(held), condition).order_by(requests.c.id)
            return max(held, default=None), connection.scalars(meant).all() if held else ()

        return step

    return find


def _ended(
    after: datetime | None, before: datetime, looked_at: int
) -> LedgerStep[tuple[datetime | None, Sequence[int]]]:
    """Requests that are over, in the order of their ends."""
    ended_at = requests.c.ended_at
    wanted = [ended_at < before] if after is None else [ended_at > after, ended_at < before]

    def step(connection: Connection) -> tuple[datetime | None, Sequence[int]]:
        # All that ended at the same moment are in the same part.
        end = select(ended_at).where(*wanted).order_by(ended_at).offset(looked_at - 1).limit(1)
        last = connection.scalar(end)
        within = wanted if last is None else [*wanted, ended_at <= last]
        found = select(requests.c.id).where(*within, _is_over()).order_by(ended_at, requests.c.id)
        return last, connection.scalars(found).all()

    return step


def _is_over() -> ColumnElement[bool]:
    owing = select(events.c.request_id).where(events.c.published_at.is_(None))
    is_open = and_(requests.c.state == "in_doubt", func.coalesce(requests.c.code, "") != FOUND_OUT)
    return and_(not_(is_open), requests.c.id.not_in(owing))


def _drop_messages(found: Sequence[int], connection: Connection) -> None:
    connection.execute(delete(messages).where(messages.c.request_id.in_(found)))


def _drop_bodies(found: Sequence[int], connection: Connection) -> None:
    connection.execute(delete(event_bodies).where(event_bodies.c.request_id.in_(found)))
    _drop_messages(found, connection)
    connection.execute(
        update(intents).where(intents.c.request_id.in_(found)).values(payload=None, result=None)
    )


def _forget(found: Sequence[int], connection: Connection) -> None:
    connection.execute(delete(requests).where(requests.c.id.in_(found)))  # and all that hangs on it
