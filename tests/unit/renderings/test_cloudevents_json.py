"""What is published today, byte for byte but for the time."""

import re
from dataclasses import replace

import orjson
import pytest

from bridge.contracts.envelope import EventStyle, event_id
from bridge.contracts.events import Written
from bridge.renderings.cloudevents_json import render
from bridge.renderings.rendering import OutgoingEvent

KIND = "medications.published.v1"
IDENTITY = event_id("/epr r-1", KIND, "snap-1")


def outgoing(schema_base: str | None, **extensions: str | None) -> OutgoingEvent:
    return OutgoingEvent(
        style=EventStyle("uk.nhs.example", "/bridge/a", schema_base),
        kind=KIND,
        data={"items": ["Zoë"], "issues": []},
        request_key="/epr r-1",
        told_of="snap-1",
        subject="snapshot/snap-1",
        extensions=extensions,
    )


@pytest.mark.parametrize(
    ("schema_base", "schema"),
    [
        (None, ""),
        (
            "https://schemas.example/",
            '"dataschema":"https://schemas.example/medications.published.v1.json",',
        ),
    ],
)
def test_an_event_is_one_structured_cloudevent(schema_base, schema):
    rendered = render(outgoing(schema_base, correlationid="c", traceparent=None, sequence="1/3"))
    assert (rendered.topic, rendered.id, rendered.media_type) == (
        KIND,
        IDENTITY,
        "application/cloudevents+json",
    )
    body, times = re.subn(r'"time":"[0-9T:.-]+Z"', '"time":"-"', rendered.body.decode())
    assert times == 1
    assert body == (
        f'{{"specversion":"1.0","id":"{IDENTITY}","source":"/bridge/a",'
        '"type":"uk.nhs.example.medications.published.v1","subject":"snapshot/snap-1","time":"-",'
        f'"datacontenttype":"application/json",{schema}"correlationid":"c","sequence":"1/3",'
        '"data":{"items":["Zoë"],"issues":[]}}'
    )


def test_another_topic_has_another_id_and_the_same_answer_the_same():
    first, again = outgoing(None), outgoing(None)
    assert first.id_on(KIND) == again.id_on(KIND) == IDENTITY
    assert first.id_on("medications.rendered.words.v1") != IDENTITY


def test_what_is_no_json_has_no_schema_of_the_kind():
    attributes = outgoing("https://schemas.example").attributes("words.v1", media_type="text/plain")
    assert attributes["datacontenttype"] == "text/plain"
    assert attributes["type"] == "uk.nhs.example.words.v1"
    assert "dataschema" not in attributes


def test_what_is_written_already_is_taken_as_it_is_while_it_is_what_the_data_says():
    plain = outgoing(None)
    items = plain.data["items"]
    body = render(plain).body
    same = render(replace(plain, written={"items": Written.of(items), "other": Written.of(1)})).body
    marked = render(replace(plain, written={"items": Written(items, b'["as it is"]')})).body
    changed = render(replace(plain, written={"items": Written.of(["somebody else"])})).body
    assert orjson.loads(same)["data"] == orjson.loads(changed)["data"] == orjson.loads(body)["data"]
    assert orjson.loads(marked)["data"] == {"items": ["as it is"], "issues": []}
