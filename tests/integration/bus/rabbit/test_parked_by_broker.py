"""What RabbitMQ makes a dead letter by itself, so that nobody would be told of it."""

from typing import Any

import aio_pika
import pytest

from bridge.bus.port import Bus, Dead, DeadLetter, Delivery, Disposition, Done, QueueDepth, RetryAfter
from tests.integration.bus.conformance import Recorder, send, started
from tests.integration.bus.dead_letter_store import looked_at
from tests.support.bus_sites import KEY, RabbitSite, until

pytestmark = pytest.mark.rabbit
FORGED = {
    "x-original-key": "forged",
    "x-error-reason": "forged",
    "x-dead-at": "2000-01-01",
    "x-returned": "9",
}


def looking(site: RabbitSite, handler: Any) -> Any:
    """A consuming bus that looks at the dead letters five times a second."""
    return started(site.bus(watch_interval=0.2), site, handler)


async def hand_back(bus: Bus, site: RabbitSite) -> None:
    """Take what is in the work queue and give it back, until the broker gives it up; as lost connections do."""
    async with await aio_pika.connect(site.url) as connection:
        queue = await (await connection.channel()).get_queue(site.queue.name)
        while not await holds(bus, site, 1):
            if message := await queue.get(fail=False):
                await message.nack(requeue=True)


async def reject(site: RabbitSite) -> None:
    async with await aio_pika.connect(site.url) as connection:
        queue = await (await connection.channel()).get_queue(site.queue.name)
        message = await queue.get(timeout=5)
        assert message is not None
        await message.reject(requeue=False)


async def told(bus: Bus, site: RabbitSite, reason: str) -> bool:
    return [letter.reason for letter in await looked_at(bus, site)] == [reason]


async def holds(bus: Bus, site: RabbitSite, dead: int) -> bool:
    return await bus.depth(site.queue) == QueueDepth(ready=0, waiting=0, dead=dead)


async def test_what_was_handed_over_too_often_a_moment_ago_goes_back_to_work(site: RabbitSite) -> None:
    async with started(site.bus(), site) as bus:
        await bus.send(KEY, b"{}", id="1", content_type="text/plain", headers=FORGED | {"own": "1"})
        await hand_back(bus, site)
        [letter] = await looked_at(bus, site)
        assert (letter.reason, letter.message.key, letter.message.attempt) == ("delivery_limit", KEY, 1)
        async with looking(site, handler := Recorder()):
            [delivery] = await handler.saw(1)
            await until(lambda: holds(bus, site, 0))
    assert (delivery.id, delivery.key, delivery.body, delivery.given_up) == ("1", KEY, b"{}", None)
    assert delivery.attempt == 2, "nobody takes it for a sender who asks again"
    assert (delivery.headers["x-returned"], delivery.headers["own"]) == ("1", "1")
    assert "forged" not in delivery.headers.values()


async def test_what_dies_again_and_again_is_told_of_once(site: RabbitSite) -> None:
    handler = Recorder(Dead("parked_by_broker", "delivery_limit"))
    async with started(site.bus(), site) as bus:
        # As a copy of ours that was taken up so often comes to the work queue.
        await site.put_written(
            b"{}",
            exchange="",
            key=site.queue.name,
            message_id=b"1",
            headers={"x-returned": ("S", b"4"), "x-original-key": ("S", KEY.encode())},
        )
        await until(lambda: _is_ready(bus, site))
        await hand_back(bus, site)
        async with looking(site, handler):
            [delivery] = await handler.saw(1)
            await until(lambda: told(bus, site, "parked_by_broker"))
            await send(bus, 2)
            await handler.saw(2)
            await until(lambda: holds(bus, site, 2))
    assert (delivery.given_up, delivery.key) == ("delivery_limit", KEY)
    assert [one.id for one in handler.deliveries] == ["1", "request-2"]


async def test_what_expired_is_told_of_and_never_worked_on(site: RabbitSite) -> None:
    handler = Recorder(Dead("rejected", "expires_at: has passed"))
    async with started(site.bus(), site) as bus:
        await site.put_written(b"{}", message_id=b"1", expiration=b"1", headers={})
        await until(lambda: holds(bus, site, 1))
        async with looking(site, handler):
            [delivery] = await handler.saw(1)
            await until(lambda: told(bus, site, "rejected"))
    assert (delivery.given_up, delivery.id, delivery.key) == ("expired", "1", KEY)
    assert delivery.deliveries > 1


async def test_a_dead_letter_whose_request_is_worked_on_stays_until_that_has_ended(site: RabbitSite) -> None:
    handed: list[Delivery] = []

    async def handler(delivery: Delivery) -> Disposition:
        handed.append(delivery)
        return RetryAfter(1, "running_elsewhere") if len(handed) == 1 else Done()

    async with started(site.bus(), site) as bus:
        await send(bus)
        await reject(site)
        await until(lambda: holds(bus, site, 1))  # the broker moves it in its own time
        async with looking(site, handler):
            await until(lambda: len(handed) == 2)  # in the hands of the watch it is not counted
            await until(lambda: holds(bus, site, 0))
    assert [delivery.given_up for delivery in handed] == ["rejected", "rejected"]


async def test_what_died_long_ago_is_told_of_and_not_worked_on(site: RabbitSite) -> None:
    """As it stands there after operators have looked at it often."""
    written = {
        "x-untold": ("S", b"true"),
        "x-error-reason": ("S", b"delivery_limit"),
        "x-dead-at": ("S", b"2020-01-01T00:00:00+00:00"),
        "x-original-key": ("S", KEY.encode()),
    }
    async with started(site.bus(), site) as bus:
        await site.put_written(
            b"{}", exchange="", key=f"{site.queue.name}.dead", message_id=b"1", headers=written
        )
        async with looking(site, handler := Recorder(Done())):
            [delivery] = await handler.saw(1)
            await until(lambda: holds(bus, site, 0))
    assert (delivery.given_up, delivery.key) == ("delivery_limit", KEY)


async def test_looking_at_one_often_leaves_it_untold(site: RabbitSite) -> None:
    async with started(site.bus(), site) as bus:
        await send(bus)
        await reject(site)
        await until(lambda: holds(bus, site, 1))
        looks: list[list[DeadLetter]] = [await looked_at(bus, site) for _ in range(14)]
        async with looking(site, handler := Recorder(Done())):
            [delivery] = await handler.saw(1)
            await until(lambda: holds(bus, site, 0))
    assert len({letter.id for look in looks for letter in look}) == 1
    assert (delivery.given_up, delivery.id, delivery.key) == ("rejected", "request-1", KEY)


async def _is_ready(bus: Bus, site: RabbitSite) -> bool:
    return (await bus.depth(site.queue)).ready == 1
