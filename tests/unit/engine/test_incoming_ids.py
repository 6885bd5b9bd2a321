"""Every event about a request says which one it answers, whatever became of it."""

import json

import pytest

from bridge.areas.requests import RecordRequest
from bridge.bus.port import Delivery, Done
from bridge.contracts.envelope import EventStyle
from bridge.contracts.events import request_failed, request_rejected
from bridge.engine.incoming import read_incoming
from bridge.engine.patient_keys import PatientKeys
from bridge.engine.rendering import Renderer
from bridge.errors import FailureCode, Refused, RequestRejected
from bridge.pipelines.declaration import Pipeline
from bridge.renderings.table import RENDERINGS
from tests.support.requests import cloud_event, record_request

RENDERER = Renderer(EventStyle("uk.nhs.gpconnect", "/bridge"), RENDERINGS)
FAILED = request_failed(Refused(FailureCode.INTERNAL, stage="engine"), attempts=1)
REJECTED = request_rejected(RequestRejected("data.areas", "must name one"))


async def handle(_request, _gp):
    return []


def incoming_of(*, replayof=None, **asked):
    pipeline = Pipeline("structured_record")
    pipeline.operation(accepts="record.requested.v1", request=RecordRequest, publishes={})(handle)
    attributes = {} if replayof is None else {"replayof": replayof}
    body = json.dumps(cloud_event(record_request(**asked), id="r-1", **attributes)).encode()
    delivery = Delivery(
        body=body, id="m-1", key="record.requested.v1", headers={}, content_type=None, correlation_id=None
    )
    return read_incoming(delivery, pipeline=pipeline, keys=PatientKeys("k" * 32))


def message(incoming, event):
    (found,), _ = RENDERER.closing(incoming, event, Done())
    return found


def told(event, **asked):
    incoming = incoming_of(**asked)
    assert (incoming.rejection is None) == (event is FAILED)
    return json.loads(message(incoming, event).body)


def test_a_failure_names_encounter_request_and_patient_key():
    event = told(FAILED, encounter_id="visit 7")
    assert event["encounterid"] == "visit 7"
    assert event["causationid"]
    assert event["correlationid"]
    assert len(event["patientkey"]) >= 32


def test_a_rejection_names_encounter_and_request():
    event = told(REJECTED, encounter_id="visit-7", purpose="research")
    assert event["encounterid"] == "visit-7"
    assert event["causationid"]
    assert "patientkey" not in event


@pytest.mark.duty("JO-033")
@pytest.mark.parametrize("sent", ["999-9990000018", "x" * 5000, "9990000018"])
def test_a_rejection_repeats_no_encounter_id_that_is_long_or_may_hold_an_nhs_number(sent):
    event = told(REJECTED, encounter_id=sent, purpose="research")
    assert sent not in json.dumps(event)
    assert len(event["encounterid"]) == 64


@pytest.mark.parametrize("sent", [None, 7, ["a"], ""])
def test_an_encounter_id_that_is_no_text_is_left_out(sent):
    assert "encounterid" not in told(REJECTED, encounter_id=sent, purpose="research")


def test_another_request_under_a_used_id_is_rejected_under_ids_of_its_own():
    first, second = incoming_of(encounter_id="visit-7"), incoming_of(encounter_id="visit-8")
    assert first.opening.request_key == second.opening.request_key
    assert first.opening.body_sha256 != second.opening.body_sha256
    conflicting = second.as_conflicting()
    assert conflicting.rejection.faults == (("id", "was used before by another request"),)
    assert conflicting.opening.request_key not in (
        first.opening.request_key,
        incoming_of().opening.request_key,
    )
    assert conflicting.opening.turn_key is None
    # A reader that removes repeats sees every rejection, and never takes one for what the first request got.
    third = incoming_of(encounter_id="visit-9").as_conflicting()
    rejections = [message(incoming, REJECTED) for incoming in (first, conflicting, third)]
    assert len({each.id for each in rejections}) == 3
    assert len({json.loads(each.body)["subject"] for each in rejections}) == 3
    _, of_second, _ = rejections
    assert message(incoming_of(encounter_id="visit-8").as_conflicting(), REJECTED).id == of_second.id
    assert json.loads(of_second.body)["encounterid"] == "visit-8"


def test_what_a_request_asks_again_for_is_told_in_every_event():
    assert told(FAILED, replayof="r-0")["replayof"] == "r-0"
    assert told(REJECTED, replayof="r-0", purpose="research")["replayof"] == "r-0"
    assert "replayof" not in told(FAILED)


@pytest.mark.duty("JO-033")
@pytest.mark.parametrize("sent", ["9990000018", "r 0"])
def test_a_rejection_repeats_no_such_id_that_is_malformed_or_may_hold_an_nhs_number(sent):
    event = told(REJECTED, replayof=sent)
    assert sent not in json.dumps(event)
    assert len(event.get("replayof", "x" * 64)) == 64
