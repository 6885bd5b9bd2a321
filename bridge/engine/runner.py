"""How a request ends: the one place that turns what a handler did into an outcome and its events.

Every delivery of a request ends in exactly one of (flow rule 2):

=====================================  =========================================  ==================
what happened                          events                                     message
=====================================  =========================================  ==================
the handler returned                   what it returned, ``completed`` last       done
the message is at fault                ``request.rejected``                       dead (rejected)
it cannot even be read                 ``request.failed`` (internal)              dead (unreadable)
`Refused`                              ``request.failed``                         done
`Unavailable`, tries and time left     none                                       delay queue
`Unavailable`, none left               ``request.failed``                         done
`Partial`, none left                   what came, ``completed`` says what not     done
the handler: an error nobody foresaw   ``request.failed`` (internal)              dead (internal)
anything else: such an error           none                                       delay queue
the same for the eleventh time         ``request.failed`` (internal, or           dead (internal)
                                       outcome_unknown: it may have been done)
its worker ended with it, ten times    ``request.failed`` (internal)              dead (crash_loop)
the broker parked it by itself         ``request.failed`` (internal)              dead (parked_by_broker)
any of these, and something was, or    the operation's own event of doubt,        as above
may have been, done                    later what a check comes to
the operation cannot tell of its doubt ``request.failed`` (outcome_unknown),       dead (internal)
                                       later what a check comes to
a rendering cannot tell how it ended   what the other renderings make of it       dead (internal)
a rendering cannot tell the answer     the events, and the other renderings       done; told in the manifest
another of the same patient is first   none                                       delay queue
it ended before, the id comes again    the stored ones, with the same ids         as the first time
its id was used by another request     ``request.rejected``                       dead (rejected)
another worker has it                  none                                       delay queue
the broker never takes an event        owed: published when it is replayed        dead (unroutable, …)
the ledger cannot be written           none                                       delay queue
=====================================  =========================================  ==================

The order is always the same: write down how it ended, publish, note that it is published, acknowledge.
A crash between any two of these is made good by the redelivery, which finds what was written down.

A request of which something was, or may have been, done (`bridge.engine.side_effects`) never ends as failed
or rejected: it is tried again to settle that, whatever its expiry and the kill switch say (they only keep it
from sending), then it is in doubt, and is checked until that ends.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from bridge.bus import control_headers
from bridge.bus.port import Dead, Delivery, Disposition, Done, Publisher, RetryAfter, Unpublishable, broker_of
from bridge.contracts.envelope import EventStyle
from bridge.engine.circumstances import circumstances
from bridge.engine.claims import ClaimChecks
from bridge.engine.context import Services
from bridge.engine.handling import CRASH_LOOP, UNDER_WAY, Handling
from bridge.engine.incoming import IncomingRequest, read_incoming, unread_request
from bridge.engine.late import open_again
from bridge.engine.memory_budget import Reservation
from bridge.engine.messages import restored, stored
from bridge.engine.outbox import publish
from bridge.engine.outcomes import RequestOutcome, Retry, Try, TryFacts, places, told_as
from bridge.engine.rendering import Renderer, rendering_options
from bridge.engine.side_effects import SideEffectLimits, SideEffects, lease_margin
from bridge.engine.tracing import checking, tell_outcome, trying
from bridge.errors import FailureCode
from bridge.ledger import (
    BaseMoved,
    Behind,
    Conflict,
    Ended,
    EndState,
    FollowUp,
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
from bridge.observe import CallNote, about_request, noting_calls, record
from bridge.observe.trace_context import in_trace
from bridge.observe.vocabulary.ledger import AuditFoundBroken, LedgerAway
from bridge.observe.vocabulary.requests import (
    HandlingFailed,
    InDoubtEnded,
    InDoubtGivenUp,
    ReadingFailed,
    RequestHandled,
    RequestReceived,
)
from bridge.pipelines.declaration import Pipeline
from bridge.renderings.rendering import RenderingSpec
from bridge.settings import Settings
from bridge.values import dataclass

_LEDGER_PAUSE = 5.0
_SHORTEST_PAUSE = 1.0
_NOT_TAKEN_UP: Final = ("failed", FailureCode.OUTCOME_UNKNOWN)
"""How only a request ends that could not be taken up: others of which nobody knows are in doubt."""


@dataclass(frozen=True, slots=True)
class _Handled:
    """What is done with a message, in which state its request ended, if it did, and what is told of that.

    `has_ended`: whether this very try ended it, and not one before.
    """

    disposition: Disposition
    state: EndState | None = None
    facts: TryFacts = field(default_factory=TryFacts)
    has_ended: bool = False


class Runner:
    """Runs one pipeline's handlers for each delivery."""

    def __init__(
        self,
        pipeline: Pipeline,
        services: Services,
        bus: Publisher,
        settings: Settings,
        renderings: Mapping[str, RenderingSpec],
    ) -> None:
        self._pipeline = pipeline
        self._services = services
        self._journal = services.journal
        self._bus = bus
        self._broker = broker_of(bus)
        self._settings = settings
        self._queue = pipeline.queue(settings.bus.prefix).name
        style = EventStyle(settings.events.type_prefix, settings.events.source, settings.events.schema_base)
        largest = None if settings.claims.url else bus.largest_body
        self._renderer = Renderer(
            style, renderings, settings.renderings, rendering_options(settings), largest
        )
        claims = ClaimChecks(services.journal.claim_checks, settings.claims)
        self._handling = Handling(pipeline, services, bus.largest_body, settings, self._renderer, claims)

    @property
    def pipeline(self) -> str:
        """The pipeline's name."""
        return self._pipeline.name

    async def __call__(self, delivery: Delivery) -> Disposition:
        """Handle one delivery, to its outcome; logs the one line about it."""
        started = time.perf_counter()
        incoming = self._read(delivery)
        with trying(incoming, broker=self._broker, queue=self._queue) as made, self._about(incoming):
            record(RequestReceived(deliveries=delivery.deliveries, reason=delivery.given_up))
            handled = await self._handle(incoming)
            outcome = told_as(handled.disposition, handled.state)
            tell_outcome(made, outcome, handled.facts)
            record(
                RequestHandled(
                    outcome=outcome,
                    duration_ms=round((time.perf_counter() - started) * 1000, 1),
                    operation=incoming.asks_for,
                    ended=handled.state if handled.has_ended else None,
                    age_s=_age(incoming) if handled.has_ended else None,
                    **handled.facts,
                )
            )
            return handled.disposition

    async def check_again(self, reopened: Reopened, next_check: datetime | None) -> None:
        """Work once more on a request in doubt, sending nothing, to end the doubt.

        Args:
            reopened: the request, held.
            next_check: when to check again if it stays in doubt; None: never.

        Raises:
            LedgerUnavailable, LeaseLost, AuditBroken: it stays in doubt.
        """
        delivery, edition = restored(reopened.message)
        incoming = replace(self._read(delivery), edition=edition)
        side_effects = self._side_effects(incoming, reopened, withheld="in_doubt")
        with checking(incoming) as made, self._about(incoming):
            async with Reservation(self._services.memory_budget) as reservation:
                with noting_calls() as calls:
                    attempt = Try(reopened.lease, reservation, side_effects, is_check=True)
                    outcome = await self._handling.outcome_of(incoming, attempt)
                assert isinstance(outcome, RequestOutcome), "a check is not retried, but made again later"
                outcome = await self._finish(incoming, attempt, outcome, calls, check_at=next_check)
                await self._publish(incoming, outcome.events, outcome.disposition)
            ended = told_as(outcome.disposition, outcome.state)
            tell_outcome(made, ended, outcome.facts)
            if outcome.state != "in_doubt":
                record(
                    InDoubtEnded(
                        outcome=ended,
                        operation=incoming.asks_for,
                        ended=outcome.state,
                        **outcome.facts,
                    )
                )
            elif next_check is None:
                record(InDoubtGivenUp(**outcome.facts))

    def about(self, delivery: Delivery) -> AbstractContextManager[None]:
        """Around what a bus logs of a delivery, whether it is handed over or not."""
        incoming, _error = self._read_or_not(delivery)
        return self._about_sent(incoming)

    def _read(self, delivery: Delivery) -> IncomingRequest:
        incoming, error = self._read_or_not(delivery)
        if error is not None:
            with self._about(incoming):
                record(ReadingFailed(type(error).__name__, places(error)))
        return incoming

    def _read_or_not(self, delivery: Delivery) -> tuple[IncomingRequest, Exception | None]:
        try:
            incoming = read_incoming(
                delivery,
                pipeline=self._pipeline,
                keys=self._services.patient_keys,
                max_bytes=self._settings.bus.max_request_bytes,
            )
        except Exception as error:  # noqa: BLE001 - a site's own request model may raise anything
            # Out of here it would be tried again and again, and parked in the end with nobody told.
            return unread_request(delivery, error, pipeline=self._pipeline), error
        return incoming, None

    @contextmanager
    def _about_sent(self, incoming: IncomingRequest) -> Iterator[None]:
        with in_trace(incoming.trace), self._about(incoming):
            yield

    def _about(self, incoming: IncomingRequest) -> AbstractContextManager[None]:
        return about_request(
            incoming.opening.request_key,
            correlation_id=incoming.correlation_id,
            pipeline=self._pipeline.name,
            attempt=incoming.delivery.attempt,
        )

    def _side_effects(
        self, incoming: IncomingRequest, begun: Started | Reopened, *, withheld: str | None = None
    ) -> SideEffects:
        limits = SideEffectLimits(
            settle_after=self._settings.settle_after,
            retries=self._settings.retry.attempts,
            is_allowed=incoming.operation is not None and incoming.operation.in_doubt is not None,
            margin=lease_margin(self._settings),
            expiry=None
            if incoming.expires_at is None
            else Deadline.at(incoming.expires_at, now=utc_now(), uptime=uptime()),
        )
        journal = self._journal.side_effects
        return SideEffects(journal, begun.lease, begun.intents, limits, withheld=withheld)

    async def _handle(self, incoming: IncomingRequest, *, is_last: bool = False) -> _Handled:
        try:
            return await self._begin(incoming)
        except LedgerUnavailable as fault:
            record(LedgerAway(fault.reason, "request"))
            reason, pause = "ledger_unavailable", _LEDGER_PAUSE
        except LeaseLost:
            reason, pause = "lease_lost", _SHORTEST_PAUSE
        except AuditBroken as fault:
            # Nothing is done that cannot be recorded; an operator investigates and resumes the trail.
            record(AuditFoundBroken(str(fault)))
            reason, pause = "audit_broken", _LEDGER_PAUSE
        except Exception as error:  # noqa: BLE001 - out of here the bus would park it with nobody told
            record(HandlingFailed(type(error).__name__, places(error)))
            faults = control_headers.faults(incoming.delivery.headers)
            # A dead letter of the broker's is looked at again and again: nothing would count.
            if not is_last and (faults >= CRASH_LOOP or incoming.delivery.given_up is not None):
                return await self._handle(incoming.as_not_taken_up(error), is_last=True)
            policy = self._settings.retry
            pause = min(policy.max_delay, policy.first_delay * 2.0 ** min(faults, CRASH_LOOP))
            return _Handled(
                RetryAfter(pause, "internal", is_bounded=True, is_fault=True), facts={"reason": "internal"}
            )
        # However long that lasts: a message that is parked meanwhile would be one that nobody is told of.
        return _Handled(RetryAfter(pause, reason, is_bounded=True), facts={"reason": reason})

    async def _begin(self, incoming: IncomingRequest) -> _Handled:
        begun = await self._journal.requests.begin(incoming.opening)
        if isinstance(begun, Conflict):
            incoming = incoming.as_conflicting()
            begun = await self._journal.requests.begin(incoming.opening)
        match begun:
            case Started(lease):
                try:
                    return await self._work(incoming, begun)
                finally:
                    await self._journal.leases.release(lease)
            case Running(until):
                return _give_back(until, "running_elsewhere")
            case Behind(until):
                return _give_back(until, "behind_another")
            case Ended():
                return await self._pay_what_is_owed(incoming, begun)
            case Conflict():
                return _Handled(Dead("rejected", "id: was used before"), "rejected", {"reason": "conflict"})

    async def _work(self, incoming: IncomingRequest, begun: Started) -> _Handled:
        side_effects = self._side_effects(incoming, begun)
        try:
            return await self._try(incoming, begun, side_effects)
        except (LeaseLost, LedgerUnavailable):
            settle_after = self._settings.settle_after
            for late in side_effects.late:
                owed = await open_again(
                    late, incoming, begun.lease, self._journal, self._renderer, settle_after
                )
                if owed is not None:
                    await self._publish(incoming, owed.events, Done())
            raise

    async def _try(self, incoming: IncomingRequest, begun: Started, side_effects: SideEffects) -> _Handled:
        lease = begun.lease
        async with Reservation(self._services.memory_budget) as reservation:
            with noting_calls() as calls:
                attempt = Try(lease, reservation, side_effects, losses=begun.losses)
                outcome = await self._handling.outcome_of(incoming, attempt)
            if isinstance(outcome, Retry):
                pause, code = outcome.disposition.seconds, outcome.disposition.reason
                await self._journal.requests.wait(
                    lease,
                    incoming.facts(attempt.answers),
                    seconds=pause,
                    code=code,
                    is_counted=code != UNDER_WAY,
                    calls=calls,
                    told=circumstances(outcome.facts, calls, outcome.disposition),
                )
                return _Handled(outcome.disposition, facts={"code": code, "retry_in_s": round(pause, 1)})
            check_at = datetime.now(UTC) + timedelta(seconds=self._settings.settle_after)
            outcome = await self._finish(incoming, attempt, outcome, calls, check_at=check_at)
            disposition = await self._publish(incoming, outcome.events, outcome.disposition)
            return _Handled(disposition, outcome.state, outcome.facts, has_ended=True)

    async def _finish(
        self,
        incoming: IncomingRequest,
        attempt: Try,
        outcome: RequestOutcome,
        calls: Sequence[CallNote],
        *,
        check_at: datetime | None,
    ) -> RequestOutcome:
        """End the request; with which outcome, where another one about the patient ended meanwhile."""
        while True:
            try:
                await self._journal.requests.finish(
                    attempt.lease,
                    incoming.facts(attempt.answers),
                    state=outcome.state,
                    code=outcome.code,
                    events=outcome.events,
                    calls=calls,
                    told=circumstances(outcome.facts, calls, outcome.disposition, attempt.found),
                    follow_up=self._follow_up(incoming, outcome, check_at),
                )
            except BaseMoved:
                assert outcome.again is not None, "what has a base can be compared anew"
                outcome = await outcome.again()
            else:
                # Publishing may take long: the answer itself is not held on to.
                return outcome if outcome.again is None else replace(outcome, base=None, again=None)

    def _follow_up(
        self, incoming: IncomingRequest, outcome: RequestOutcome, check_at: datetime | None
    ) -> FollowUp | None:
        """What is kept: to check a request in doubt, to ask again for a read that failed, to compare with."""
        if outcome.state == "in_doubt":
            return FollowUp(stored(incoming.delivery), check_at)
        is_asked_again = outcome.state == "failed" and incoming.changes_nothing
        if is_asked_again and self._settings.ledger.keep_failed_messages_days:
            return FollowUp(stored(incoming.delivery))
        return None if outcome.base is None else FollowUp(base=outcome.base)

    async def _pay_what_is_owed(self, incoming: IncomingRequest, ended: Ended) -> _Handled:
        outcome: Disposition = Done()
        if ended.state == "rejected":
            outcome = Dead("rejected", "as the first time")
        elif ended.code == FailureCode.INTERNAL or (ended.state, ended.code) == _NOT_TAKEN_UP:
            outcome = Dead("internal", "as the first time")
        # A sender that asks again gets the stored outcome; a broker that hands over again, what is owed.
        is_asked_again = incoming.delivery.deliveries == 1 and incoming.delivery.attempt == 1
        key = incoming.opening.request_key
        events = await self._journal.outbox.stored_events(key) if is_asked_again else ended.unpublished
        disposition = await self._publish(incoming, events, outcome)
        return _Handled(disposition, ended.state, {"reason": "ended_before", "events": len(events)})

    async def _publish(
        self, incoming: IncomingRequest, events: Sequence[StoredEvent], outcome: Disposition
    ) -> Disposition:
        try:
            owed = OwedEvents(incoming.opening.request_key, incoming.correlation_id, events)
            await publish(owed, self._journal.outbox, self._bus)
        except Unpublishable as fault:
            # A rejected message is parked as such; of any other the events are owed until it is replayed.
            return outcome if isinstance(outcome, Dead) else Dead(fault.reason, fault.topic)
        return outcome


def _age(incoming: IncomingRequest) -> float | None:
    """Seconds since the request's own time; of a sender's clock that is ahead, none."""
    asked_at = incoming.opening.asked_at
    return None if asked_at is None else round(max(0.0, (utc_now() - asked_at).total_seconds()), 1)


def _give_back(until: datetime, reason: str) -> _Handled:
    pause = max(_SHORTEST_PAUSE, (until - datetime.now(UTC)).total_seconds())
    return _Handled(RetryAfter(pause, reason, is_bounded=True), facts={"reason": reason})
