"""What the listener says to a message: AA once the broker holds the request, AE if not, AR if it is wrong."""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from bridge.bus.port import Unpublishable
from bridge.contracts.envelope import STRUCTURED, EventStyle
from bridge.contracts.requests import Requester
from bridge.engine.mllp.triggers import KEY, Trigger, name_of, trigger_of
from bridge.hl7v2 import Message, MessageFault, read, timestamp
from bridge.mllp.acknowledgements import AckCode, acknowledged, refused
from bridge.observe import about_request, record
from bridge.observe.vocabulary.mllp import TriggerHandled
from bridge.settings import ListenerSettings
from bridge.values import dataclass

_AGAIN = "the request is held by nobody: send the message again"


class RequestsBus(Protocol):
    """The part of a bus that takes requests."""

    async def send(
        self,
        key: str,
        body: bytes,
        *,
        id: str,  # noqa: A002 - the field's own name
        content_type: str,
        correlation_id: str | None = None,
    ) -> None:
        """See `bridge.bus.port.Transport.send`."""


@dataclass(frozen=True, slots=True)
class TriggerAnswers:
    """Takes a message and gives its acknowledgement (`bridge.mllp.listener.Answering`).

    Attributes:
        bus: takes the requests.
        users: the site's directory as it is now.
        settings: of the listener.
        style: how this installation names events; its source is that of the requests.
    """

    bus: RequestsBus
    users: Callable[[], Mapping[str, Requester]]
    settings: ListenerSettings
    style: EventStyle

    async def __call__(self, body: bytes) -> bytes:
        """The acknowledgement; never raises."""
        started = time.perf_counter()
        at = timestamp(datetime.now(UTC))

        def told(answer: AckCode, trigger: str | None, reason: str | None, faults: str | None) -> None:
            spent = round((time.perf_counter() - started) * 1000, 1)
            record(TriggerHandled(answer, spent, trigger, reason, faults))

        try:
            message = read(body, max_bytes=self.settings.max_bytes)
        except MessageFault as fault:
            told("AR", None, "unreadable", str(fault))
            return refused(fault, at=at)
        try:
            trigger = trigger_of(message, self.users(), self.settings, self.style)
        except MessageFault as fault:
            told("AR", self._known(message), "rejected", str(fault))
            return acknowledged(message, "AR", str(fault), at=at, fault=fault.place)
        with about_request(f"{self.style.source} {trigger.id}", correlation_id=trigger.id):
            reason = await self._hold(trigger)
            told("AE" if reason else "AA", name_of(message), reason, None)
        if reason is not None:
            return acknowledged(message, "AE", f"{reason}: {_AGAIN}", at=at)
        return acknowledged(message, "AA", f"request {trigger.id}", at=at)

    async def _hold(self, trigger: Trigger) -> str | None:
        """Have the broker hold the request; why it does not, if it does not."""
        try:
            async with asyncio.timeout(self.settings.ack_seconds):
                await self.bus.send(
                    KEY, trigger.body, id=trigger.id, content_type=STRUCTURED, correlation_id=trigger.id
                )
        except TimeoutError:
            return "broker_unreachable"
        except Unpublishable as fault:
            return fault.reason
        except Exception as error:  # noqa: BLE001 - of a driver: the sender has to hear that it is to send again
            return type(error).__name__
        return None

    def _known(self, message: Message) -> str | None:
        """Which trigger it is, if it is one: any other name is whatever its sender made up."""
        name = name_of(message)
        return name if name in self.settings.triggers else None
