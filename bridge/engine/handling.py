"""What one try of a handler comes to: an outcome with its messages, or a retry. Nothing is told yet."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

from bridge.bus.port import EXPIRED, Dead, RetryAfter
from bridge.contracts.events import Event, request_failed, request_rejected
from bridge.contracts.requests import GpConnectRequest
from bridge.engine.claims import ClaimChecks
from bridge.engine.context import RequestContext, Services
from bridge.engine.in_doubt_events import events_in_doubt
from bridge.engine.incoming import IncomingRequest
from bridge.engine.outcomes import (
    EngineFault,
    RequestOutcome,
    Retry,
    Try,
    disposition_of,
    facts_of,
    places,
    unforeseen,
    waited_for,
)
from bridge.engine.rendering import Renderer
from bridge.engine.retry import pause_before_retry
from bridge.engine.side_effects import TooEarly
from bridge.errors import FailureCode, RequestFailed, RequestRejected, Unavailable
from bridge.ledger import LeaseLost, LedgerUnavailable, NewBase
from bridge.observe import record
from bridge.observe.vocabulary.requests import ChangeBaseUnreadable, HandlerFailed, RequestInDoubt, RetryDue
from bridge.pipelines.declaration import Pipeline
from bridge.pipelines.errors import Partial
from bridge.renderings.rendering import ToldBefore
from bridge.settings import Settings
from bridge.spine.bulkhead import current_request_key

# A request that was begun this often without an end takes its worker down each time. How often the broker
# handed it over says nothing: that counts each connection lost under a worker that does well.
CRASH_LOOP: Final = 10
"""Also how many tries may end with an error that is not the handler's and that nobody foresaw."""
_COMPARISONS: Final = 10
"""How often an answer is compared anew because others about the patient ended first; then it is not."""
UNDER_WAY: Final = "may_be_under_way"
"""Why a request waits until its side effect may be settled; that is no attempt."""


class Handling:
    """Runs the handlers of one pipeline, and turns what they return or raise into an outcome.

    Args:
        pipeline: whose handlers are run.
        services: what handlers work with.
        largest_body: bytes that a message of the bus may have; None is without a limit.
        settings: of the installation.
        renderer: makes the messages.
        claims: takes the data out of large ones.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        services: Services,
        largest_body: int | None,
        settings: Settings,
        renderer: Renderer,
        claims: ClaimChecks,
    ) -> None:
        self._pipeline = pipeline
        self._services = services
        self._largest_body = largest_body
        self._settings = settings
        self._renderer = renderer
        self._claims = claims
        self._kill_switch = services.kill_switch

    async def outcome_of(self, incoming: IncomingRequest, attempt: Try) -> RequestOutcome | Retry:
        """What the handler makes of the request, without a trace of it outside yet.

        Raises:
            LedgerUnavailable, LeaseLost: nothing can be written down: nobody is told anything yet.
        """
        side_effects = attempt.side_effects
        current_request_key.set(incoming.opening.request_key)
        try:
            operation, request = incoming.readable()
            self._check_deliverable(incoming, attempt)
            async with asyncio.timeout(self._settings.request_timeout):
                events = await operation.handler(request, self._context(incoming, request, attempt))
            outcome = await self._completed(incoming, events)
            if side_effects.are_told:
                return outcome
            # What it says leaves out something that was, or may have been, done.
            failure: RequestFailed = Unavailable(FailureCode.INTERNAL, stage="engine", detail="effect_untold")
        except RequestRejected as rejection:
            if not side_effects.is_unfinished:
                return self._rejected(incoming, rejection)
            failure = RequestFailed(FailureCode.INTERNAL, stage="engine", detail="rejected_after_effect")
        except TimeoutError:
            failure = Unavailable(FailureCode.PROVIDER_TIMEOUT, stage="engine", detail="request timeout")
        except RequestFailed as raised:
            failure = raised
        except (LedgerUnavailable, LeaseLost):
            raise  # nothing can be written down: the request is tried again, and nobody is told anything yet
        except Exception as error:  # noqa: BLE001 - a site's own pipeline may raise anything
            # Where, and of which kind: the text of an unforeseen error may hold anything of the patient.
            record(HandlerFailed(type(error).__name__, places(error)))
            failure = unforeseen(error)
        return await self._unsuccessful(incoming, attempt, failure)

    async def _unsuccessful(
        self, incoming: IncomingRequest, attempt: Try, failure: RequestFailed
    ) -> RequestOutcome | Retry:
        side_effects = attempt.side_effects
        if attempt.is_check and (side_effects.is_unfinished or isinstance(failure, Unavailable)):
            return RequestOutcome("in_doubt", [], code=failure.code.value, facts=facts_of(failure))
        if side_effects.is_unfinished:
            return self._in_doubt(incoming, attempt, failure)
        if isinstance(failure, Partial):
            return await self._partly(incoming, attempt, failure)
        return self._failed(incoming, attempt, failure)

    def _context(self, incoming: IncomingRequest, request: GpConnectRequest, attempt: Try) -> RequestContext:
        return RequestContext(
            incoming.opening.request_key,
            request,
            self._services,
            attempt,
            ends_at=asyncio.get_running_loop().time() + self._settings.request_timeout,
            largest_event=None if self._settings.claims.url else self._largest_body,
        )

    def _check_deliverable(self, incoming: IncomingRequest, attempt: Try) -> None:
        """Whether the handler may be run, and whether it may still send anything."""
        given_up = incoming.delivery.given_up
        if attempt.losses >= CRASH_LOOP:
            raise EngineFault("crash_loop")
        if given_up is not None and given_up != EXPIRED:
            raise EngineFault("parked_by_broker", detail=given_up)
        side_effects, lease = attempt.side_effects, attempt.lease
        has_expired = given_up == EXPIRED or (
            incoming.expires_at is not None and incoming.expires_at <= datetime.now(UTC)
        )
        is_stopped = lease.attempt > 1 and self._kill_switch.retries_stopped(self._pipeline.name)
        if side_effects.were_tried:
            if has_expired or is_stopped:
                reason = "expired" if has_expired else "retries_stopped"
                side_effects.withheld = side_effects.withheld or reason
            return
        if is_stopped:
            raise RequestFailed(waited_for(incoming.delivery), stage="engine", detail="retries_stopped")
        if has_expired:
            if incoming.delivery.attempt == 1:
                raise RequestRejected("expires_at", "has passed: the request expired before it was read")
            raise RequestFailed(FailureCode.REQUEST_EXPIRED, stage="engine")

    async def _completed(
        self, incoming: IncomingRequest, events: Sequence[Event], *, comparisons: int = 0
    ) -> RequestOutcome:
        """What is told of what a handler returned.

        Rendered at once, so that what is held while the bus is slow is bytes and not object trees. The
        events themselves are held until the request has ended, where they may have to be compared again.
        """
        before = ToldBefore()
        key = next((event.patient_key for event in events if event.patient_key), None)
        read_as: str | None = None
        is_compared = key is not None and self._renderer.compares(incoming, events)
        if key is not None and is_compared:
            kept = await self._services.journal.bases.last(key)
            read_as = kept.token
            if kept.fault is not None:
                record(ChangeBaseUnreadable(kept.fault))
            before = ToldBefore(kept.body, "base_unusable" if kept.fault else None)
            if comparisons >= _COMPARISONS:
                before = ToldBefore(fault="busy")
        answer = self._renderer.render(incoming, events, before)
        messages = await self._claims.check_in(incoming.opening.request_key, answer.messages)
        largest = self._largest_body
        if largest is not None and any(len(message.body) > largest for message in messages):
            raise RequestFailed(FailureCode.CONFIGURATION, stage="engine", detail="event_too_large")
        outcome = RequestOutcome("completed", messages, facts={"events": len(messages)})
        if key is None or answer.base is None:
            return outcome
        return replace(
            outcome,
            base=NewBase(key, read_as, answer.base),
            again=partial(self._completed, incoming, events, comparisons=comparisons + 1),
        )

    def _rejected(self, incoming: IncomingRequest, rejection: RequestRejected) -> RequestOutcome:
        messages, disposition = self._renderer.closing(
            incoming, request_rejected(rejection), Dead("rejected", str(rejection))
        )
        return RequestOutcome("rejected", messages, disposition, facts={"faults": str(rejection)})

    def _failed(
        self, incoming: IncomingRequest, attempt: Try, failure: RequestFailed
    ) -> RequestOutcome | Retry:
        facts = facts_of(failure)
        if isinstance(failure, Unavailable) and not self._kill_switch.retries_stopped(self._pipeline.name):
            pause = self._pause(failure, attempt, incoming.expires_at)
            if pause is not None:
                record(RetryDue(**facts))
                return Retry(RetryAfter(pause, failure.code.value, is_bounded=True), facts)
        event = request_failed(failure, attempts=attempt.lease.attempt)
        messages, disposition = self._renderer.closing(incoming, event, disposition_of(failure))
        return RequestOutcome("failed", messages, disposition, failure.code.value, facts)

    async def _partly(
        self, incoming: IncomingRequest, attempt: Try, failure: Partial
    ) -> RequestOutcome | Retry:
        outcome = self._failed(incoming, attempt, failure)
        if isinstance(outcome, Retry):
            return outcome
        try:
            completed = await self._completed(incoming, failure.events)
        except RequestFailed as fault:
            return self._failed(incoming, attempt, fault)
        return replace(completed, facts={**facts_of(failure), **completed.facts})

    def _in_doubt(
        self, incoming: IncomingRequest, attempt: Try, failure: RequestFailed
    ) -> RequestOutcome | Retry:
        """Something was, or may have been, done: ask again, then say that nobody knows."""
        facts = facts_of(failure)
        if not isinstance(failure, EngineFault):
            pause = self._pause(failure, attempt, None)
            if pause is not None:
                record(RetryDue(**facts))
                reason = UNDER_WAY if isinstance(failure, TooEarly) else failure.code.value
                pause = max(pause, attempt.side_effects.settled_in(datetime.now(UTC)))
                return Retry(RetryAfter(pause, reason, is_bounded=True), facts)
        doubt = attempt.side_effects.in_doubt(failure.code)
        messages, disposition = events_in_doubt(
            incoming, doubt, self._renderer, disposition_of(failure), attempts=attempt.lease.attempt
        )
        record(RequestInDoubt(kind=doubt.kind, is_done=doubt.is_done, **facts))
        return RequestOutcome("in_doubt", messages, disposition, failure.code.value, facts)

    def _pause(self, failure: RequestFailed, attempt: Try, expires_at: datetime | None) -> float | None:
        return pause_before_retry(
            failure if isinstance(failure, Unavailable) else Unavailable(failure.code, stage=failure.stage),
            attempt=attempt.lease.attempt,
            now=datetime.now(UTC),
            expires_at=expires_at,
            policy=self._settings.retry,
        )
