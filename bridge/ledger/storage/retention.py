"""What is deleted, and when: bodies first, the rest of an ended request later, what is open never."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, not_, or_, select, update

from bridge.ledger.model import FOUND_OUT
from bridge.ledger.storage.store import LedgerStep, Store
from bridge.ledger.storage.tables import event_bodies, events, intents, messages, requests

_PAGE: Final = 200
"""Requests per transaction: writers do not wait for long."""

_HAS_BODIES = or_(
    exists().where(event_bodies.c.request_id == requests.c.id),
    exists().where(intents.c.request_id == requests.c.id, intents.c.payload.is_not(None)),
)


@dataclass(frozen=True, slots=True)
class PrunedRequests:
    """How many requests lost their bodies, and how many were forgotten."""

    bodies: int
    requests: int


async def prune(store: Store, *, bodies_before: datetime, requests_before: datetime) -> PrunedRequests:
    """Delete what ended before these moments, then give the space back.

    A request in doubt has not ended until a person found out; one that still owes events keeps everything.
    """
    pruned = PrunedRequests(
        await _page_by_page(store, and_(_over_since(bodies_before), _HAS_BODIES), _drop_bodies),
        await _page_by_page(store, _over_since(requests_before), _forget),
    )
    await store.give_back_space()
    return pruned


async def _page_by_page(
    store: Store, condition: ColumnElement[bool], drop: Callable[[Sequence[int], Connection], None]
) -> int:
    # Looked for apart from the writers: what has ended and owes nothing does not begin again.
    total = after = 0
    while found := await store.read(_find(condition, after)):
        await store.write(partial(drop, found))
        total += len(found)
        *_, after = found
    return total


def _find(condition: ColumnElement[bool], after: int) -> LedgerStep[Sequence[int]]:
    page = select(requests.c.id).where(requests.c.id > after, condition).order_by(requests.c.id).limit(_PAGE)
    return lambda connection: connection.scalars(page).all()


def _over_since(before: datetime) -> ColumnElement[bool]:
    owing = select(events.c.request_id).where(events.c.published_at.is_(None))
    is_open = and_(requests.c.state == "in_doubt", func.coalesce(requests.c.code, "") != FOUND_OUT)
    return and_(requests.c.ended_at < before, not_(is_open), requests.c.id.not_in(owing))


def _drop_bodies(found: Sequence[int], connection: Connection) -> None:
    connection.execute(delete(event_bodies).where(event_bodies.c.request_id.in_(found)))
    connection.execute(delete(messages).where(messages.c.request_id.in_(found)))
    connection.execute(
        update(intents).where(intents.c.request_id.in_(found)).values(payload=None, result=None)
    )


def _forget(found: Sequence[int], connection: Connection) -> None:
    connection.execute(delete(requests).where(requests.c.id.in_(found)))  # and all that hangs on it
