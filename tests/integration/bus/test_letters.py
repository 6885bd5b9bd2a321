"""Dead letters on both brokers."""

from collections.abc import AsyncIterator

import aio_pika
import pytest

from bridge.bus.port import Bus
from tests.integration.bus.conformance import started
from tests.integration.bus.letters import LettersConformance, looked_at
from tests.support.bus_sites import KEY, NatsSite, RabbitSite, until


@pytest.mark.rabbit
class TestRabbit(LettersConformance):
    @pytest.fixture
    async def site(self, rabbit_url: str) -> AsyncIterator[RabbitSite]:
        async with RabbitSite.open(rabbit_url) as site:
            yield site

    async def test_a_message_that_the_broker_parked_itself_is_a_letter_too(self, site: RabbitSite):
        async with started(site.bus(), site) as bus:
            connection = await aio_pika.connect(site.url)
            async with connection:
                channel = await connection.channel()
                message = aio_pika.Message(b"{}", message_id="request-1")
                exchange = await channel.get_exchange(f"{site.prefix}.requests")
                await exchange.publish(message, KEY)
                queue = await channel.get_queue(site.queue.name)
                taken = await queue.get(timeout=5)
                assert taken is not None
                await taken.reject(requeue=False)
            await until(lambda: _dead(bus, site))
            looks = [await looked_at(bus, site) for _ in range(14)]
        ids = {letter.id for look in looks for letter in look}
        letter = looks[-1][0]
        assert len(ids) == 1
        assert (letter.reason, letter.message.key, letter.message.id) == ("rejected", KEY, "request-1")
        assert letter.dead_at is not None


@pytest.mark.nats
class TestNats(LettersConformance):
    @pytest.fixture
    async def site(self, nats_url: str) -> AsyncIterator[NatsSite]:
        async with NatsSite.open(nats_url) as site:
            yield site


async def _dead(bus: Bus, site: RabbitSite) -> bool:
    return (await bus.depth(site.queue)).dead == 1
