"""What is deleted, and when: bodies first, the rest of an ended request later, what is open never."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, delete, func, not_, or_, select, update

from bridge.ledger.model import FOUND_OUT
from bridge.ledger.storage import quality
from bridge.ledger.storage.store import LedgerStep, Progress, Store, untold
from bridge.ledger.storage.tables import event_bodies, events, intents, messages, requests

_PAGE: Final = 200
"""Requests per transaction: writers do not wait for long."""

_Drop = Callable[[Sequence[int], Connection], None]


def _has(column: ColumnElement[int], *more: ColumnElement[bool]) -> ColumnElement[bool]:
    # Looked up for each request. For an EXISTS, PostgreSQL reads the whole table again for each page.
    found = select(column).where(column == requests.c.id, *more).limit(1)
    return found.scalar_subquery().is_not(None)


_HAS_MESSAGE = _has(messages.c.request_id)
_HAS_BODIES = or_(
    _HAS_MESSAGE,
    _has(event_bodies.c.request_id),
    _has(intents.c.request_id, intents.c.payload.is_not(None)),
)


@dataclass(frozen=True, slots=True)
class PrunedRequests:
    """How many requests lost their message, how many all their bodies, and how many were forgotten."""

    messages: int
    bodies: int
    requests: int


async def prune(
    store: Store,
    *,
    messages_before: datetime,
    bodies_before: datetime,
    requests_before: datetime,
    progress: Progress = untold,
) -> PrunedRequests:
    """Delete what ended before these moments, then give the space back.

    `messages_before` is of requests that failed, which `bridge replay` can ask again while it is kept.
    A request in doubt has not ended until a person found out; one that still owes events keeps everything.
    """
    has_failed = and_(requests.c.state == "failed", requests.c.ended_at < messages_before)
    done = 0

    async def each(condition: ColumnElement[bool], drop: _Drop) -> int:
        nonlocal done
        before = done
        dropped = await _page_by_page(store, condition, drop, lambda now, of: progress(before + now, of))
        done += dropped
        return dropped

    pruned = PrunedRequests(
        await each(and_(has_failed, _HAS_MESSAGE), _drop_messages),
        await each(and_(_over_since(bodies_before), _HAS_BODIES), _drop_bodies),
        await each(_over_since(requests_before), _forget),
    )
    await store.write(lambda connection: quality.forget(connection, requests_before))
    await store.give_back_space()
    return pruned


async def _page_by_page(store: Store, condition: ColumnElement[bool], drop: _Drop, progress: Progress) -> int:
    # Looked for apart from the writers: what has ended and owes nothing does not begin again.
    total = after = 0
    while found := await store.read(_find(condition, after)):
        await store.write(partial(drop, found))
        total += len(found)
        *_, after = found
        progress(total, None)
    return total


def _find(condition: ColumnElement[bool], after: int) -> LedgerStep[Sequence[int]]:
    page = select(requests.c.id).where(requests.c.id > after, condition).order_by(requests.c.id).limit(_PAGE)
    return lambda connection: connection.scalars(page).all()


def _over_since(before: datetime) -> ColumnElement[bool]:
    owing = select(events.c.request_id).where(events.c.published_at.is_(None))
    is_open = and_(requests.c.state == "in_doubt", func.coalesce(requests.c.code, "") != FOUND_OUT)
    return and_(requests.c.ended_at < before, not_(is_open), requests.c.id.not_in(owing))


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
