"""Dead letters on RabbitMQ."""

import aio_pika
import pytest

from bridge.bus.port import Bus
from tests.integration.bus.conformance import started
from tests.integration.bus.dead_letter_store import DeadLetterStoreConformance, looked_at
from tests.support.bus_sites import KEY, RabbitSite, until

pytestmark = pytest.mark.rabbit


class TestDeadLetterStore(DeadLetterStoreConformance):
    async def test_a_message_that_the_broker_gave_up_by_itself_is_a_dead_letter_too(self, site: RabbitSite):
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


async def _dead(bus: Bus, site: RabbitSite) -> bool:
    return (await bus.depth(site.queue)).dead == 1
