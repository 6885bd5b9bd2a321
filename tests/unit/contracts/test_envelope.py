import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.contracts.envelope import event_id, opaque_id, read_envelope
from bridge.errors import RequestRejected
from tests.support.requests import cloud_event, record_request


def read(body, *, message_id="m-1", content_type=None, correlation_id=None, headers=None):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_envelope(
        raw,
        message_id=message_id,
        key="record.requested.v1",
        content_type=content_type,
        correlation_id=correlation_id,
        headers=headers or {},
    )


@pytest.mark.parametrize("content_type", ["application/cloudevents+json", "application/json", None])
def test_structured_mode_takes_everything_from_the_body(content_type):
    event = cloud_event(record_request(), id="e-7", correlationid="c-7")
    incoming = read(event, content_type=content_type)
    assert (incoming.request_id, incoming.correlation_id) == ("e-7", "c-7")
    assert incoming.data == event["data"]


@pytest.mark.parametrize("prefix", ["ce-", "ce_", "CE-", "cloudEvents:", "cloudEvents_"])
def test_binary_mode_takes_attributes_from_headers(prefix):
    attributes = {"specversion": "1.0", "id": "e-8", "source": "/epr", "type": "record.requested.v1"}
    incoming = read(
        record_request(),
        content_type="application/json",
        headers={f"{prefix}{name}": value for name, value in attributes.items()} | {"x-other": "y"},
    )
    assert incoming.request_id == "e-8"
    assert incoming.data == record_request()


def test_bare_json_takes_its_id_from_the_message():
    incoming = read(record_request(), message_id="m-9", correlation_id="c-9")
    assert (incoming.request_id, incoming.correlation_id) == ("m-9", "c-9")
    assert incoming.attributes.type == "record.requested.v1"


def test_without_a_correlation_id_the_request_correlates_itself():
    assert read(record_request(), message_id="m-9").correlation_id == "m-9"


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"x"', b"\xff\xfe{}", b"null", b"NaN"])
def test_what_is_not_a_json_object_is_rejected(body):
    with pytest.raises(RequestRejected) as caught:
        read(body)
    assert caught.value.faults[0][0] == "body"


@pytest.mark.parametrize("missing", ["id", "source", "type"])
def test_a_missing_attribute_is_named(missing):
    event = cloud_event(record_request())
    del event[missing]
    with pytest.raises(RequestRejected) as caught:
        read(event)
    assert [field for field, _rule in caught.value.faults] == [missing]


def test_a_header_cannot_be_injected_through_an_id():
    with pytest.raises(RequestRejected):
        read(cloud_event(record_request(), id="a\r\nSsp-From: 1"))


@given(st.binary(max_size=200))
def test_no_body_does_more_than_reject(body):
    with contextlib.suppress(RequestRejected):
        read(body)


def test_event_ids_depend_on_request_kind_and_snapshot_only():
    assert event_id("r", "k", "s") == event_id("r", "k", "s")
    assert (
        len(
            {
                event_id("r", "k", "s"),
                event_id("r2", "k", "s"),
                event_id("r", "k2", "s"),
                event_id("r", "k", "s2"),
            }
        )
        == 4
    )


def test_a_uuid_is_passed_on_whichever_digits_it_holds():
    uuid = "34556a83-30d0-476f-a440-8b3447800402"  # ten of its digits pass for an NHS number
    assert opaque_id(uuid) == uuid
    assert opaque_id("request-9990000018") != "request-9990000018"
