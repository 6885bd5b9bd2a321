"""The hospital's side of the bus: puts requests on it, and reads what the engine publishes."""

import asyncio
import contextlib
import json
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

from bridge.bus.port import Bus, Delivery

FINAL_WAIT = 40.0


class AnyHospital(ABC):
    """Asks, and remembers every event by correlation id."""

    def __init__(self) -> None:
        self.deliveries: dict[str, list[Delivery]] = defaultdict(list)
        self.changed = asyncio.Condition()

    async def read(self, events: AsyncIterator[Delivery]) -> None:
        async for delivery in events:
            async with self.changed:
                self.deliveries[delivery.correlation_id or ""].append(delivery)
                self.changed.notify_all()

    @abstractmethod
    async def ask(
        self,
        body: bytes | dict[str, Any],
        *,
        key: str = "record.requested.v1",
        content_type: str = "application/cloudevents+json",
        message_id: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> str:
        """Send one request; its correlation id."""

    async def outcome(self, correlation_id: str) -> list[tuple[str, dict[str, Any]]]:
        """Every event about a request, as (kind, event), once the last of them is there."""
        async with asyncio.timeout(FINAL_WAIT), self.changed:
            await self.changed.wait_for(lambda: self.is_over(correlation_id))
        return self.events(correlation_id)

    def events(self, correlation_id: str) -> list[tuple[str, dict[str, Any]]]:
        return [(delivery.key, json.loads(delivery.body)) for delivery in self.deliveries[correlation_id]]

    def is_over(self, correlation_id: str) -> bool:
        sequences = [event.get("sequence", "1/") for _, event in self.events(correlation_id)]
        return any(number == total for number, _, total in (text.partition("/") for text in sequences))


class Hospital(AnyHospital):
    """A hospital on a bus."""

    def __init__(self, bus: Bus) -> None:
        super().__init__()
        self._bus = bus

    async def ask(
        self,
        body: bytes | dict[str, Any],
        *,
        key: str = "record.requested.v1",
        content_type: str = "application/cloudevents+json",
        message_id: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> str:
        """Send one request; its correlation id."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        identity = message_id or (body.get("id") if isinstance(body, dict) else None) or str(uuid4())
        await self._bus.send(
            key, raw, id=identity, content_type=content_type, correlation_id=identity, headers=headers
        )
        return identity


@contextlib.asynccontextmanager
async def hospital_on(bus: Bus) -> AsyncIterator[Hospital]:
    async with bus.listen() as events:
        hospital = Hospital(bus)
        reading = asyncio.create_task(hospital.read(events))
        try:
            yield hospital
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading
