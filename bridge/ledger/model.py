"""What goes into the ledger and what comes out of it."""

from collections.abc import Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from typing import Final, Literal, Self

from bridge.values import dataclass

EndState = Literal["completed", "failed", "rejected", "in_doubt"]
"""How a request ends. `in_doubt`: something was sent that may or may not have been done."""
State = Literal["in_flight", "waiting", "completed", "failed", "rejected", "in_doubt"]
"""`waiting`: for its retry, or behind another. Every request is in exactly one state (flow rule 2)."""
ListedOutcome = Literal["completed", "failed", "rejected", "in_doubt", "retrying", "dead", "in_flight"]
"""How a request stands, in the words of the log; `in_flight`: a try goes on, or was lost with its worker."""
FOUND_OUT: Final = "found_out"
"""Code of a request in doubt of which a person has found out what was done."""
IntentVerdict = Literal["done", "not_done", "refused", "not_sent"]
"""What became of an intent: done or not, as the other side tells when it is asked; refused in its answer; or
never sent, by our own decision."""
QualityKind = Literal["outcome", "items", "unmapped", "issue", "degraded"]
"""What is counted of a record: how an area was answered; its items; what is not among them; an issue code; a
transfer-degraded code, which has no clinical meaning."""


def request_key(source: str, request_id: str) -> str:
    """A CloudEvents request is identified by its source and id together; a source holds no blanks."""
    return f"{source} {request_id}"


@dataclass(frozen=True, slots=True)
class RequesterFacts:
    """Who asked, as the request says (JO-024, JO-026)."""

    user_id: str
    role: str
    organisation: str
    """ODS code of the organisation the user works for."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A request at the moment it is taken up.

    Attributes:
        request_key: see `request_key`.
        pipeline: which pipeline runs it.
        correlation_id: joins everything that belongs to it.
        body_sha256: of the message body, to tell a repeat from another request under a used id.
        received_at: when this delivery came; kept from the first one.
        patient_key: keyed hash of the NHS number; None when the body could not be read.
        expires_at: after this the answer is of no use.
        requester: None when the body could not be read.
        attempt: of the delivery, as the bus counts; see `Running`.
        turn_key: of requests that are worked on one after another, in order of arrival; None of all others.
        turn_kept: how late one of them may be for its next try and still hold up those behind it.
        own_id: the sender's id of the request, by which it is found too.
        operation: what it asks for; None when the queue takes no such message.
        asked_at: when its sender says that it was asked; of an HL7 v2 list, when the practice gave it.
    """

    request_key: str
    pipeline: str
    correlation_id: str
    body_sha256: str
    received_at: datetime
    patient_key: str | None = None
    expires_at: datetime | None = None
    requester: RequesterFacts | None = None
    attempt: int = 1
    turn_key: str | None = None
    turn_kept: timedelta = timedelta(hours=1)
    own_id: str | None = None
    operation: str | None = None
    asked_at: datetime | None = None

    def as_conflicting(self) -> Self:
        """The same opening under a key of its own, so that a `Conflict` is rejected on the record too."""
        return replace(self, request_key=f"{self.request_key} {self.body_sha256}", turn_key=None)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a request, until it is ended, put to wait, released or taken over.

    It is renewed in time by itself. Whoever holds an older `token` changes nothing any more.

    Attributes:
        row: the request's number in this ledger.
        holder: names this lease; the worker's id is its first part.
        token: how often the request was started, this time included.
        attempt: 1 for the first try, one more for each wait: what the retry policy counts. A start after a
            crash is no new attempt.
        delivery: what the bus counted (`Opening.attempt`).
        started_at: when this start began.
    """

    request_key: str
    row: int
    holder: str
    token: int
    attempt: int
    delivery: int
    started_at: datetime


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event, whole, as it is or was to be published."""

    id: str
    topic: str
    body: bytes = field(repr=False)
    content_type: str = "application/cloudevents+json"


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call to PDS, SDS or a practice. It names no URL, because those carry NHS numbers (JO-033).

    Attributes:
        what: interaction or operation.
        where: service name or ODS code of the practice.
        trace_id: ``Ssp-TraceID`` or the service's own request id.
        status: of HTTP; None when no answer came.
        code: how it failed; None when it did not.
        started_at: when it was sent.
        duration_ms: until the answer was read, or given up.
    """

    what: str
    where: str
    trace_id: str
    status: int | None
    started_at: datetime
    duration_ms: float
    code: str | None = None


@dataclass(frozen=True, slots=True)
class QualityNote:
    """Something about what a practice sent, as often as it was met in one record.

    Attributes:
        kind: what it is about.
        area: the clinical area; empty where it is of none, or cannot be told.
        code: an outcome, reason, issue code or degraded code.
        count: how often.
        example: ``Type/id`` of a resource, for the supplier to look at; None where there is none to show.
    """

    kind: QualityKind
    area: str
    code: str
    count: int
    example: str | None = None


@dataclass(frozen=True, slots=True)
class QualityFound:
    """One record, as far as it says how good it is. Nothing of the patient.

    Attributes:
        practice_ods: who sent it.
        supplier_ods: whose system the practice has, as the directory says; None: it did not say.
        notes: what was met.
    """

    practice_ods: str
    supplier_ods: str | None
    notes: Sequence[QualityNote]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is told of how a try ended, beside its code: by this requests are listed, and grouped by cause.

    Codes, and words of ours: never a sender's or a practice's own text.

    Attributes:
        stage: where it failed, as in `request.failed`.
        upstream: which of the services that are called was in the way.
        detail: more about it, at most 200 characters.
        practice_ods: the practice that was, or was to be, asked.
        dead_letter: the reason of the dead letter that its message became; None: it became none.
        found: how good the records were that came; counted when the request has ended.
    """

    stage: str | None = None
    upstream: str | None = None
    detail: str | None = None
    practice_ods: str | None = None
    dead_letter: str | None = None
    found: Sequence[QualityFound] = ()


@dataclass(frozen=True, slots=True)
class FailureCause:
    """Why requests did not succeed: those with the same one are a group. Fields as in `Circumstances`.

    `code`: None of one whose message is at fault.
    """

    pipeline: str
    stage: str | None
    code: str | None
    upstream: str | None
    detail: str | None


NO_CIRCUMSTANCES: Final = Circumstances()


@dataclass(frozen=True, slots=True)
class Intent:
    """A side effect that was about to be caused, and what is known of it.

    A call that failed, or whose worker died, may still be under way: settle nothing before a call must have
    ended that was sent at the last moment of its try.

    Attributes:
        kind: e.g. ``appointment.book``; at most one of a kind is open per request.
        payload: what was to be sent; empty once pruned.
        settle_key: tells it from others of its kind, and is what the other side finds it by; no patient data.
        verdict: None while it is unknown what became of it.
        result: what the other side said, kept with the verdict.
        tried_until: when the try that was about to send it ended, or was found lost; None while it goes on.
    """

    row: int
    request_key: str
    kind: str
    settle_key: str
    created_at: datetime
    payload: bytes = field(repr=False)
    verdict: IntentVerdict | None = None
    result: bytes | None = field(default=None, repr=False)
    tried_until: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is still unknown what became of it."""
        return self.verdict is None


@dataclass(frozen=True, slots=True)
class Started:
    """The request is ours. Its `intents` come from tries before this one: settle the open ones first.

    `taken_over`: the last try ended without a word, by a crash. `losses`: how many of its tries did.
    """

    lease: Lease
    intents: Sequence[Intent] = ()
    taken_over: bool = False
    losses: int = 0


@dataclass(frozen=True, slots=True)
class Reopened:
    """A request in doubt is ours, to be checked once more.

    `message`: what was asked, as it was left with `Ledger.finish`.
    """

    lease: Lease
    intents: Sequence[Intent]
    message: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewBase:
    """What is kept of a patient from now on.

    Attributes:
        patient_key: whose.
        read_as: the token of what it was made from; None: there was nothing.
        body: the bytes.
    """

    patient_key: str
    read_as: str | None
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What may follow the end of a request: one in doubt is checked, one that failed may be asked again.

    Attributes:
        message: what was asked, for whoever does so; the first one is kept.
        check_at: of one in doubt: when it is checked; None: never, a person must find out.
        base: of one that told of a record: what the next answer about the patient is compared with.
    """

    message: bytes | None = field(default=None, repr=False)
    check_at: datetime | None = None
    base: NewBase | None = None


@dataclass(frozen=True, slots=True)
class Reopening:
    """How a request that had ended goes on when something was found out too late; see `Ledger.came_late`.

    Attributes:
        code: why it is in doubt.
        events: that say so.
        message: what was asked, for whoever checks.
        check_at: when.
    """

    code: str
    events: Sequence[StoredEvent]
    message: bytes = field(repr=False)
    check_at: datetime


@dataclass(frozen=True, slots=True)
class Running:
    """Somebody works on it, or it waits for its retry: give the message back until then."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Behind:
    """Another request about the same patient comes first; this one waits, and that is no attempt."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """It has ended; what is `unpublished` is still owed."""

    state: EndState
    code: str | None
    unpublished: Sequence[StoredEvent] = ()


@dataclass(frozen=True, slots=True)
class Conflict:
    """The id was used before by another body: the sender must be told (`Opening.as_conflicting`)."""


BeginResult = Started | Running | Behind | Ended | Conflict


@dataclass(frozen=True, slots=True)
class OwedEvents:
    """Events of an ended request that nobody published.

    Attributes:
        request_key: of the request.
        correlation_id: that they carry.
        events: in their order, up to the first one whose body cannot be opened.
        unreadable: the type of what keeps that one from being opened; it and those after it stay owed.
    """

    request_key: str
    correlation_id: str
    events: Sequence[StoredEvent]
    unreadable: str | None = None
