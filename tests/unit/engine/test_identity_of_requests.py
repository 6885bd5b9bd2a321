"""Under which ids a delivery is known: two senders may use one id, and a body is no id."""

import json

import pytest

from bridge.bus.port import Delivery, Done
from bridge.contracts.envelope import EventStyle
from bridge.contracts.events import request_rejected
from bridge.engine.incoming import IncomingRequest, read_incoming
from bridge.engine.patient_keys import PatientKeys
from bridge.engine.rendering import Renderer
from bridge.errors import RequestRejected
from bridge.pipelines.installed import installed_pipelines
from bridge.renderings.table import RENDERINGS
from tests.support.requests import cloud_event, record_request

(PIPELINE,) = installed_pipelines(["structured_record"])
KEY = "record.requested.v1"
RENDERER = Renderer(EventStyle("uk.nhs.gpconnect", "/gpconnect-bridge"), RENDERINGS)


def incoming_of(delivery: Delivery) -> IncomingRequest:
    return read_incoming(delivery, pipeline=PIPELINE, keys=PatientKeys("a site's own key"))


def structured(**attributes: str) -> Delivery:
    return Delivery(json.dumps(cloud_event(record_request(), **attributes)).encode(), id="m-1", key=KEY)


def event_id_of(incoming: IncomingRequest) -> str:
    (message,), _ = RENDERER.closing(incoming, request_rejected(RequestRejected("x", "y")), Done())
    return message.id


def test_two_senders_with_one_id_are_told_apart_in_the_ledger_and_in_event_ids():
    ward, tie = (incoming_of(structured(id="1", source=source)) for source in ("/epr/ward-7", "/tie"))
    assert ward.opening.request_key != tie.opening.request_key
    assert event_id_of(ward) != event_id_of(tie)


def test_a_request_that_comes_again_has_the_event_ids_it_had():
    first, again = (incoming_of(structured(id="1", source="/epr")) for _ in range(2))
    assert event_id_of(first) == event_id_of(again)


def test_a_request_without_any_id_is_rejected():
    body = json.dumps(record_request()).encode()
    incoming = incoming_of(Delivery(body, id="hash-of-the-body", key=KEY, is_named=False))
    assert incoming.rejection is not None
    assert incoming.rejection.faults == (
        ("message id", "is required of a request without an envelope: new each time"),
    )


def test_an_envelope_s_own_id_is_enough():
    delivery = structured(id="1", source="/epr")
    incoming = incoming_of(Delivery(delivery.body, id="hash-of-the-body", key=KEY, is_named=False))
    assert incoming.rejection is None
    assert incoming.request_id == "1"


@pytest.mark.parametrize("section", [b"\x00\x53\x76\x45", b"\x00\x80" + bytes(7) + b"\x76\x45"])
def test_a_body_of_amqp_1_0_that_is_no_text_is_rejected_with_advice(section):
    incoming = incoming_of(Delivery(section, id="1", key=KEY))
    assert incoming.rejection is not None
    ((field, rule),) = incoming.rejection.faults
    assert field == "body"
    assert "data section" in rule
