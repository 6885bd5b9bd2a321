"""One delivery as the runner sees it: what could be read of it, and under which ids it is known."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import MAXYEAR, UTC, datetime
from typing import Any, Self

import orjson

from bridge.bus.dead_letters import without_try
from bridge.bus.port import Delivery
from bridge.contracts.decoding import MAX_BYTES
from bridge.contracts.envelope import EventStyle, Incoming, opaque_id, read_envelope
from bridge.contracts.events import Event
from bridge.contracts.requests import GpConnectRequest
from bridge.engine.journal.requests import Facts
from bridge.engine.outcomes import EngineFault
from bridge.engine.patient_keys import PatientKeys
from bridge.errors import FailureCode, RequestRejected
from bridge.ledger import Opening, RequesterFacts, request_key
from bridge.ledger.storage.store import LedgerStep
from bridge.observe.trace_context import (
    TRACEPARENT,
    TRACESTATE,
    SpanContext,
    current_trace,
    read_trace,
    written_trace,
)
from bridge.pipelines.declaration import Operation, Pipeline
from bridge.record.nhs_number import holds_nhs_number
from bridge.renderings.rendering import OutgoingEvent
from bridge.values import dataclass

# A message whose envelope cannot be read is known by the broker's message id.
_NO_SOURCE = "unreadable"
# One that the ledger does not take up as it is, by what its key would be.
_NOT_TAKEN = "not-taken-up"
_UNKNOWN = "request.unknown"
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class IncomingRequest:
    """A delivery, the request in it when there is one, and why not when there is none.

    Attributes:
        delivery: as the bus handed it over.
        request_id: of the sender.
        request: None when `rejection` says why.
        rejection: what is wrong with the message.
        replay_of: the id of the request that this one asks again for.
        opening: what the ledger is told at the start.
        trace: the trace that the message says it belongs to.
        operation: None when the pipeline has none for the message's routing key.
        edition: of the answers: what is told of a request that had ended and was opened again has other ids
            than what was told before, or a reader that removes repeats would never see it. 0: the first.
        fault: what is wrong with what reads the message, when that is so.
    """

    delivery: Delivery
    request_id: str
    correlation_id: str
    trace: SpanContext | None
    request: GpConnectRequest | None
    rejection: RequestRejected | None
    expires_at: datetime | None
    opening: Opening
    operation: Operation[Any] | None
    encounter_id: str | None = None
    replay_of: str | None = None
    edition: int = 0
    fault: EngineFault | None = None

    def readable(self) -> tuple[Operation[Any], GpConnectRequest]:
        """The operation that is asked for, and the request.

        Raises:
            RequestRejected: the message is at fault.
            EngineFault: what reads it is.
        """
        if self.fault is not None:
            raise self.fault
        if self.rejection is not None:
            raise self.rejection
        assert self.operation is not None, "a message that no operation takes is rejected"
        assert self.request is not None, "a message without a request is rejected"
        return self.operation, self.request

    @property
    def asks_for(self) -> str | None:
        """The routing key of its operation; None when no operation takes it."""
        return self.operation.accepts if self.operation else None

    @property
    def changes_nothing(self) -> bool:
        """Whether it was read, and asks for nothing that changes anything at a practice."""
        return self.request is not None and self.operation is not None and self.operation.changes_nothing

    def facts(self, answers: Sequence[LedgerStep[None]] = ()) -> Facts:
        """What the journal is told of who asked about whom, and of what practices answered."""
        request = self.request
        return Facts(
            opening=self.opening,
            event=self.operation.accepts if self.operation else _UNKNOWN,
            person=request.requested_by if request else None,
            nhs_number=request.patient.nhs_number if request else None,
            answers=answers,
        )

    def as_conflicting(self) -> Self:
        """The same message under a key of its own: its id was used before by another body."""
        return replace(
            self,
            opening=self.opening.as_conflicting(),
            rejection=RequestRejected("id", "was used before by another request"),
            request_id=f"{self.request_id}:{self.opening.body_sha256[:16]}",
        )

    def as_not_taken_up(self, error: Exception) -> Self:
        """The same message under a key of its own, with a fault: the ledger cannot take it as it is.

        Nothing of what the request says is written down with it, because that may be why; who sent it is told
        as of any other. Where it may have had a side effect in an earlier try, nobody knows.
        """
        may_be_done = self.operation is not None and self.operation.in_doubt is not None
        code = FailureCode.OUTCOME_UNKNOWN if may_be_done else FailureCode.INTERNAL
        known_as = opaque_id(self.opening.request_key, is_refused=True)
        return replace(
            self,
            opening=Opening(
                request_key=request_key(_NOT_TAKEN, known_as),
                pipeline=self.opening.pipeline,
                correlation_id=self.correlation_id,
                body_sha256=self.opening.body_sha256,
                received_at=self.opening.received_at,
                attempt=self.opening.attempt,
                own_id=known_as,
            ),
            request=None,
            rejection=None,
            fault=EngineFault("internal", detail=type(error).__name__, code=code),
        )

    def outgoing(self, style: EventStyle, event: Event, *, sequence: str) -> OutgoingEvent:
        """An event about this request, for the renderings."""
        trace = written_trace(current_trace() or self.trace)
        return OutgoingEvent(
            style=style,
            kind=event.kind,
            data=event.data,
            written=event.written,
            request_key=self.opening.request_key,
            told_of=f"{event.snapshot_id}|{self.edition}" if self.edition else event.snapshot_id,
            subject=f"snapshot/{event.snapshot_id}" if event.snapshot_id else f"request/{self.request_id}",
            extensions={
                "correlationid": self.correlation_id,
                "causationid": self.request_id,
                "replayof": self.replay_of,
                TRACEPARENT: trace.get(TRACEPARENT),
                TRACESTATE: trace.get(TRACESTATE),
                "encounterid": self.encounter_id,
                # Known as soon as the request could be read, so events without a record carry it as well.
                "patientkey": event.patient_key or self.opening.patient_key,
                "sequence": sequence,
            },
        )


def read_incoming(
    delivery: Delivery, *, pipeline: Pipeline, keys: PatientKeys, max_bytes: int = MAX_BYTES
) -> IncomingRequest:
    """Read a delivery as far as it can be read: what is wrong with it is in `IncomingRequest.rejection`.

    What else it raises, as a site's own request model may raise anything, is for `unread_request`.

    Args:
        delivery: as the bus handed it over.
        pipeline: whose queue it lay in.
        keys: make the patient's key.
        max_bytes: a larger message is rejected unread.
    """
    operation = pipeline.operation_for(delivery.key)
    incoming: Incoming | None = None
    request: GpConnectRequest | None = None
    rejection: RequestRejected | None = None
    try:
        incoming = envelope_of(delivery, max_bytes=max_bytes)
        if operation is None:
            raise RequestRejected("routing key", "is none that this queue takes")  # noqa: TRY301 - as all faults
        request = incoming.request(operation.request)
    except RequestRejected as fault:
        rejection = fault
    request_id = incoming.request_id if incoming else delivery.id
    correlation_id = incoming.correlation_id if incoming else delivery.correlation_id or delivery.id
    source = incoming.attributes.source if incoming else _NO_SOURCE
    trace = _sent_trace(delivery, incoming, rejection)
    replay_of = incoming.attributes.replayof if incoming else None
    if rejection is not None:
        # Nothing has vouched for the ids of such a message, and they go into headers and logs (JO-033).
        told = {place for place, _rule in rejection.faults}
        correlated_by = "correlationid" if incoming and incoming.attributes.correlationid else "id"
        correlation_id = opaque_id(correlation_id, is_refused=correlated_by in told)
        request_id = opaque_id(request_id, is_refused="id" in told)
        source = opaque_id(source, is_refused="source" in told)
        replay_of = replay_of and opaque_id(replay_of, is_refused="replayof" in told)
    expires_at = _in_utc(incoming.expires_at(request)) if incoming and request else None
    patient_key = keys.of(request.patient.nhs_number) if request else None
    opening = Opening(
        request_key=request_key(source, request_id),
        pipeline=pipeline.name,
        correlation_id=correlation_id,
        body_sha256=_fingerprint(delivery, incoming),
        received_at=datetime.now(UTC),
        patient_key=patient_key,
        expires_at=expires_at,
        requester=_requester(request) if request else None,
        attempt=delivery.attempt,
        turn_key=patient_key if operation and operation.ordered else None,
        own_id=request_id,
        operation=operation.accepts if operation else None,
        asked_at=_in_utc(incoming.attributes.time) if incoming else None,
    )
    return IncomingRequest(
        delivery=delivery,
        request_id=request_id,
        correlation_id=correlation_id,
        trace=trace,
        request=request,
        rejection=rejection,
        expires_at=expires_at,
        opening=opening,
        operation=operation,
        encounter_id=_encounter_id(incoming, is_vouched_for=rejection is None),
        replay_of=replay_of,
    )


def envelope_of(delivery: Delivery, *, max_bytes: int = MAX_BYTES) -> Incoming:
    """The envelope of a delivery, in whichever mode it came.

    Args:
        delivery: as the bus handed it over.
        max_bytes: a larger message is rejected unread.

    Raises:
        RequestRejected: it cannot be read.
    """
    return read_envelope(
        delivery.body,
        message_id=delivery.id if delivery.is_named else None,
        key=delivery.key,
        content_type=delivery.content_type,
        correlation_id=delivery.correlation_id,
        headers=without_try(delivery.headers),
        max_bytes=max_bytes,
    )


def unread_request(delivery: Delivery, error: Exception, *, pipeline: Pipeline) -> IncomingRequest:
    """A delivery that could not even be read: it has to end where somebody sees it all the same.

    Nothing has vouched for its ids, so they are passed on as of a message that is rejected (JO-033).

    Args:
        delivery: as the bus handed it over.
        error: what reading it raised.
        pipeline: whose queue it lay in.
    """
    request_id = opaque_id(delivery.id, is_refused=True)
    correlation_id = opaque_id(delivery.correlation_id or delivery.id)
    return IncomingRequest(
        delivery=delivery,
        request_id=request_id,
        correlation_id=correlation_id,
        trace=None,
        request=None,
        rejection=None,
        expires_at=None,
        opening=Opening(
            request_key=request_key(_NO_SOURCE, request_id),
            pipeline=pipeline.name,
            correlation_id=correlation_id,
            body_sha256=hashlib.sha256(delivery.body).hexdigest(),
            received_at=datetime.now(UTC),
            attempt=delivery.attempt,
            own_id=request_id,
        ),
        operation=None,
        fault=EngineFault("unreadable", detail=type(error).__name__),
    )


def _encounter_id(incoming: Incoming | None, *, is_vouched_for: bool) -> str | None:
    """As sent; of a request that is rejected a hash where it is long, or may hold an NHS number (JO-033)."""
    data = incoming.data if incoming else None
    sent = data.get("encounter_id") if isinstance(data, dict) else None
    if not isinstance(sent, str) or not sent:
        return None
    return sent if is_vouched_for else opaque_id(sent)


def _sent_trace(
    delivery: Delivery, incoming: Incoming | None, rejection: RequestRejected | None
) -> SpanContext | None:
    """The trace that a message belongs to: by its header, which is of the hop before, or by its envelope."""
    headers = {name.casefold(): value for name, value in delivery.headers.items()}
    sent = [(headers.get(TRACEPARENT), headers.get(TRACESTATE))]
    if incoming is not None:
        sent.append((incoming.attributes.traceparent, incoming.attributes.tracestate))
    if rejection is not None:
        # Nothing has vouched for what such a message says (JO-033): of a trace only its ids go on.
        if any(place.endswith(TRACEPARENT) for place, _rule in rejection.faults):
            return None
        sent = [(parent, None) for parent, _state in sent if parent and not holds_nhs_number(parent)]
    elif incoming is not None:
        sent = [(parent, incoming.vouched_for(state)) for parent, state in sent]
    return next((found for parent, state in sent if (found := read_trace(parent, state))), None)


def _in_utc(moment: datetime | None) -> datetime | None:
    """A sender's moment in UTC, or the end of the calendar that it lies beyond: nothing made of it raises."""
    if moment is None:
        return None
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return _LAST if moment.year == MAXYEAR else _FIRST


def _fingerprint(delivery: Delivery, incoming: Incoming | None) -> str:
    """Tells a request that comes again from another under its id: what is asked, not how it is wrapped."""
    content = orjson.dumps(incoming.data, option=orjson.OPT_SORT_KEYS) if incoming else delivery.body
    return hashlib.sha256(content).hexdigest()


def _requester(request: GpConnectRequest) -> RequesterFacts:
    person = request.requested_by
    return RequesterFacts(user_id=person.user_id, role=person.role, organisation=person.organisation.ods_code)
