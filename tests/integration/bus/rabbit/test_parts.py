"""RabbitMQ keeps what each part of the port promises; its dead letters: `test_dead_letters`."""

import pytest

from tests.integration.bus.delayed_redelivery import DelayedRedeliveryConformance
from tests.integration.bus.events_in_order import EventsInOrderConformance
from tests.integration.bus.transport import TransportConformance

pytestmark = pytest.mark.rabbit


class TestTransport(TransportConformance):
    """With nothing in between."""


class TestDelayedRedelivery(DelayedRedeliveryConformance):
    """By the broker's own means."""


class TestEventsInOrder(EventsInOrderConformance):
    """One process at a time."""
