"""A worker process that a test kills: it takes a message, says so, and never ends.

Usage: ``python -m tests.support.bus_consumer rabbit|nats URL PREFIX QUEUE KEY``
"""

import asyncio
import sys

from bridge.bus.nats.bus import NatsBus
from bridge.bus.port import Bus, Delivery, Disposition, QueueSpec
from bridge.bus.rabbit.bus import RabbitBus


async def _hold(delivery: Delivery) -> Disposition:
    sys.stdout.write(f"took {delivery.id} {delivery.deliveries}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()
    raise AssertionError


async def main(kind: str, url: str, prefix: str, queue: str, key: str) -> None:
    bus: Bus = (
        RabbitBus(url, prefix=prefix, delays=(1, 2))
        if kind == "rabbit"
        else NatsBus(url, prefix=prefix, ack_wait=1.5)
    )
    await bus.start()
    spec = QueueSpec(queue, (key,))
    await bus.declare(spec)
    await bus.consume(spec, _hold, concurrency=1)
    await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
