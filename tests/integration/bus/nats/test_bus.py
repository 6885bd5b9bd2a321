"""The NATS JetStream adapter."""

import pytest

from bridge.bus.nats.client import senders_own
from bridge.bus.port import Done
from tests.integration.bus.conformance import BusConformance, Recorder, send, started
from tests.support.bus_sites import NatsSite


@pytest.mark.nats
class TestBus(BusConformance):
    @pytest.mark.parametrize(
        ("written", "read"),
        [
            (b"NATS/1.0\r\nStatus: 404\r\nown: 1\r\n\r\n", {"own": "1", "status": "404"}),
            (b"NATS/1.0 503\r\n\r\n", {}),
            (b"NATS/1.0 100 Idle Heartbeat\r\nown: 1\r\n\r\n", {"own": "1"}),
            (b"NATS/1.0\r\nname: M\xfcller\r\n\r\n", None),
            (b"NATS/1.0", {}),
            (b"NATS/1.0\r\n", {}),
            (b"NATS/1.0\r\nno colon\r\nown: 1\r\n\r\n", {"own": "1"}),
        ],
    )
    async def test_headers_of_any_other_client_are_read(self, site: NatsSite, written, read) -> None:
        """Some of them the client takes for the server's word, or cannot read: neither is handed over for ever."""
        handler = Recorder(Done())
        async with started(site.bus(), site, handler) as bus:
            await site.put_written(b"{}", written)
            await handler.saw(1)
            await send(bus, 2)  # and the connection lives
            first, second = await handler.saw(2)
        assert first.body == b"{}"
        assert second.id == "request-2"
        assert read is None or first.headers == read


@pytest.mark.parametrize("headers", [b"NATS/1.0\r\na: 1\r\nb:2\r\n\r\n", b"NATS/1.0\r\na: x:y\r\n\r\n"])
def test_usual_headers_stay_byte_by_byte(headers: bytes) -> None:
    assert senders_own(headers) == headers
