"""The part of a bus that a worker needs, inside one process: deliveries are handed over one by one."""

from collections.abc import Mapping

from bridge.bus.port import Delivery, DeliveryHandler, Disposition, QueueSpec
from bridge.observe.spans import publishing
from bridge.testing.result import Published


class InProcessBus:
    """Keeps what is published until it is asked for. It takes any size, and is never away."""

    broker = "in_process"

    def __init__(self) -> None:
        self._handlers: dict[str, DeliveryHandler] = {}
        self._published: list[tuple[str | None, Published]] = []

    async def declare(self, queue: QueueSpec) -> None:
        """Nothing has to exist."""

    async def consume(self, queue: QueueSpec, handler: DeliveryHandler, *, concurrency: int) -> None:
        """Hand deliveries of this queue to `handler` from now on."""
        del concurrency  # whoever delivers decides
        self._handlers |= dict.fromkeys(queue.keys, handler)

    @property
    def largest_body(self) -> int | None:
        """No limit."""
        return None

    async def publish(
        self,
        topic: str,
        body: bytes,
        *,
        id: str,  # noqa: A002 - the field's own name
        content_type: str,
        correlation_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep a message."""
        with publishing(self.broker, topic, id=id, size=len(body), correlation_id=correlation_id) as traced:
            headers = {**(headers or {}), **traced.headers}
            self._published.append((correlation_id, Published(topic, id, content_type, body, headers)))

    async def deliver(self, delivery: Delivery) -> Disposition:
        """Hand one delivery over, to its outcome."""
        return await self._handlers[delivery.key](delivery)

    def taken_out(self, correlation_id: str) -> list[Published]:
        """What was published about a request since the last time."""
        found = [event for told, event in self._published if told == correlation_id]
        self._published = [(told, event) for told, event in self._published if told != correlation_id]
        return found

    async def ready(self) -> bool:
        """Always."""
        return True

    async def stop(self, *, grace: float) -> None:
        """Nothing is in flight that nobody waits for."""
