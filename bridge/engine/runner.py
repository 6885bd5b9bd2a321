"""How a request ends: the one place that turns what a handler did into an outcome and its events.

Every delivery of a request ends in exactly one of (flow rule 2):

=====================================  =========================================  ==================
what happened                          events                                     message
=====================================  =========================================  ==================
the handler returned                   what it returned, ``completed`` last       done
the message is at fault                ``request.rejected``                       dead (rejected)
`Refused`                              ``request.failed``                         done
`Unavailable`, tries and time left     none                                       waiting room
`Unavailable`, none left               ``request.failed``                         done
an error nobody foresaw                ``request.failed`` (internal)              dead (internal)
handed over again and again            ``request.failed`` (internal)              dead (crash_loop)
it ended before, the id comes again    the stored ones, with the same ids         as the first time
its id was used by another request     ``request.rejected``                       dead (rejected)
another worker has it                  none                                       waiting room
the broker never takes an event        owed: published when it is replayed        dead (unroutable, …)
the ledger cannot be written           none                                       waiting room
=====================================  =========================================  ==================

The order is always the same: write down how it ended, publish, note that it is published, acknowledge.
A crash between any two of these is made good by the redelivery, which finds what was written down.
"""

import asyncio
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from bridge.bus.marks import RETRY_REASON
from bridge.bus.port import Bus, Dead, Delivery, Done, Outcome, RetryAfter, Unpublishable
from bridge.contracts.envelope import EventStyle
from bridge.contracts.events import Event, request_failed, request_rejected
from bridge.engine.book import Book
from bridge.engine.case import Case, read_case
from bridge.engine.context import Context, Services
from bridge.engine.desk import Seat
from bridge.engine.pipeline import Pipeline
from bridge.engine.retry import pause_before_retry
from bridge.engine.switch import RetrySwitch
from bridge.errors import FailureCode, RequestFailed, RequestRejected, ResponseInvalid, Unavailable
from bridge.ledger import (
    Conflict,
    Ended,
    EndState,
    Lease,
    LeaseLost,
    LedgerUnavailable,
    Running,
    Started,
    StoredEvent,
)
from bridge.ledger.audit import AuditBroken
from bridge.observe import CallNote, noting_calls
from bridge.settings import Settings

log = structlog.get_logger()

# A message that was handed over this often without an end takes the process down with it each time.
CRASH_LOOP = 10
_BOOKS_PAUSE = 5.0
_SHORTEST_PAUSE = 1.0
_PLACES = 5


@dataclass(frozen=True, slots=True)
class _Ending:
    """How a request ends: what is written down, published, and done with the message."""

    state: EndState
    events: Sequence[StoredEvent]
    outcome: Outcome = field(default_factory=Done)
    code: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


class Runner:
    """Runs one pipeline's handler for each delivery."""

    def __init__(self, pipeline: Pipeline[Any], services: Services, bus: Bus, settings: Settings) -> None:
        self._pipeline = pipeline
        self._services = services
        self._book: Book = services.book
        self._bus = bus
        self._settings = settings
        self._switch = RetrySwitch.of(settings)
        self._style = EventStyle(
            settings.events.type_prefix, settings.events.source, settings.events.schema_base
        )

    async def __call__(self, delivery: Delivery) -> Outcome:
        """Handle one delivery, to its outcome; logs the one line about it."""
        started = time.perf_counter()
        case = read_case(
            delivery,
            pipeline=self._pipeline.name,
            accepts=self._pipeline.accepts,
            model=self._pipeline.request,
            keys=self._services.patient_keys,
            max_bytes=self._settings.bus.max_request_bytes,
        )
        with structlog.contextvars.bound_contextvars(
            pipeline=self._pipeline.name,
            attempt=delivery.attempt,
            correlation_id=case.correlation_id,
        ):
            outcome, facts = await self._handle(case)
            log.info(
                "request_handled",
                outcome=type(outcome).__name__.lower(),
                duration_ms=round((time.perf_counter() - started) * 1000, 1),
                **facts,
            )
            return outcome

    async def _handle(self, case: Case) -> tuple[Outcome, dict[str, Any]]:
        try:
            return await self._begin(case)
        except LedgerUnavailable as fault:
            log.error("ledger_unavailable", reason=fault.reason)
            reason, pause = "ledger_unavailable", _BOOKS_PAUSE
        except LeaseLost:
            reason, pause = "lease_lost", _SHORTEST_PAUSE
        except AuditBroken as fault:
            # Nothing is done that cannot be recorded; an operator investigates and resumes the trail.
            log.error("audit_broken", detail=str(fault))
            reason, pause = "audit_broken", _BOOKS_PAUSE
        return RetryAfter(pause, reason), {"reason": reason}

    async def _begin(self, case: Case) -> tuple[Outcome, dict[str, Any]]:
        claim = await self._book.begin(case.opening)
        if isinstance(claim, Conflict):
            case = case.as_conflicting()
            claim = await self._book.begin(case.opening)
        match claim:
            case Started(lease):
                try:
                    return await self._work(case, lease)
                finally:
                    await self._book.release(lease)
            case Running(until):
                pause = max(_SHORTEST_PAUSE, (until - datetime.now(UTC)).total_seconds())
                return RetryAfter(pause, "running_elsewhere"), {"reason": "running_elsewhere"}
            case Ended():
                return await self._pay_what_is_owed(case, claim)
            case Conflict():
                return Dead("rejected", "id: was used before"), {"reason": "conflict"}

    async def _work(self, case: Case, lease: Lease) -> tuple[Outcome, dict[str, Any]]:
        async with Seat(self._services.desk) as seat:
            with noting_calls() as calls:
                ending = await self._ending(case, lease, seat)
            if isinstance(ending, RetryAfter):
                pause, code = ending.seconds, ending.reason
                await self._book.wait(lease, case.facts, seconds=pause, code=code, calls=calls)
                return ending, {"code": code, "retry_in_s": round(pause, 1)}
            await self._end(case, lease, ending, calls)
            return await self._publish(case, ending.events, ending.outcome), ending.facts

    async def _ending(self, case: Case, lease: Lease, seat: Seat) -> _Ending | RetryAfter:
        """What the handler makes of the request, without a trace of it outside yet."""
        try:
            request = case.readable()
            self._check_deliverable(case, lease)
            async with asyncio.timeout(self._settings.request_timeout):
                events = await self._pipeline.handler(
                    request,
                    Context(case.request_id, case.opening.request_key, request, self._services, seat),
                )
            # Encoded at once, so that what is held while the bus is slow is bytes and not object trees.
            messages = self._encode(case, events)
            self._check_size(messages)
            return _Ending("completed", messages, facts={"events": len(messages)})
        except RequestRejected as rejection:
            events = [request_rejected(rejection)]
            outcome = Dead("rejected", str(rejection))
            return _Ending("rejected", self._encode(case, events), outcome, facts={"faults": str(rejection)})
        except TimeoutError:
            failure: RequestFailed = Unavailable(
                FailureCode.PROVIDER_TIMEOUT, stage="engine", detail="request timeout"
            )
        except RequestFailed as raised:
            failure = raised
        except LedgerUnavailable:
            raise  # the answer could not be kept: the request is tried again, and nobody is told anything yet
        except Exception as error:  # noqa: BLE001 - a site's own pipeline may raise anything
            # Where, and of which kind: the text of an unforeseen error may hold anything of the patient.
            log.error("handler_failed", error=type(error).__name__, at=_places(error))
            failure = _EngineFault("internal", detail=type(error).__name__)
        return self._failed(case, lease, failure)

    def _check_deliverable(self, case: Case, lease: Lease) -> None:
        if case.delivery.deliveries > CRASH_LOOP:
            raise _EngineFault("crash_loop")
        if lease.attempt > 1 and self._switch.retries_stopped(self._pipeline.name):
            raise RequestFailed(_waited_for(case.delivery), stage="engine", detail="retries_stopped")
        if case.expires_at is not None and case.expires_at <= datetime.now(UTC):
            if lease.attempt == 1:
                raise RequestRejected("expires_at", "has passed: the request expired before it was read")
            raise RequestFailed(FailureCode.REQUEST_EXPIRED, stage="engine")

    def _check_size(self, messages: Sequence[StoredEvent]) -> None:
        largest = self._bus.largest_body
        if largest is not None and any(len(message.body) > largest for message in messages):
            raise RequestFailed(FailureCode.CONFIGURATION, stage="engine", detail="event_too_large")

    def _failed(self, case: Case, lease: Lease, failure: RequestFailed) -> _Ending | RetryAfter:
        facts: dict[str, Any] = {"code": failure.code.value, "stage": failure.stage, "detail": failure.detail}
        if isinstance(failure, ResponseInvalid):
            facts["body_sha256"] = failure.body_sha256
        if isinstance(failure, Unavailable):
            pause = pause_before_retry(
                failure,
                attempt=lease.attempt,
                now=datetime.now(UTC),
                expires_at=case.expires_at,
                policy=self._settings.retry,
            )
            if pause is not None and not self._switch.retries_stopped(self._pipeline.name):
                log.info("retry_due", **facts)
                return RetryAfter(pause, failure.code.value)
        events = self._encode(case, [request_failed(failure, attempts=lease.attempt)])
        code = failure.code.value
        if isinstance(failure, _EngineFault):
            return _Ending("failed", events, Dead(failure.reason, failure.detail), code, facts)
        return _Ending("failed", events, Done(), code, facts)

    async def _end(self, case: Case, lease: Lease, ending: _Ending, calls: Sequence[CallNote]) -> None:
        await self._book.end(
            lease,
            case.facts,
            state=ending.state,
            code=ending.code,
            events=ending.events,
            calls=calls,
        )

    async def _pay_what_is_owed(self, case: Case, ended: Ended) -> tuple[Outcome, dict[str, Any]]:
        outcome: Outcome = Done()
        if ended.state == "rejected":
            outcome = Dead("rejected", "as the first time")
        elif ended.code == FailureCode.INTERNAL:
            outcome = Dead("internal", "as the first time")
        # A sender that asks again gets the stored outcome; a broker that hands over again, what is owed.
        is_asked_again = case.delivery.deliveries == 1 and case.delivery.attempt == 1
        key = case.opening.request_key
        events = await self._book.events(key) if is_asked_again else ended.unpublished
        facts = {"reason": "ended_before", "state": ended.state, "events": len(events)}
        return await self._publish(case, events, outcome), facts

    async def _publish(self, case: Case, events: Sequence[StoredEvent], outcome: Outcome) -> Outcome:
        try:
            for event in events:
                await self._bus.publish(
                    event.topic,
                    event.body,
                    id=event.id,
                    content_type=event.content_type,
                    correlation_id=case.correlation_id,
                )
        except Unpublishable as fault:
            log.error("event_unpublishable", topic=fault.topic, reason=fault.reason)
            # A rejected message is parked as such; of any other the events are owed until it is replayed.
            return outcome if isinstance(outcome, Dead) else Dead(fault.reason, fault.topic)
        if events:
            try:
                await self._book.published(case.opening.request_key, [event.id for event in events])
            except LedgerUnavailable as fault:
                # They are out; at worst they go out once more, with the same ids.
                log.warning("ledger_unavailable", reason=fault.reason)
        return outcome

    def _encode(self, case: Case, events: Sequence[Event]) -> list[StoredEvent]:
        return [
            case.event(self._style, event, sequence=f"{number}/{len(events)}")
            for number, event in enumerate(events, start=1)
        ]


def _places(error: BaseException) -> list[str]:
    """Where an error came from, innermost last, without its text."""
    frames = traceback.extract_tb(error.__traceback__)[-_PLACES:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]


def _waited_for(delivery: Delivery) -> FailureCode:
    """Why a request that comes back from its waiting room was put there."""
    try:
        return FailureCode(delivery.headers.get(RETRY_REASON, ""))
    except ValueError:
        return FailureCode.INTERNAL


class _EngineFault(RequestFailed):
    """Not the request but the engine is at fault: the message is parked too, to be sent again later."""

    def __init__(self, reason: str, *, detail: str = "") -> None:
        super().__init__(FailureCode.INTERNAL, stage="engine", detail=f"{reason} {detail}".strip())
        self.reason = reason
