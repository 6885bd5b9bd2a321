"""A request that failed, asked again: under an id that is made of its own, so that the same job asks once."""

from datetime import datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson

from bridge.contracts.envelope import Incoming
from bridge.record.dates import rfc3339

_REPLAY_IDS: Final[UUID] = uuid5(NAMESPACE_URL, "urn:gpconnect-bridge:replay")


def replay_id(request_key: str, job: str) -> str:
    """The id under which a job asks again for a request: the same however often the job does.

    Args:
        request_key: of the request that its sender sent.
        job: id of the job.
    """
    return str(uuid5(_REPLAY_IDS, f"{request_key}|{job}"))


def replay_of(request: Incoming, *, id: str, expires_at: datetime | None = None) -> bytes:  # noqa: A002 - the attribute's name
    """The message that asks again: a structured CloudEvent, in whichever mode the request came.

    All that its sender wrote stays, but the id. ``correlationid`` is the one that the events of the first
    request carried, and ``replayof`` its id; so is it of a replay that failed in turn.

    Args:
        request: as it was read.
        id: see `replay_id`.
        expires_at: a new expiry, wherever the request has one; None: as it was.
    """
    sent = request.attributes
    attributes: dict[str, Any] = sent.model_dump(mode="json", exclude_none=True)
    attributes |= {
        "id": id,
        "correlationid": request.correlation_id,
        "replayof": sent.replayof or sent.id,
    }
    data = dict(request.data)
    if expires_at is not None:
        for part, name in ((attributes, "expirytime"), (data, "expires_at")):
            if part.get(name) is not None:
                part[name] = rfc3339(expires_at)
    return orjson.dumps(attributes | {"data": data})
