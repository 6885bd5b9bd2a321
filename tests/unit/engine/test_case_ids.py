"""Every event about a request says which one it answers, whatever became of it."""

import json

import pytest

from bridge.bus.port import Delivery
from bridge.contracts.envelope import EventStyle
from bridge.contracts.events import request_failed, request_rejected
from bridge.contracts.requests import RecordRequest
from bridge.engine.case import read_case
from bridge.engine.patient_keys import PatientKeys
from bridge.engine.pipeline import Pipeline
from bridge.errors import FailureCode, Refused, RequestRejected
from tests.support.requests import cloud_event, record_request

STYLE = EventStyle("uk.nhs.gpconnect", "/bridge")
FAILED = request_failed(Refused(FailureCode.INTERNAL, stage="engine"), attempts=1)
REJECTED = request_rejected(RequestRejected("data.areas", "must name one"))


async def handle(_request, _gp):
    return []


def told(event, **asked):
    pipeline = Pipeline("structured_record")
    pipeline.operation(accepts="record.requested.v1", request=RecordRequest, publishes={})(handle)
    body = json.dumps(cloud_event(record_request(**asked))).encode()
    delivery = Delivery(
        body=body, id="m-1", key="record.requested.v1", headers={}, content_type=None, correlation_id=None
    )
    case = read_case(delivery, pipeline=pipeline, keys=PatientKeys("k" * 32))
    assert (case.rejection is None) == (event is FAILED)
    return json.loads(case.event(STYLE, event, sequence="1/1").body)


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
