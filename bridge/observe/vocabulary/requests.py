"""What happens to a request, from the delivery that brings it to the last event that it owes."""

from typing import ClassVar, Literal, TypeAlias

from bridge.observe.vocabulary.base import Code, EndedAs, Level, Outcome, RequestEvent, TelemetryEvent, Words
from bridge.values import dataclass

TimedStage: TypeAlias = Literal["map", "ledger", "publish"]
"""What takes the time of a request beside calls, whose time their own event tells (`UpstreamCall`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tried(RequestEvent):
    """What is told of a try; most of it of some only."""

    code: Code | None = None
    stage: Code | None = None
    detail: Words | None = None
    practice_ods: Code | None = None
    reason: Code | None = None
    faults: Words | None = None
    events: int | None = None
    retry_in_s: float | None = None
    body_sha256: Code | None = None


@dataclass(frozen=True, slots=True)
class RequestReceived(RequestEvent):
    """A delivery was read, and its request is taken up."""

    name: ClassVar[str] = "request_received"
    level: ClassVar[Level] = "debug"

    deliveries: int
    reason: Code | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHandled(_Tried):
    """How one try of a request ended: the one line about each."""

    name: ClassVar[str] = "request_handled"

    outcome: Outcome
    duration_ms: float
    operation: Code | None = None
    ended: EndedAs | None = None
    age_s: float | None = None


@dataclass(frozen=True, slots=True)
class RecordMapped(RequestEvent):
    """An answer was read into a record: how each area was answered, and what could not be read."""

    name: ClassVar[str] = "record_mapped"
    level: ClassVar[Level] = "debug"

    areas: tuple[Code, ...]
    unmapped: tuple[Code, ...]


@dataclass(frozen=True, slots=True)
class StageEnded(RequestEvent):
    """A stage of a request is over, well or not: reading the answer into a record, the ledger, publishing."""

    name: ClassVar[str] = "stage_ended"
    level: ClassVar[Level] = "debug"

    stage: TimedStage
    duration_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDue(_Tried):
    """A try failed in a way that may pass: the request is tried again."""

    name: ClassVar[str] = "retry_due"

    outcome: Outcome = "retrying"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestInDoubt(_Tried):
    """Nobody knows whether a booking, or another change, was done; it is checked again by itself."""

    name: ClassVar[str] = "request_in_doubt"
    level: ClassVar[Level] = "error"

    outcome: Outcome = "in_doubt"
    kind: Code
    is_done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InDoubtEnded(_Tried):
    """It is known now what was done: `outcome`."""

    name: ClassVar[str] = "doubt_ended"

    outcome: Outcome
    operation: Code | None = None
    ended: EndedAs | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InDoubtGivenUp(_Tried):
    """It was not to be found out within `BRIDGE_RETRY_GIVE_UP_AFTER`: a person must."""

    name: ClassVar[str] = "doubt_given_up"
    level: ClassVar[Level] = "error"

    outcome: Outcome = "in_doubt"


@dataclass(frozen=True, slots=True)
class CheckNotRecorded(RequestEvent):
    """A check of a request in doubt could not be written down: it stays in doubt, and is checked again."""

    name: ClassVar[str] = "check_not_recorded"
    level: ClassVar[Level] = "warning"

    error: Code


@dataclass(frozen=True, slots=True)
class CheckFailed(RequestEvent):
    """A request in doubt could not be checked: `KeyUnknown` says that a vault key was removed."""

    name: ClassVar[str] = "check_failed"
    level: ClassVar[Level] = "error"

    error: Code
    at: tuple[Words, ...]


@dataclass(frozen=True, slots=True)
class ReadingFailed(RequestEvent):
    """A message could not be read, by an error that nobody foresaw: it ends among the dead letters."""

    name: ClassVar[str] = "reading_failed"
    level: ClassVar[Level] = "error"

    error: Code
    at: tuple[Words, ...]


@dataclass(frozen=True, slots=True)
class HandlerFailed(RequestEvent):
    """A pipeline's handler ended with an error that nobody foresaw."""

    name: ClassVar[str] = "handler_failed"
    level: ClassVar[Level] = "error"

    error: Code
    at: tuple[Words, ...]


@dataclass(frozen=True, slots=True)
class HandlingFailed(RequestEvent):
    """The engine itself met an error that nobody foresaw: the request is tried again, ten times at most."""

    name: ClassVar[str] = "handling_failed"
    level: ClassVar[Level] = "error"

    error: Code
    at: tuple[Words, ...]


@dataclass(frozen=True, slots=True)
class InDoubtFailed(RequestEvent):
    """A pipeline could not tell of a request in doubt: `request.failed` with `outcome_unknown` does."""

    name: ClassVar[str] = "in_doubt_failed"
    level: ClassVar[Level] = "error"

    error: Code
    at: tuple[Words, ...]


@dataclass(frozen=True, slots=True)
class RenderingFailed(RequestEvent):
    """A rendering raised an error: nothing is published in that form.

    The manifest says so; where an answer has none, the request is a dead letter. Of `events`, the form that
    always goes out, the request fails.
    """

    name: ClassVar[str] = "rendering_failed"
    level: ClassVar[Level] = "error"

    rendering: Code
    event_kind: Code
    error: Code
    at: tuple[Words, ...]


@dataclass(frozen=True, slots=True)
class RenderingWithheld(RequestEvent):
    """A further form of an answer is not published on a topic: it could not be read safely.

    The events are, and the manifest says why.
    """

    name: ClassVar[str] = "rendering_withheld"
    level: ClassVar[Level] = "warning"

    rendering: Code
    topic: Code
    reason: Code
    detail: Words | None


@dataclass(frozen=True, slots=True)
class ChangeBaseUnreadable(RequestEvent):
    """What an answer was to be compared with cannot be opened: each area is told whole.

    Its key was taken out of the ring, or the database was changed.
    """

    name: ClassVar[str] = "change_base_unreadable"
    level: ClassVar[Level] = "warning"

    reason: Code


@dataclass(frozen=True, slots=True)
class SideEffectSettled(RequestEvent):
    """The practice was asked what became of a booking, or another change, whose answer was lost."""

    name: ClassVar[str] = "effect_settled"

    kind: Code
    verdict: Literal["done", "not_done"]


@dataclass(frozen=True, slots=True)
class RefusalExplained(RequestEvent):
    """A second try was refused because the first one had been done: it counts as done."""

    name: ClassVar[str] = "refusal_was_our_own_success"

    kind: Code
    code: Code


@dataclass(frozen=True, slots=True)
class SideEffectLate(RequestEvent):
    """A worker stood still, and a booking, or another change, was done after others had taken over.

    The request is in doubt again, and ends as it truly did.
    """

    name: ClassVar[str] = "effect_late"
    level: ClassVar[Level] = "error"

    kind: Code
    is_done: bool


@dataclass(frozen=True, slots=True)
class LateSideEffectNotRecorded(RequestEvent):
    """What was done late cannot be written down now; the worker tries until it can."""

    name: ClassVar[str] = "effect_late_not_recorded"
    level: ClassVar[Level] = "error"

    error: Code


@dataclass(frozen=True, slots=True)
class EventUnpublishable(RequestEvent):
    """No queue is bound for an event, or it is larger than the broker takes: it stays owed."""

    name: ClassVar[str] = "event_unpublishable"
    level: ClassVar[Level] = "error"

    topic: Code
    reason: Code


@dataclass(frozen=True, slots=True)
class OwedEventsPublished(RequestEvent):
    """Events of a request that had ended were published, which its worker no longer could."""

    name: ClassVar[str] = "owed_events_published"

    events: int


@dataclass(frozen=True, slots=True)
class OwedUnreadable(RequestEvent):
    """Events of a request cannot be read, as when a vault key was removed; they stay owed, others go out."""

    name: ClassVar[str] = "owed_unreadable"
    level: ClassVar[Level] = "error"

    error: Code


@dataclass(frozen=True, slots=True)
class OwedNotPublished(TelemetryEvent):
    """Publishing events that are owed, or looking for them, failed in a way that nobody foresaw."""

    name: ClassVar[str] = "owed_not_published"
    level: ClassVar[Level] = "error"

    error: Code
    at: tuple[Words, ...]
