"""That the broker holds events: they are not owed any more."""

from collections.abc import Collection
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import orjson
from sqlalchemy import (
    JSON,
    BindParameter,
    Connection,
    Text,
    Update,
    bindparam,
    cast,
    column,
    func,
    null,
    select,
    update,
)

from bridge.ledger.storage.group_commit import commit_under_way
from bridge.ledger.storage.prepared import Prepared, Values
from bridge.ledger.storage.tables import events, requests
from bridge.values import dataclass

_UNPUBLISHED: Final = events.c.published_at.is_(null())


def published(connection: Connection, key: str, ids: Collection[str], now: datetime) -> None:
    """Mark these events of a request.

    On PostgreSQL those of all requests in a transaction are marked at its end, where nothing more has to be
    asked of the server for them. SQLite would take longer for a list of them than for one after the other.
    """
    if connection.dialect.name == "sqlite":
        named = {f"id_{number}": each for number, each in enumerate(ids)}
        _of_one(len(named)).run(connection, {"key": key, "now": now, **named})
        return
    changes = commit_under_way(connection).at_end
    known = changes.get(events)
    if not isinstance(known, _Publications):
        known = changes[events] = _Publications(_of_many(), [], now)
    known.told += [(key, each) for each in ids]
    known.at = max(known.at, now)


@lru_cache(maxsize=32)
def _of_one(count: int) -> Prepared:
    """So many events of a request; a list of any length would be written anew for every request."""
    request = select(requests.c.id).where(requests.c.request_key == bindparam("key")).scalar_subquery()
    ids: list[BindParameter[str]] = [bindparam(f"id_{number}") for number in range(count)]
    return Prepared(
        update(events)
        .where(events.c.request_id == request, events.c.event_id.in_(ids), _UNPUBLISHED)
        .values(published_at=bindparam("now"))
    )


@dataclass(slots=True)
class _Publications:
    """Keys of requests, each with the id of an event; all of them are marked with the last moment."""

    statement: Update
    told: list[tuple[str, str]]
    at: datetime

    def values(self) -> Values:
        return {"told": orjson.dumps(self.told).decode(), "told_at": self.at}


@lru_cache(maxsize=1)
def _of_many() -> Update:
    each: Any = func.json_array_elements(cast(bindparam("told", type_=Text), JSON)).table_valued(
        column("value", JSON), name="each"
    )
    key, event = (each.c.value.op("->>")(place) for place in (0, 1))
    return (
        update(events)
        .where(requests.c.request_key == key, events.c.request_id == requests.c.id)
        .where(events.c.event_id == event, _UNPUBLISHED)
        .values(published_at=bindparam("told_at"))
    )
