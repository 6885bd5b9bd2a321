"""The request for a section, and what must hold before it is sent."""

from datetime import UTC, date, datetime, timedelta

import orjson
import pytest

from bridge.errors import Refused, RequestRejected
from bridge.fhir.parameters import DayPeriod
from bridge.gpconnect.care_record import care_record_parameters, check_trace
from bridge.record.sections import SECTIONS
from bridge.spine.pds import TracedPatient

NUMBER = "9990000018"
WITHOUT_PERIOD = {"SUM", "ALL", "IMM"}


def traced(ago: timedelta) -> TracedPatient:
    at = (datetime.now(UTC) - ago).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return TracedPatient(NUMBER, None, None, (), None, None, "A82038", at)


@pytest.mark.duty("HT-007", "HT-008", "HT-010")
@pytest.mark.parametrize("section", SECTIONS)
def test_it_names_the_patient_and_one_section(section):
    assert orjson.loads(care_record_parameters(NUMBER, section)) == {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "patientNHSNumber",
                "valueIdentifier": {"system": "http://fhir.nhs.net/Id/nhs-number", "value": NUMBER},
            },
            {
                "name": "recordSection",
                "valueCodeableConcept": {
                    "coding": [
                        {
                            "system": "http://fhir.nhs.net/ValueSet/gpconnect-record-section-1",
                            "code": section,
                        }
                    ]
                },
            },
        ],
    }


@pytest.mark.duty("HT-009")
@pytest.mark.parametrize("section", SECTIONS)
def test_a_period_goes_only_with_a_section_that_takes_one(section):
    period = DayPeriod(date(2024, 1, 1), date(2024, 6, 30))
    if section in WITHOUT_PERIOD:
        with pytest.raises(RequestRejected, match=f"sections.{section}.period"):
            care_record_parameters(NUMBER, section, period)
    else:
        sent = orjson.loads(care_record_parameters(NUMBER, section, period))["parameter"][2]
        assert sent == {"name": "timePeriod", "valuePeriod": {"start": "2024-01-01", "end": "2024-06-30"}}


def test_an_open_bound_is_left_out():
    sent = orjson.loads(care_record_parameters(NUMBER, "ENC", DayPeriod(start=date(2024, 1, 1))))
    assert sent["parameter"][2]["valuePeriod"] == {"start": "2024-01-01"}


@pytest.mark.parametrize("period", [DayPeriod(), DayPeriod(date(2024, 2, 1), date(2024, 1, 1))])
def test_a_period_that_is_none_is_not_sent(period):
    with pytest.raises(RequestRejected):
        care_record_parameters(NUMBER, "ENC", period)


@pytest.mark.duty("HT-003", "SP-003")
def test_a_trace_of_yesterday_is_too_old():
    check_trace(traced(timedelta(hours=23, minutes=59)))
    with pytest.raises(Refused, match="trace_too_old"):
        check_trace(traced(timedelta(hours=24, seconds=1)))
