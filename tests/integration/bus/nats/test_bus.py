"""The NATS JetStream adapter."""

from contextlib import AbstractContextManager

import pytest
from structlog.testing import capture_logs

from bridge.bus.nats.client import senders_own
from bridge.bus.port import Delivery, Disposition, Done, RetryAfter
from bridge.observe import about_request
from bridge.observe.about import tell_bound
from tests.integration.bus.conformance import BusConformance, Recorder, send, started
from tests.support.bus_sites import NatsSite, until


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


@pytest.mark.nats
async def test_a_message_that_cannot_go_back_to_work_yet_is_named_and_goes_later(site: NatsSite) -> None:
    class Handler(Recorder):
        async def __call__(self, delivery: Delivery) -> Disposition:
            if delivery.attempt == 1:
                await site.remove_queue()
            return await super().__call__(delivery)

        def about(self, delivery: Delivery) -> AbstractContextManager[None]:
            return about_request(f"/epr {delivery.id}")

    handler = Handler(RetryAfter(0.1, "provider_timeout"), Done())
    with capture_logs(processors=[tell_bound]) as logs:
        async with started(site.bus(), site, handler) as bus:
            await send(bus)
            await until(lambda: "move_failed" in {line["event"] for line in logs})
            await bus.declare(site.queue)
            await handler.saw(2)
    failed = [line for line in logs if line["event"] == "move_failed"]
    assert {(line["request_key"], line["queue"]) for line in failed} == {("/epr request-1", site.queue.name)}


@pytest.mark.parametrize("headers", [b"NATS/1.0\r\na: 1\r\nb:2\r\n\r\n", b"NATS/1.0\r\na: x:y\r\n\r\n"])
def test_usual_headers_stay_byte_by_byte(headers: bytes) -> None:
    assert senders_own(headers) == headers
