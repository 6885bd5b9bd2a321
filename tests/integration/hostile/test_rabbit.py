"""Properties and headers of any kind on RabbitMQ: each message is handed over once, and parked."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import aio_pika
import pytest

from bridge.bus.port import Dead, Delivery, Disposition
from tests.support.bus_sites import KEY, RabbitSite

ODD: list[Any] = [
    -1, 2**62, -(2**62), 1.5, True, None, bytearray(b"\xff\x00"), bytearray(b"x" * 5000), "\u202e", "a\r\nb", "9" * 5000, [1, [2, {"x": 3}]],
    {"a": {"b": {"c": 1}}}, datetime(1970, 1, 1, tzinfo=UTC), Decimal("1.5"),
]  # fmt: skip
NAMES = ["x-attempt", "x-not-before", "x-original-key", "ce-id", "ce-specversion", "x-retry-reason", "x-own"]


@pytest.fixture
async def site(rabbit_url: str) -> AsyncIterator[RabbitSite]:
    async with RabbitSite.open(rabbit_url) as site:
        yield site


@pytest.mark.rabbit
async def test_headers_of_any_type_survive_to_the_dead_letters(site: RabbitSite) -> None:
    found: asyncio.Queue[Delivery] = asyncio.Queue()

    async def handler(delivery: Delivery) -> Disposition:
        await found.put(delivery)
        return Dead("hostile")

    bus = site.bus()
    connection = await aio_pika.connect(site.url)
    try:
        await bus.start()
        await bus.declare(site.queue)
        await bus.consume(site.queue, handler, concurrency=5)
        exchange = await (await connection.channel()).get_exchange(f"{site.prefix}.requests")
        for value in ODD:
            headers = {name: value for name in NAMES if name != "x-attempt" or not isinstance(value, int)}
            await exchange.publish(aio_pika.Message(secrets.token_bytes(8), headers=headers), KEY)
        deliveries = [await found.get() for _ in ODD]
        while (await bus.depth(site.queue)).dead < len(ODD):
            await asyncio.sleep(0.05)
    finally:
        await connection.close()
        await bus.stop(grace=5)
    assert found.empty()
    assert {delivery.attempt for delivery in deliveries} == {1}
    assert all(isinstance(text, str) for delivery in deliveries for text in delivery.headers.values())
