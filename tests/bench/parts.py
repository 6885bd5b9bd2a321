"""What the benches of a whole worker share: a broker, a quick sandbox in a process of its own, a full queue."""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import aio_pika

from tests.support.brokers import RabbitNode
from tests.support.processes import Child, child
from tests.support.requests import cloud_event, record_request

QUEUE = "gpconnect.structured_record"
EVENTS = "bench.events"
_LONGEST_WAIT = 300


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="bridge-bench-") as name:
        yield Path(name)


@contextlib.contextmanager
def rabbit(directory: Path) -> Iterator[str]:
    node = RabbitNode(directory / "rabbit")
    node.start()
    try:
        yield node.url
    finally:
        node.close()


@contextlib.contextmanager
def sandbox(directory: Path, **options: object) -> Iterator[dict[str, str]]:
    """A sandbox in a process of its own; gives the environment that a worker needs."""
    with stand_in("tests.bench.quick_sandbox", directory, json.dumps(options)) as environment:
        yield environment


@contextlib.contextmanager
def stand_in(module: str, directory: Path, *options: str) -> Iterator[dict[str, str]]:
    """What a worker calls, in a process of its own; gives the environment that a worker needs."""
    ready = directory / "stand-in.json"
    arguments = [str(directory), *options, str(ready)]
    with child(module, arguments, environment={}, output=directory / "stand-in.log") as started:
        deadline = time.monotonic() + 60
        while not ready.exists():
            if started.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(started.output.read_text())
            time.sleep(0.05)
        environment: dict[str, str] = json.loads(ready.read_text())
        yield environment


def worker_environment(sandbox_environment: Mapping[str, str], bus_url: str, **more: str) -> dict[str, str]:
    """For ``bridge run``, without the limiter that protects the real PDS."""
    return {
        **sandbox_environment,
        "BRIDGE_BUS_URL": bus_url,
        "BRIDGE_PDS_RATE_PER_SECOND": "100000",
        "BRIDGE_LOG_LEVEL": "info",
        **more,
    }


async def declare_consumer_side(url: str, *, queue: str = EVENTS, key: str = "#") -> None:
    """A queue of the hospital system that reads the events."""
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange("gpconnect.events", "topic", durable=True)
        declared = await channel.declare_queue(queue, durable=True, arguments={"x-queue-type": "quorum"})
        await declared.bind(exchange, key)


async def send_requests(
    url: str, nhs_number: str, count: int, *, headers: Mapping[str, str] | None = None, **changes: object
) -> None:
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel(on_return_raises=True)
        exchange = await channel.get_exchange("gpconnect.requests")
        for _ in range(count):
            event = cloud_event(record_request(nhs_number, **changes))
            await exchange.publish(
                aio_pika.Message(
                    json.dumps(event).encode(),
                    message_id=event["id"],
                    content_type="application/cloudevents+json",
                    delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                    headers=dict(headers or {}),
                ),
                "record.requested.v1",
            )


async def wait_for_events(url: str, count: int, *, queue: str = EVENTS) -> float:
    """Seconds until a queue of the hospital holds `count` events."""
    started = time.monotonic()
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        while True:
            found = (await channel.declare_queue(queue, passive=True)).declaration_result.message_count or 0
            if found >= count:
                return time.monotonic() - started
            if time.monotonic() - started > _LONGEST_WAIT:
                raise AssertionError(f"{found} of {count} events after {_LONGEST_WAIT} s")
            await asyncio.sleep(0.05)


async def empty_events(url: str, *, queue: str = EVENTS) -> None:
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        await (await channel.declare_queue(queue, passive=True)).purge()


def cost(started: Child, before: float, count: int) -> float:
    """CPU milliseconds per request since `before`."""
    return (started.cpu_seconds() - before) * 1000 / count
