"""What goes out of an ended request when the broker will not take all of it."""

import json

import pytest

from bridge.bus.port import Dead, Delivery, Done, Unroutable
from bridge.contracts.envelope import STRUCTURED
from bridge.engine.worker import consuming
from bridge.pipelines.installed import installed_pipelines
from bridge.renderings.fhir_r4.event import R4_RENDERED
from bridge.sandbox import BY_NAME
from bridge.testing import site
from bridge.testing.bus import InProcessBus
from tests.support.requests import cloud_event, record_request

EVENTS = ["medications.published.v1", "allergies.published.v1", "record.completed.v1"]


class Unbound(InProcessBus):
    """No queue is bound to these topics."""

    topics = frozenset({R4_RENDERED})

    async def publish(self, topic, body, **more) -> None:
        if topic in self.topics:
            raise Unroutable(topic)
        await super().publish(topic, body, **more)


@pytest.mark.parametrize("topic", [R4_RENDERED, "allergies.published.v1"])
async def test_a_form_that_no_queue_takes_holds_up_no_event_and_an_event_holds_up_what_closes(topic):
    bus = Unbound()
    bus.topics = frozenset({topic})
    async with site() as here, consuming(here.settings, installed_pipelines(["structured_record"]), bus):
        asked = record_request(BY_NAME["rich_record"].nhs_number) | {"renderings": ["r4"]}
        event = cloud_event(asked, id="r-1")
        message = Delivery(json.dumps(event).encode(), "r-1", "record.requested.v1", content_type=STRUCTURED)
        ended = await bus.deliver(message)
        assert ended == Dead("unroutable", topic)
        told = [each.kind for each in bus.taken_out("r-1")]
        assert told == (EVENTS if topic == R4_RENDERED else EVENTS[:1])
        bus.topics = frozenset()
        assert await bus.deliver(message) == Done()
        later = [each.kind for each in bus.taken_out("r-1")]
    assert {topic, EVENTS[-1]} <= set(later)
