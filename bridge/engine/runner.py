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
the broker never takes an event        ``request.failed`` (configuration)         dead (unroutable, too_large)
=====================================  =========================================  ==================
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import structlog

from bridge.bus.port import Bus, Dead, Delivery, Done, Outcome, RetryAfter, Unpublishable
from bridge.contracts.envelope import STRUCTURED, EventStyle, Incoming, event_id, read_envelope, write_event
from bridge.contracts.events import Event, request_failed, request_rejected
from bridge.contracts.requests import GpConnectRequest
from bridge.engine.context import Context, Services
from bridge.engine.pipeline import Pipeline
from bridge.engine.retry import pause_before_retry
from bridge.errors import FailureCode, RequestFailed, RequestRejected, ResponseInvalid, Unavailable
from bridge.settings import Settings

log = structlog.get_logger()

# A message that was handed over this often without an end takes the process down with it each time.
CRASH_LOOP = 10


class Runner:
    """Runs one pipeline's handler for each delivery."""

    def __init__(self, pipeline: Pipeline[Any], services: Services, bus: Bus, settings: Settings) -> None:
        self._pipeline = pipeline
        self._services = services
        self._bus = bus
        self._settings = settings
        self._style = EventStyle(
            settings.events.type_prefix, settings.events.source, settings.events.schema_base
        )

    async def __call__(self, delivery: Delivery) -> Outcome:
        """Handle one delivery, to its outcome; logs the one line about it."""
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(
            pipeline=self._pipeline.name,
            attempt=delivery.attempt,
            correlation_id=delivery.correlation_id or delivery.id,
        ):
            outcome, facts = await self._handle(delivery)
            log.info(
                "request_handled",
                outcome=type(outcome).__name__.lower(),
                duration_ms=round((time.perf_counter() - started) * 1000, 1),
                **facts,
            )
            return outcome

    async def _handle(self, delivery: Delivery) -> tuple[Outcome, dict[str, Any]]:
        try:
            incoming = read_envelope(
                delivery.body,
                message_id=delivery.id,
                key=delivery.key,
                content_type=delivery.content_type,
                correlation_id=delivery.correlation_id,
                headers=delivery.headers,
            )
        except RequestRejected as rejection:
            return await self._reject(rejection, _Origin.of_unreadable(delivery))
        structlog.contextvars.bind_contextvars(correlation_id=incoming.correlation_id)
        try:
            return await self._run(delivery, incoming)
        except RequestRejected as rejection:
            return await self._reject(rejection, _Origin.of(incoming))
        except Unpublishable as fault:
            log.error("event_unpublishable", topic=fault.topic, reason=fault.reason)
            return Dead(fault.reason, fault.topic), {"reason": fault.reason}

    async def _run(self, delivery: Delivery, incoming: Incoming) -> tuple[Outcome, dict[str, Any]]:
        request: GpConnectRequest = incoming.request(self._pipeline.request)
        expires_at = incoming.expires_at(request)
        try:
            self._check_deliverable(delivery, expires_at)
            async with asyncio.timeout(self._settings.request_timeout):
                events = await self._pipeline.handler(request, Context(incoming, request, self._services))
            # Encoded at once, so that what is held while the bus is slow is bytes and not object trees.
            messages = self._encode(events, _Origin.of(incoming))
            del events
        except TimeoutError:
            failure: RequestFailed = Unavailable(
                FailureCode.PROVIDER_TIMEOUT, stage="engine", detail="request timeout"
            )
        except RequestFailed as raised:
            failure = raised
        except (RequestRejected, asyncio.CancelledError):
            raise
        except Exception as error:
            log.exception("handler_failed")
            failure = _EngineFault("internal", detail=type(error).__name__)
        else:
            try:
                await self._publish(messages, incoming.correlation_id)
            except Unpublishable as fault:
                log.error("event_unpublishable", topic=fault.topic, reason=fault.reason)
                failure = _EngineFault(fault.reason, code=FailureCode.CONFIGURATION, detail=fault.topic)
            else:
                return Done(), {"events": len(messages)}
        return await self._fail(delivery, incoming, failure, expires_at)

    def _check_deliverable(self, delivery: Delivery, expires_at: datetime | None) -> None:
        if delivery.deliveries > CRASH_LOOP:
            raise _EngineFault("crash_loop")
        if expires_at is not None and expires_at <= datetime.now(UTC):
            if delivery.attempt == 1:
                raise RequestRejected("expires_at", "has passed: the request expired before it was read")
            raise RequestFailed(FailureCode.REQUEST_EXPIRED, stage="engine")

    async def _fail(
        self, delivery: Delivery, incoming: Incoming, failure: RequestFailed, expires_at: datetime | None
    ) -> tuple[Outcome, dict[str, Any]]:
        facts: dict[str, Any] = {"code": failure.code.value, "stage": failure.stage, "detail": failure.detail}
        if isinstance(failure, ResponseInvalid):
            facts["body_sha256"] = failure.body_sha256
        if isinstance(failure, Unavailable):
            pause = pause_before_retry(
                failure,
                attempt=delivery.attempt,
                now=datetime.now(UTC),
                expires_at=expires_at,
                policy=self._settings.retry,
            )
            if pause is not None:
                return RetryAfter(pause, failure.code.value), facts | {"retry_in_s": round(pause, 1)}
        event = request_failed(failure, attempts=delivery.attempt)
        await self._publish(self._encode([event], _Origin.of(incoming)), incoming.correlation_id)
        if isinstance(failure, _EngineFault):
            return Dead(failure.reason, failure.detail), facts
        return Done(), facts

    async def _reject(self, rejection: RequestRejected, origin: "_Origin") -> tuple[Outcome, dict[str, Any]]:
        try:
            await self._publish(self._encode([request_rejected(rejection)], origin), origin.correlation_id)
        except Unpublishable as fault:
            log.error("event_unpublishable", topic=fault.topic, reason=fault.reason)
        return Dead("rejected", str(rejection)), {"faults": str(rejection)}

    def _encode(self, events: Sequence[Event], origin: "_Origin") -> list[tuple[str, str, bytes]]:
        """(kind, id, body) of each event, ready for the bus."""
        messages = []
        for number, event in enumerate(events, start=1):
            identity = event_id(origin.request_id, event.kind, event.snapshot_id)
            subject = f"snapshot/{event.snapshot_id}" if event.snapshot_id else f"request/{origin.request_id}"
            extensions = {
                "correlationid": origin.correlation_id,
                "causationid": origin.request_id,
                "traceparent": origin.traceparent,
                "patientkey": event.patient_key,
                "sequence": f"{number}/{len(events)}",
            }
            body = write_event(
                self._style, event.kind, event.data, id=identity, subject=subject, extensions=extensions
            )
            messages.append((event.kind, identity, body))
        return messages

    async def _publish(self, messages: Sequence[tuple[str, str, bytes]], correlation_id: str) -> None:
        for kind, identity, body in messages:
            await self._bus.publish(
                kind, body, id=identity, content_type=STRUCTURED, correlation_id=correlation_id
            )


class _EngineFault(RequestFailed):
    """Not the request but we, or the bus, are at fault: the message is parked too, to be sent again later."""

    def __init__(self, reason: str, *, code: FailureCode = FailureCode.INTERNAL, detail: str = "") -> None:
        super().__init__(code, stage="engine", detail=f"{reason} {detail}".strip())
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Origin:
    """What an event says about the request it answers."""

    request_id: str
    correlation_id: str
    traceparent: str | None = None

    @classmethod
    def of(cls, incoming: Incoming) -> Self:
        return cls(incoming.request_id, incoming.correlation_id, incoming.attributes.traceparent)

    @classmethod
    def of_unreadable(cls, delivery: Delivery) -> Self:
        """Only the broker's own properties are known."""
        return cls(delivery.id, delivery.correlation_id or delivery.id)
