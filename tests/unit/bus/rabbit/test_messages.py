"""What is written of a message of our own, byte by byte, as the driver writes it."""

import pytest
from aio_pika import DeliveryMode, Message
from pamqp.base import Frame
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.frame import marshal
from pamqp.header import ContentHeader

from bridge.bus.base import Outgoing
from bridge.bus.rabbit.messages import parcel_of, parcel_of_copy
from bridge.bus.rabbit.publishing import frames

TRACE = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "ü=1"}


@pytest.mark.parametrize("headers", [{}, TRACE])
@pytest.mark.parametrize("correlation_id", [None, "correlation-1"])
@pytest.mark.parametrize("body", [b"", b"[1]", bytes(range(256)) * 3])
def test_a_message_is_written_as_the_driver_writes_it(headers, correlation_id, body):
    message = Message(
        body,
        message_id="event-1",
        content_type="application/cloudevents+json",
        correlation_id=correlation_id,
        headers=dict(headers),
        delivery_mode=DeliveryMode.PERSISTENT,
    )
    wanted: list[Frame | ContentHeader | ContentBody] = [
        Basic.Publish(exchange="gpconnect.events", routing_key="a.v1", mandatory=True),
        ContentHeader(body_size=len(body), properties=message.properties),
        *(ContentBody(body[start : start + 300]) for start in range(0, len(body), 300)),
    ]
    written = b"".join(marshal(frame, 7) for frame in wanted)
    ours = Outgoing(body, "event-1", "application/cloudevents+json", correlation_id, headers)
    assert frames(7, 300, "gpconnect.events", parcel_of("a.v1", ours)) == written
    assert frames(7, 300, "gpconnect.events", parcel_of_copy("a.v1", message)) == written
