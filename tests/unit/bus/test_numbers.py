"""Numbers for a broker are refused before they reach it."""

import pytest

from bridge.bus.nats.bus import NatsBus
from bridge.bus.port import Done, QueueSpec
from bridge.bus.rabbit.bus import RabbitBus
from bridge.errors import Misconfigured

URL = "amqp://user:word@127.0.0.1/"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"delays": (0.5,)}, "delays"),
        ({"delays": (1, 0)}, "delays"),
        ({"delays": (True,)}, "delays"),
        ({"delays": (2**32,)}, "delays"),
        ({"heartbeat": 2**16}, "heartbeat"),
        ({"heartbeat": "15"}, "heartbeat"),
    ],
)
def test_a_number_that_the_broker_does_not_take_is_a_fault_of_the_installation(options, named):
    with pytest.raises(Misconfigured, match=f"{named}: must be a whole number from 1"):
        RabbitBus(URL, **options)


@pytest.mark.parametrize("timeout", ["0", "-1", "abc", "1.5", "99999", "\u0663"])
def test_a_number_in_the_url_is_looked_at(timeout):
    with pytest.raises(Misconfigured, match="BRIDGE_BUS_URL: timeout: must be"):
        RabbitBus(f"{URL}?timeout={timeout}")
    RabbitBus(f"{URL}?timeout=10")


@pytest.mark.parametrize("concurrency", [0, 2**16, 1.0])
async def test_so_is_what_is_prefetched(concurrency):
    async def handler(_):
        return Done()

    with pytest.raises(Misconfigured, match="concurrency"):
        await RabbitBus(URL).consume(QueueSpec("q", ()), handler, concurrency=concurrency)


@pytest.mark.parametrize("heartbeat", [0, 0.5, 10**9])
def test_nats_likewise(heartbeat):
    with pytest.raises(Misconfigured, match="heartbeat"):
        NatsBus("nats://127.0.0.1", heartbeat=heartbeat)
