"""Each event of a request goes out in every form, and no form takes another one's id."""

import json

import pytest
from structlog.testing import capture_logs

from bridge.bus.port import Dead, Delivery, Done
from bridge.contracts.envelope import EventStyle
from bridge.contracts.events import request_failed, request_rejected
from bridge.engine.incoming import read_incoming
from bridge.engine.outcomes import EngineFault
from bridge.engine.patient_keys import PatientKeys
from bridge.engine.rendering import Renderer
from bridge.errors import FailureCode, Refused, RequestRejected
from bridge.pipelines.installed import installed_pipelines
from bridge.renderings import cloudevents_json
from bridge.renderings.rendering import Rendered
from tests.support.requests import cloud_event, record_request

(PIPELINE,) = installed_pipelines(["structured_record"])
STYLE = EventStyle("uk.nhs.gpconnect", "/bridge")
FAILED = request_failed(Refused(FailureCode.INTERNAL, stage="engine"), attempts=1)
REJECTED = request_rejected(RequestRejected("data.areas", "must name one"))
WORDS = "failures.in_words.v1"


def in_words(event):
    """Tells of failures only."""
    if event.kind != "request.failed.v1":
        return []
    return [Rendered(WORDS, event.id_on(WORDS), "text/plain", event.data["message"].encode())]


@pytest.fixture
def incoming():
    body = json.dumps(cloud_event(record_request())).encode()
    return read_incoming(
        Delivery(body, id="m-1", key="record.requested.v1"), pipeline=PIPELINE, keys=PatientKeys("k")
    )


def test_the_forms_of_an_event_come_before_the_next_event(incoming):
    renderer = Renderer(STYLE, [cloudevents_json.render, in_words])
    stored = [message.stored for message in renderer.render(incoming, [FAILED, REJECTED])]
    assert [(message.topic, message.content_type) for message in stored] == [
        ("request.failed.v1", "application/cloudevents+json"),
        (WORDS, "text/plain"),
        ("request.rejected.v1", "application/cloudevents+json"),
    ]
    assert len({message.id for message in stored}) == 3
    words = next(message for message in stored if message.topic == WORDS)
    assert words.body.decode() == FAILED.data["message"]
    # Events are numbered, whatever the number of their forms.
    numbers = [json.loads(message.body)["sequence"] for message in stored if message.topic != WORDS]
    assert numbers == ["1/2", "2/2"]


def test_a_second_form_under_the_id_of_the_first_is_refused_and_not_lost(incoming):
    renderer = Renderer(STYLE, [cloudevents_json.render, cloudevents_json.render])
    with pytest.raises(EngineFault, match="internal RuntimeError"), capture_logs() as lines:
        renderer.render(incoming, [FAILED])
    told, disposition = renderer.closing(incoming, FAILED, Done())
    assert [message.topic for message in told] == ["request.failed.v1"]
    assert disposition == Dead("internal", "rendering: RuntimeError")
    (line,) = lines
    assert (line["event"], line["event_kind"], line["error"]) == (
        "rendering_failed",
        "request.failed.v1",
        "RuntimeError",
    )


def test_what_ends_a_request_says_that_it_is_the_only_event(incoming):
    (told,), _ = Renderer(STYLE, [cloudevents_json.render]).closing(incoming, FAILED, Done())
    assert json.loads(told.body)["sequence"] == "1/1"


def test_what_ends_a_request_is_told_in_every_form_that_can_tell_it(incoming):
    def raises(event):
        raise KeyError(event.data)

    renderer = Renderer(STYLE, [raises, cloudevents_json.render, raises, in_words])
    told, disposition = renderer.closing(incoming, FAILED, Done())
    assert [message.topic for message in told] == ["request.failed.v1", WORDS]
    assert disposition == Dead("internal", "rendering: KeyError")
    # A dead letter says why it is one already.
    assert renderer.closing(incoming, REJECTED, Dead("rejected", "x"))[1] == Dead("rejected", "x")
    assert Renderer(STYLE, [raises]).closing(incoming, FAILED, Done())[0] == []
