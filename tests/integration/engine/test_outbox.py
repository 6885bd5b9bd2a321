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


class Several(Unbound):
    """Takes several events at once."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[str]] = []

    async def publish_together(self, events, *, correlation_id):
        self.batches.append([event.topic for event in events])
        faults: list[Unroutable | None] = []
        for event in events:
            try:
                await self.publish(
                    event.topic,
                    event.body,
                    id=event.id,
                    content_type=event.content_type,
                    correlation_id=correlation_id,
                )
            except Unroutable as fault:
                faults.append(fault)
            else:
                faults.append(None)
        return faults


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


@pytest.mark.parametrize("topic", [R4_RENDERED, "allergies.published.v1"])
async def test_what_closes_an_answer_goes_out_when_all_that_went_out_together_is_held(topic):
    bus = Several()
    bus.topics = frozenset({topic})
    async with site() as here, consuming(here.settings, installed_pipelines(["structured_record"]), bus):
        asked = record_request(BY_NAME["rich_record"].nhs_number) | {"renderings": ["r4"]}
        event = cloud_event(asked, id="r-1")
        message = Delivery(json.dumps(event).encode(), "r-1", "record.requested.v1", content_type=STRUCTURED)
        assert await bus.deliver(message) == Dead("unroutable", topic)
        parts = [*EVENTS[:2], R4_RENDERED]
        assert bus.batches == ([parts, EVENTS[2:]] if topic == R4_RENDERED else [parts])
        assert [each.kind for each in bus.taken_out("r-1")][:1] == EVENTS[:1]
        bus.topics = frozenset()
        assert await bus.deliver(message) == Done()
        assert bus.taken_out("r-1")[-1].kind == EVENTS[-1]
