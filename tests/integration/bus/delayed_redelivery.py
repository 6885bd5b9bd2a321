"""What brings messages back after a while must do, on every broker: each adapter's test class inherits this."""

import time
from typing import Any

from bridge.bus.port import Bus, DelayedRedelivery, QueueDepth, Received, RetryAfter
from tests.integration.bus.conformance import is_waiting, send, started
from tests.integration.bus.transport import (
    Taking,
    check_copy_without_a_queue_fails_loudly,
    check_original_is_held_beside_its_copy,
    receiving,
)
from tests.support.bus_sites import KEY, Site, until
from tests.support.promises import Promises


def redelivering(bus: Bus, site: Site, *outcomes: RetryAfter) -> Any:
    """A bus whose messages come back with these outcomes, by attempt; acknowledged when there is none left."""
    delays: DelayedRedelivery = bus

    async def act(received: Received) -> None:
        number = received.delivery.attempt
        if number <= len(outcomes):
            await delays.redeliver(site.queue, received, outcomes[number - 1])
        await received.acknowledge()

    return receiving(bus, site, act)


class DelayedRedeliveryConformance(Promises):
    """Inherited per adapter; the fixture `site` is its broker."""

    part = "Retries"

    async def test_a_copy_comes_back_in_its_time_counts_and_keeps_its_identity(self, site: Site) -> None:
        outcomes = (RetryAfter(1.2, "provider_timeout"), RetryAfter(0.1, "pds_error"))
        taking: Taking
        async with (
            started(site.bus(), site) as sender,
            redelivering(site.bus(), site, *outcomes) as taking,
        ):
            begun = time.monotonic()
            await send(sender)
            await until(lambda: is_waiting(sender, site, 1))
            await taking.took(2)
            assert time.monotonic() - begun >= 1.2
            first, second, third = await taking.took(3)
        assert [first.attempt, second.attempt, third.attempt] == [1, 2, 3]
        assert {(d.id, d.body, d.key, d.correlation_id, d.content_type) for d in (first, second, third)} == {
            ("request-1", b'{"request": 1}', KEY, "correlation-1", "application/json")
        }
        assert second.headers["x-retry-reason"] == "provider_timeout"
        assert third.headers["x-retry-reason"] == "pds_error"
        assert second.headers["ce-type"] == "record.requested.v1"

    async def test_a_wait_longer_than_any_delay_queue_is_one_attempt(self, site: Site) -> None:
        taking: Taking
        async with (
            started(site.bus(), site) as sender,
            redelivering(site.bus(delays=(1,)), site, RetryAfter(2.5, "rate_limited")) as taking,
        ):
            begun = time.monotonic()
            await send(sender)
            _, second = await taking.took(2)
            assert time.monotonic() - begun >= 2.5
        assert second.attempt == 2
        assert len(taking.deliveries) == 2

    async def test_what_waits_does_not_block_what_comes(self, site: Site) -> None:
        taking: Taking
        bus = site.bus(delays=(1, 600))
        async with redelivering(bus, site, RetryAfter(600, "provider_timeout")) as taking:
            for number in range(5):
                await send(bus, number)
            await taking.took(5)
            await until(lambda: is_waiting(bus, site, 5))

    async def test_the_original_is_held_beside_its_copy(self, site: Site) -> None:
        bus = site.bus(delays=(1, 600))
        delays: DelayedRedelivery = bus

        async def act(received: Received) -> None:
            await delays.redeliver(site.queue, received, RetryAfter(600, "provider_timeout"))

        async with started(site.bus(delays=(1, 600)), site) as sender:
            await check_original_is_held_beside_its_copy(site, bus, sender, act)
            assert await sender.depth(site.queue) == QueueDepth(ready=0, waiting=1, dead=0)

    async def test_without_a_delay_queue_it_fails_loudly(self, site: Site) -> None:
        bus = site.bus()
        delays: DelayedRedelivery = bus

        async def act(received: Received) -> None:
            await delays.redeliver(site.queue, received, RetryAfter(1, "again"))

        await check_copy_without_a_queue_fails_loudly(site, bus, act)
