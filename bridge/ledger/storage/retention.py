"""What is deleted, and when: bodies first, the rest of an ended request later, what is open never.

Ended requests are gone through in the order of their ends, those alone that ended long enough ago: some are
looked at in one step, and few are deleted in one transaction. No worker waits for more.
"""

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

_LOOKED_AT: Final = 2_000
"""Requests that one step looks at."""
_PAGE: Final = 50
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
    done = 0

    async def each(before: datetime, condition: ColumnElement[bool], drop: _Drop) -> int:
        nonlocal done
        so_far = done
        dropped = await _page_by_page(
            store, before, condition, drop, lambda now, of: progress(so_far + now, of)
        )
        done += dropped
        return dropped

    has_failed = requests.c.state == "failed"
    pruned = PrunedRequests(
        await each(messages_before, and_(has_failed, _HAS_MESSAGE), _drop_messages),
        await each(bodies_before, and_(_is_over(), _HAS_BODIES), _drop_bodies),
        await each(requests_before, _is_over(), _forget),
    )
    while await store.write(lambda connection: quality.forget(connection, requests_before)):
        pass
    await store.give_back_space()
    return pruned


async def _page_by_page(
    store: Store, before: datetime, condition: ColumnElement[bool], drop: _Drop, progress: Progress
) -> int:
    # Looked for apart from the writers: what has ended and owes nothing does not begin again.
    total = 0
    after: datetime | None = None
    while True:
        after, found = await store.read(_part(after, before, condition))
        for first in range(0, len(found), _PAGE):
            page = found[first : first + _PAGE]
            await store.write(partial(drop, page))
            total += len(page)
            progress(total, None)
        if after is None:
            return total


def _part(
    after: datetime | None, before: datetime, condition: ColumnElement[bool]
) -> LedgerStep[tuple[datetime | None, Sequence[int]]]:
    """A step: when the last of the next ones ended, None where none are later; and those that are meant."""
    ended_at = requests.c.ended_at
    wanted = [ended_at < before] if after is None else [ended_at > after, ended_at < before]

    def step(connection: Connection) -> tuple[datetime | None, Sequence[int]]:
        # All that ended at the same moment are in the same part.
        end = select(ended_at).where(*wanted).order_by(ended_at).offset(_LOOKED_AT - 1).limit(1)
        last = connection.scalar(end)
        within = wanted if last is None else [*wanted, ended_at <= last]
        found = select(requests.c.id).where(*within, condition).order_by(ended_at, requests.c.id)
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
