"""A request asked again: what its sender wrote, under an id that is made of its own."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from bridge.areas.requests import RecordRequest
from bridge.contracts.envelope import STRUCTURED, read_envelope
from bridge.contracts.replay import replay_id, replay_of
from bridge.errors import RequestRejected
from bridge.record.nhs_number import holds_nhs_number
from tests.support.requests import PATIENT, cloud_event, record_request

KEY = "record.requested.v1"
LATER = datetime(2026, 11, 30, 3, 15, tzinfo=UTC)
EXPIRY = "2026-11-29T12:00:00+01:00"


def structured(**attributes):
    event = cloud_event(record_request(), id="r-1", ward="7", time="2026-11-29T11:00:00Z", **attributes)
    return read(json.dumps(event).encode(), content_type=STRUCTURED)


def binary():
    headers = {"ce-specversion": "1.0", "ce-id": "r-1", "cloudEvents:source": "/epr/test", "ce-type": "t"}
    return read(json.dumps(record_request()).encode(), headers=headers | {"ce-ward": "7"})


def bare():
    return read(json.dumps(record_request()).encode(), message_id="r-1")


def read(body, *, message_id="m-1", content_type=None, headers=None, correlation_id=None):
    return read_envelope(
        body,
        message_id=message_id,
        key=KEY,
        content_type=content_type,
        correlation_id=correlation_id,
        headers=headers or {},
    )


def again(request, **given):
    return read(replay_of(request, id="new", **given), content_type=STRUCTURED)


def test_the_id_is_the_same_for_one_job_and_another_for_the_next():
    first = replay_id("/epr r-1", "a1b2c3d4")
    assert replay_id("/epr r-1", "a1b2c3d4") == first == str(UUID(first))
    assert len({first, replay_id("/epr r-1", "00000000"), replay_id("/lab r-1", "a1b2c3d4")}) == 3


@pytest.mark.duty("JO-033")
def test_no_id_of_a_replay_is_taken_for_an_nhs_number():
    assert not any(holds_nhs_number(replay_id(f"/epr {number}", "job")) for number in range(2000))


@pytest.mark.parametrize("way", [structured, binary, bare])
def test_what_was_asked_stays_in_whichever_mode_it_came(way):
    sent = way()
    found = again(sent)
    assert (found.request_id, found.attributes.replayof) == ("new", "r-1")
    assert found.attributes.source == sent.attributes.source
    assert found.correlation_id == sent.correlation_id
    assert found.data == sent.data
    assert found.request(RecordRequest).patient.nhs_number == PATIENT
    extra = found.attributes.model_extra
    assert extra is not None
    assert extra.get("ward") == (sent.attributes.model_extra or {}).get("ward")
    assert found.attributes.time == sent.attributes.time


def test_a_correlation_id_of_the_broker_goes_along():
    sent = read(json.dumps(record_request()).encode(), message_id="r-1", correlation_id="visit-7")
    assert again(sent).correlation_id == "visit-7"


def test_a_replay_that_failed_is_asked_again_for_the_first_request():
    found = again(again(structured()))
    assert found.attributes.replayof == "r-1"
    assert found.correlation_id == "r-1"


def test_an_expiry_stays_unless_there_is_a_new_one():
    sent = structured(expirytime=EXPIRY)
    sent.data["expires_at"] = EXPIRY
    asked = again(sent)
    assert asked.expires_at(asked.request(RecordRequest)) == datetime.fromisoformat(EXPIRY)
    later = again(sent, expires_at=LATER)
    assert later.attributes.expirytime == later.request(RecordRequest).expires_at == LATER
    assert sent.data["expires_at"] == EXPIRY


def test_a_request_without_an_expiry_gets_none():
    asked = again(structured(), expires_at=LATER)
    assert asked.expires_at(asked.request(RecordRequest)) is None


@pytest.mark.duty("JO-033")
@pytest.mark.parametrize("sent", [PATIENT, f"r-{PATIENT}"])
def test_what_it_asks_again_for_may_not_be_an_nhs_number(sent):
    with pytest.raises(RequestRejected, match="NHS number") as caught:
        structured(replayof=sent).request(RecordRequest)
    assert caught.value.faults == (("replayof", "must not contain an NHS number"),)
