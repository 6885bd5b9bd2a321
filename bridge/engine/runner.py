"""How a request ends: the one place that turns what a handler did into an outcome and its events.

Every delivery of a request ends in exactly one of (flow rule 2):

=====================================  =========================================  ==================
what happened                          events                                     message
=====================================  =========================================  ==================
the handler returned                   what it returned, ``completed`` last       done
the message is at fault                ``request.rejected``                       dead (rejected)
it cannot even be read                 ``request.failed`` (internal)              dead (unreadable)
`Refused`                              ``request.failed``                         done
`Unavailable`, tries and time left     none                                       waiting room
`Unavailable`, none left               ``request.failed``                         done
`Partial`, none left                   what came, ``completed`` says what not     done
the handler: an error nobody foresaw   ``request.failed`` (internal)              dead (internal)
anything else: such an error           none                                       waiting room
the same for the eleventh time         ``request.failed`` (internal, or           dead (internal)
                                       outcome_unknown: it may have been done)
its worker ended with it, ten times    ``request.failed`` (internal)              dead (crash_loop)
the broker parked it by itself         ``request.failed`` (internal)              dead (parked_by_broker)
any of these, and something was, or    the operation's own event of doubt,        as above
may have been, done                    later what a check comes to
the operation cannot tell of its doubt ``request.failed`` (outcome_unknown),       dead (internal)
                                       later what a check comes to
another of the same patient is first   none                                       waiting room
it ended before, the id comes again    the stored ones, with the same ids         as the first time
its id was used by another request     ``request.rejected``                       dead (rejected)
another worker has it                  none                                       waiting room
the broker never takes an event        owed: published when it is replayed        dead (unroutable, …)
the ledger cannot be written           none                                       waiting room
=====================================  =========================================  ==================

The order is always the same: write down how it ended, publish, note that it is published, acknowledge.
A crash between any two of these is made good by the redelivery, which finds what was written down.

A request of which something was, or may have been, done (`bridge.engine.side_effects`) never ends as failed
or rejected: it is tried again to settle that, whatever its expiry and the switch say (they only keep it from
sending), then it is in doubt, and is checked until that ends.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from bridge.bus import control_headers
from bridge.bus.port import EXPIRED, Bus, Dead, Delivery, Done, Outcome, RetryAfter, Unpublishable
from bridge.contracts.envelope import EventStyle
from bridge.contracts.events import Event, request_failed, request_rejected
from bridge.contracts.requests import GpConnectRequest
from bridge.engine.claims import ClaimChecks
from bridge.engine.context import RequestContext, Services
from bridge.engine.in_doubt_events import told_in_doubt
from bridge.engine.incoming import IncomingRequest, read_incoming, unread_case
from bridge.engine.journal import Journal, Recheck
from bridge.engine.kill_switch import KillSwitch
from bridge.engine.late import open_again
from bridge.engine.memory_budget import Reservation
from bridge.engine.messages import restored, stored
from bridge.engine.outbox import publish
from bridge.engine.outcomes import (
    EngineFault,
    RequestOutcome,
    Try,
    facts_of,
    outcome_of,
    places,
    unforeseen,
    waited_for,
)
from bridge.engine.retry import pause_before_retry
from bridge.engine.side_effects import Limits, SideEffects, TooEarly, lease_margin
from bridge.errors import FailureCode, RequestFailed, RequestRejected, Unavailable
from bridge.ledger import (
    Behind,
    Conflict,
    Ended,
    Lease,
    LeaseLost,
    LedgerUnavailable,
    OwedEvents,
    Reopened,
    Running,
    Started,
    StoredEvent,
)
from bridge.ledger.audit.trail import AuditBroken
from bridge.ledger.clocks import Deadline, uptime, utc_now
from bridge.observe import CallNote, noting_calls
from bridge.pipelines.declaration import Pipeline
from bridge.pipelines.errors import Partial
from bridge.settings import Settings
from bridge.spine.bulkhead import asking_request

log = structlog.get_logger()

# A request that was begun this often without an end takes its worker down each time. How often the broker
# handed it over says nothing: that counts each connection lost under a worker that does well.
CRASH_LOOP = 10
"""Also how many tries may end with an error that is not the handler's and that nobody foresaw."""
_BOOKS_PAUSE = 5.0
_SHORTEST_PAUSE = 1.0
_NOT_TAKEN_UP: Final = ("failed", FailureCode.OUTCOME_UNKNOWN)
"""How only a request ends that could not be taken up: others of which nobody knows are in doubt."""
_UNDER_WAY: Final = "may_be_under_way"
"""Why a request waits until its side effect may be settled; that is no attempt."""


class Runner:
    """Runs one pipeline's handlers for each delivery."""

    def __init__(self, pipeline: Pipeline, services: Services, bus: Bus, settings: Settings) -> None:
        self._pipeline = pipeline
        self._services = services
        self._book: Journal = services.journal
        self._bus = bus
        self._settings = settings
        self._claims = ClaimChecks(services.journal, settings.claims)
        self._switch = KillSwitch.of(settings)
        self._style = EventStyle(
            settings.events.type_prefix, settings.events.source, settings.events.schema_base
        )

    @property
    def pipeline(self) -> str:
        """The pipeline's name."""
        return self._pipeline.name

    async def __call__(self, delivery: Delivery) -> Outcome:
        """Handle one delivery, to its outcome; logs the one line about it."""
        started = time.perf_counter()
        case = self._read(delivery)
        with self._bound(case):
            outcome, facts = await self._handle(case)
            log.info(
                "request_handled",
                outcome=type(outcome).__name__.lower(),
                duration_ms=round((time.perf_counter() - started) * 1000, 1),
                **facts,
            )
            return outcome

    async def check_again(self, reopened: Reopened, next_check: datetime | None) -> None:
        """Work once more on a request in doubt, sending nothing, to end the doubt.

        Args:
            reopened: the request, held.
            next_check: when to check again if it stays in doubt; None: never.

        Raises:
            LedgerUnavailable, LeaseLost, AuditBroken: it stays in doubt.
        """
        delivery, edition = restored(reopened.message)
        case = replace(self._read(delivery), edition=edition)
        effects = self._effects(case, reopened, withheld="in_doubt")
        with self._bound(case):
            async with Reservation(self._services.memory_budget) as reservation:
                with noting_calls() as calls:
                    ending = await self._ending(
                        case, Try(reopened.lease, reservation, effects, is_check=True)
                    )
                assert isinstance(ending, RequestOutcome), "a check is not retried, but made again later"
                await self._end(case, reopened.lease, ending, calls, check_at=next_check)
                await self._publish(case, ending.events, ending.outcome)
            if ending.state != "in_doubt":
                log.info("doubt_ended", state=ending.state, **ending.facts)
            elif next_check is None:
                log.error("doubt_given_up", **ending.facts)

    def _read(self, delivery: Delivery) -> IncomingRequest:
        try:
            return read_incoming(
                delivery,
                pipeline=self._pipeline,
                keys=self._services.patient_keys,
                max_bytes=self._settings.bus.max_request_bytes,
            )
        except Exception as error:  # noqa: BLE001 - a site's own request model may raise anything
            # Out of here it would be tried again and again, and parked in the end with nobody told.
            log.error("reading_failed", error=type(error).__name__, at=places(error))
            return unread_case(delivery, error, pipeline=self._pipeline)

    def _bound(self, case: IncomingRequest) -> AbstractContextManager[object]:
        return structlog.contextvars.bound_contextvars(
            pipeline=self._pipeline.name,
            attempt=case.delivery.attempt,
            correlation_id=case.correlation_id,
        )

    def _effects(
        self, case: IncomingRequest, claim: Started | Reopened, *, withheld: str | None = None
    ) -> SideEffects:
        limits = Limits(
            settle_after=self._settings.settle_after,
            retries=self._settings.retry.attempts,
            is_allowed=case.operation is not None and case.operation.in_doubt is not None,
            margin=lease_margin(self._settings),
            expiry=None
            if case.expires_at is None
            else Deadline.at(case.expires_at, now=utc_now(), uptime=uptime()),
        )
        return SideEffects(self._book, claim.lease, claim.intents, limits, withheld=withheld)

    async def _handle(
        self, case: IncomingRequest, *, is_last: bool = False
    ) -> tuple[Outcome, dict[str, Any]]:
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
        except Exception as error:  # noqa: BLE001 - out of here the bus would park it with nobody told
            log.error("handling_failed", error=type(error).__name__, at=places(error))
            faults = control_headers.faults(case.delivery.headers)
            # A letter of the broker's is looked at again and again: nothing would count.
            if not is_last and (faults >= CRASH_LOOP or case.delivery.given_up is not None):
                return await self._handle(case.as_not_taken_up(error), is_last=True)
            policy = self._settings.retry
            pause = min(policy.max_delay, policy.first_delay * 2.0 ** min(faults, CRASH_LOOP))
            return RetryAfter(pause, "internal", is_bounded=True, is_fault=True), {"reason": "internal"}
        # However long that lasts: a message that is parked meanwhile would be one that nobody is told of.
        return RetryAfter(pause, reason, is_bounded=True), {"reason": reason}

    async def _begin(self, case: IncomingRequest) -> tuple[Outcome, dict[str, Any]]:
        claim = await self._book.begin(case.opening)
        if isinstance(claim, Conflict):
            case = case.as_conflicting()
            claim = await self._book.begin(case.opening)
        match claim:
            case Started(lease):
                try:
                    return await self._work(case, claim)
                finally:
                    await self._book.release(lease)
            case Running(until):
                return _give_back(until, "running_elsewhere")
            case Behind(until):
                return _give_back(until, "behind_another")
            case Ended():
                return await self._pay_what_is_owed(case, claim)
            case Conflict():
                return Dead("rejected", "id: was used before"), {"reason": "conflict"}

    async def _work(self, case: IncomingRequest, claim: Started) -> tuple[Outcome, dict[str, Any]]:
        effects = self._effects(case, claim)
        try:
            return await self._try(case, claim, effects)
        except (LeaseLost, LedgerUnavailable):
            for late in effects.late:
                owed = await open_again(
                    late, case, claim.lease, self._book, self._style, self._settings.settle_after
                )
                if owed is not None:
                    await self._publish(case, owed.events, Done())
            raise

    async def _try(
        self, case: IncomingRequest, claim: Started, effects: SideEffects
    ) -> tuple[Outcome, dict[str, Any]]:
        lease = claim.lease
        async with Reservation(self._services.memory_budget) as reservation:
            with noting_calls() as calls:
                ending = await self._ending(case, Try(lease, reservation, effects, losses=claim.losses))
            if isinstance(ending, RetryAfter):
                pause, code = ending.seconds, ending.reason
                counted = code != _UNDER_WAY
                await self._book.wait(
                    lease, case.facts, seconds=pause, code=code, is_counted=counted, calls=calls
                )
                return ending, {"code": code, "retry_in_s": round(pause, 1)}
            check_at = datetime.now(UTC) + timedelta(seconds=self._settings.settle_after)
            await self._end(case, lease, ending, calls, check_at=check_at)
            return await self._publish(case, ending.events, ending.outcome), ending.facts

    async def _ending(self, case: IncomingRequest, attempt: Try) -> RequestOutcome | RetryAfter:
        """What the handler makes of the request, without a trace of it outside yet."""
        effects = attempt.effects
        asking_request.set(case.opening.request_key)
        try:
            operation, request = case.readable()
            self._check_deliverable(case, attempt)
            async with asyncio.timeout(self._settings.request_timeout):
                events = await operation.handler(request, self._context(case, request, attempt))
            messages = await self._messages(case, events)
            if effects.are_told:
                return RequestOutcome("completed", messages, facts={"events": len(messages)})
            # What it says leaves out something that was, or may have been, done.
            failure: RequestFailed = Unavailable(FailureCode.INTERNAL, stage="engine", detail="effect_untold")
        except RequestRejected as rejection:
            if not effects.is_unfinished:
                return self._rejected(case, rejection)
            failure = RequestFailed(FailureCode.INTERNAL, stage="engine", detail="rejected_after_effect")
        except TimeoutError:
            failure = Unavailable(FailureCode.PROVIDER_TIMEOUT, stage="engine", detail="request timeout")
        except RequestFailed as raised:
            failure = raised
        except (LedgerUnavailable, LeaseLost):
            raise  # nothing can be written down: the request is tried again, and nobody is told anything yet
        except Exception as error:  # noqa: BLE001 - a site's own pipeline may raise anything
            # Where, and of which kind: the text of an unforeseen error may hold anything of the patient.
            log.error("handler_failed", error=type(error).__name__, at=places(error))
            failure = unforeseen(error)
        return await self._unsuccessful(case, attempt, failure)

    async def _unsuccessful(
        self, case: IncomingRequest, attempt: Try, failure: RequestFailed
    ) -> RequestOutcome | RetryAfter:
        effects = attempt.effects
        if attempt.is_check and (effects.is_unfinished or isinstance(failure, Unavailable)):
            return RequestOutcome("in_doubt", [], code=failure.code.value, facts=facts_of(failure))
        if effects.is_unfinished:
            return self._doubtful(case, attempt, failure)
        if isinstance(failure, Partial):
            return await self._partly(case, attempt, failure)
        return self._failed(case, attempt, failure)

    def _context(self, case: IncomingRequest, request: GpConnectRequest, attempt: Try) -> RequestContext:
        return RequestContext(
            case.opening.request_key,
            request,
            self._services,
            reservation=attempt.reservation,
            side_effects=attempt.effects,
            ends_at=asyncio.get_running_loop().time() + self._settings.request_timeout,
            largest_event=None if self._settings.claims.url else self._bus.largest_body,
        )

    def _check_deliverable(self, case: IncomingRequest, attempt: Try) -> None:
        """Whether the handler may be run, and whether it may still send anything."""
        given_up = case.delivery.given_up
        if attempt.losses >= CRASH_LOOP:
            raise EngineFault("crash_loop")
        if given_up is not None and given_up != EXPIRED:
            raise EngineFault("parked_by_broker", detail=given_up)
        effects, lease = attempt.effects, attempt.lease
        has_expired = given_up == EXPIRED or (
            case.expires_at is not None and case.expires_at <= datetime.now(UTC)
        )
        is_stopped = lease.attempt > 1 and self._switch.retries_stopped(self._pipeline.name)
        if effects.were_tried:
            if has_expired or is_stopped:
                effects.withheld = effects.withheld or ("expired" if has_expired else "retries_stopped")
            return
        if is_stopped:
            raise RequestFailed(waited_for(case.delivery), stage="engine", detail="retries_stopped")
        if has_expired:
            if case.delivery.attempt == 1:
                raise RequestRejected("expires_at", "has passed: the request expired before it was read")
            raise RequestFailed(FailureCode.REQUEST_EXPIRED, stage="engine")

    async def _messages(self, case: IncomingRequest, events: Sequence[Event]) -> list[StoredEvent]:
        """Encoded at once, so that what is held while the bus is slow is bytes and not object trees."""
        messages = await self._claims.check_in(case.opening.request_key, self._encode(case, events))
        largest = self._bus.largest_body
        if largest is not None and any(len(message.body) > largest for message in messages):
            raise RequestFailed(FailureCode.CONFIGURATION, stage="engine", detail="event_too_large")
        return messages

    def _rejected(self, case: IncomingRequest, rejection: RequestRejected) -> RequestOutcome:
        events = self._encode(case, [request_rejected(rejection)])
        return RequestOutcome(
            "rejected", events, Dead("rejected", str(rejection)), facts={"faults": str(rejection)}
        )

    def _failed(
        self, case: IncomingRequest, attempt: Try, failure: RequestFailed
    ) -> RequestOutcome | RetryAfter:
        facts = facts_of(failure)
        if isinstance(failure, Unavailable) and not self._switch.retries_stopped(self._pipeline.name):
            pause = self._pause(failure, attempt, case.expires_at)
            if pause is not None:
                log.info("retry_due", **facts)
                return RetryAfter(pause, failure.code.value, is_bounded=True)
        events = self._encode(case, [request_failed(failure, attempts=attempt.lease.attempt)])
        return RequestOutcome("failed", events, outcome_of(failure), failure.code.value, facts)

    async def _partly(
        self, case: IncomingRequest, attempt: Try, partial: Partial
    ) -> RequestOutcome | RetryAfter:
        ending = self._failed(case, attempt, partial)
        if isinstance(ending, RetryAfter):
            return ending
        try:
            messages = await self._messages(case, partial.events)
        except RequestFailed as failure:
            return self._failed(case, attempt, failure)
        return RequestOutcome("completed", messages, facts=facts_of(partial) | {"events": len(messages)})

    def _doubtful(
        self, case: IncomingRequest, attempt: Try, failure: RequestFailed
    ) -> RequestOutcome | RetryAfter:
        """Something was, or may have been, done: ask again, then say that nobody knows."""
        facts = facts_of(failure)
        if not isinstance(failure, EngineFault):
            pause = self._pause(failure, attempt, None)
            if pause is not None:
                log.info("retry_due", **facts)
                reason = _UNDER_WAY if isinstance(failure, TooEarly) else failure.code.value
                pause = max(pause, attempt.effects.settled_in(datetime.now(UTC)))
                return RetryAfter(pause, reason, is_bounded=True)
        doubt = attempt.effects.doubt(failure.code)
        event, outcome = told_in_doubt(case, doubt, self._style, attempts=attempt.lease.attempt)
        log.error("request_in_doubt", kind=doubt.kind, is_done=doubt.is_done, **facts)
        return RequestOutcome("in_doubt", [event], outcome or outcome_of(failure), failure.code.value, facts)

    def _pause(self, failure: RequestFailed, attempt: Try, expires_at: datetime | None) -> float | None:
        return pause_before_retry(
            failure if isinstance(failure, Unavailable) else Unavailable(failure.code, stage=failure.stage),
            attempt=attempt.lease.attempt,
            now=datetime.now(UTC),
            expires_at=expires_at,
            policy=self._settings.retry,
        )

    async def _end(
        self,
        case: IncomingRequest,
        lease: Lease,
        ending: RequestOutcome,
        calls: Sequence[CallNote],
        *,
        check_at: datetime | None,
    ) -> None:
        doubt = Recheck(check_at, stored(case.delivery)) if ending.state == "in_doubt" else None
        await self._book.end(
            lease,
            case.facts,
            state=ending.state,
            code=ending.code,
            events=ending.events,
            calls=calls,
            doubt=doubt,
        )

    async def _pay_what_is_owed(self, case: IncomingRequest, ended: Ended) -> tuple[Outcome, dict[str, Any]]:
        outcome: Outcome = Done()
        if ended.state == "rejected":
            outcome = Dead("rejected", "as the first time")
        elif ended.code == FailureCode.INTERNAL or (ended.state, ended.code) == _NOT_TAKEN_UP:
            outcome = Dead("internal", "as the first time")
        # A sender that asks again gets the stored outcome; a broker that hands over again, what is owed.
        is_asked_again = case.delivery.deliveries == 1 and case.delivery.attempt == 1
        key = case.opening.request_key
        events = await self._book.events(key) if is_asked_again else ended.unpublished
        facts = {"reason": "ended_before", "state": ended.state, "events": len(events)}
        return await self._publish(case, events, outcome), facts

    async def _publish(
        self, case: IncomingRequest, events: Sequence[StoredEvent], outcome: Outcome
    ) -> Outcome:
        try:
            owed = OwedEvents(case.opening.request_key, case.correlation_id, events)
            await publish(owed, self._book, self._bus)
        except Unpublishable as fault:
            # A rejected message is parked as such; of any other the events are owed until it is replayed.
            return outcome if isinstance(outcome, Dead) else Dead(fault.reason, fault.topic)
        return outcome

    def _encode(self, case: IncomingRequest, events: Sequence[Event]) -> list[StoredEvent]:
        return [
            case.event(self._style, event, sequence=f"{number}/{len(events)}")
            for number, event in enumerate(events, start=1)
        ]


def _give_back(until: datetime, reason: str) -> tuple[Outcome, dict[str, Any]]:
    pause = max(_SHORTEST_PAUSE, (until - datetime.now(UTC)).total_seconds())
    return RetryAfter(pause, reason, is_bounded=True), {"reason": reason}
