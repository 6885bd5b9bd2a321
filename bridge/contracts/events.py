"""What the engine itself publishes of a request, and what an event is.

What is published of a record is in `bridge.areas`; a pipeline of a site's own declares its own events.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal, NamedTuple, NotRequired, Self

import orjson
from pydantic import with_config
from typing_extensions import TypedDict

from bridge.errors import MESSAGES, FailureCode, RequestFailed, RequestRejected, Stage
from bridge.record.common import STRICT
from bridge.values import dataclass

REQUEST_FAILED = "request.failed.v1"
REQUEST_REJECTED = "request.rejected.v1"


@with_config(STRICT)
class RequestFailedData(TypedDict):
    """``request.failed.v1``: the request was understood and could not be fulfilled. No clinical data."""

    code: FailureCode
    stage: Stage
    retryable: bool
    """Whether asking again later may help; the engine's own retries are used up."""
    attempts: int
    message: str
    """For the person who asked."""
    advice: str
    detail: NotRequired[str]
    """For the integration team: codes and names only."""
    practice_words: NotRequired[str]
    """Why a document is not available, in the practice's words; for the person who asked."""


@with_config(STRICT)
class Fault(TypedDict):
    """One field at fault."""

    field: str
    rule: str


@with_config(STRICT)
class RequestRejectedData(TypedDict):
    """``request.rejected.v1``: the message is at fault; nothing was called; it lies in the dead letters."""

    faults: list[Fault]
    retryable: Literal[False]
    message: str


class Written(NamedTuple):
    """A part of an event's data that was written as JSON before the rest."""

    value: object
    json: bytes

    @classmethod
    def of(cls, value: object) -> Self:
        """A value, written."""
        return cls(value, orjson.dumps(value))


@dataclass(frozen=True, slots=True)
class Event:
    """An event to publish: its kind is also its routing key.

    Attributes:
        kind: ``<subject>.<verb>.v1``.
        data: JSON-able; the only place where the NHS number may stand.
        snapshot_id: of the record it tells of; empty when it tells of none.
        patient_key: keyed hash for ordering and partitioning.
        written: fields of `data`, by name, that are JSON already: they were hashed, or stand in many events.
    """

    kind: str
    data: Mapping[str, Any]
    snapshot_id: str = ""
    patient_key: str | None = None
    written: Mapping[str, Written] = field(default_factory=dict, repr=False, compare=False)


def to_write(data: Mapping[str, Any], written: Mapping[str, Written]) -> Mapping[str, Any]:
    """Data for `orjson.dumps`, in which what was written already is not written again.

    What stands in the data by now is what counts: the JSON of anything else is passed over.
    """
    parts = {
        name: orjson.Fragment(json) for name, (value, json) in written.items() if data.get(name) is value
    }
    return {**data, **parts}


EVENT_TYPES: dict[str, Any] = {
    REQUEST_FAILED: RequestFailedData,
    REQUEST_REJECTED: RequestRejectedData,
}
"""Every event of the engine itself; pipelines declare their own besides."""


def request_failed(failure: RequestFailed, *, attempts: int) -> Event:
    """The failure event of a request. Carries no record, and the same id however often it is published."""
    message, advice = MESSAGES[failure.code]
    data: RequestFailedData = {
        "code": failure.code,
        "stage": failure.stage,
        "retryable": failure.retryable,
        "attempts": attempts,
        "message": message,
        "advice": advice,
    }
    if failure.detail:
        data["detail"] = failure.detail
    if failure.practice_words:
        data["practice_words"] = failure.practice_words
    return Event(REQUEST_FAILED, data)


def request_rejected(rejection: RequestRejected) -> Event:
    """The rejection event of a message: each field at fault and the rule it breaks, never its value."""
    data: RequestRejectedData = {
        "faults": [{"field": field, "rule": rule} for field, rule in rejection.faults],
        "retryable": False,
        "message": "The message is not a valid request; nothing was asked. Correct it and send it again.",
    }
    return Event(REQUEST_REJECTED, data)
