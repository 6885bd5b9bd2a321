import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.areas.requests import RecordRequest
from bridge.contracts.envelope import Attributes, Incoming, read_envelope
from bridge.contracts.patients import PatientRegisterRequest, RegistrationDetails
from bridge.contracts.requests import Model
from bridge.contracts.schemas import envelope_schema, schema_of
from bridge.errors import RequestRejected
from bridge.pipelines.installed import installed_pipelines
from bridge.record.nhs_number import is_valid_nhs_number
from tests.support.requests import PATIENT, cloud_event, record_request

REQUESTS = {
    operation.accepts: operation.request
    for pipeline in installed_pipelines()
    for operation in pipeline.operations
}


def read(data, **attributes):
    envelope = Attributes(**({"specversion": "1.0", "id": "r-1", "source": "/epr", "type": "t"} | attributes))
    return Incoming(envelope, data).request(RecordRequest)


def faults(data, **attributes):
    with pytest.raises(RequestRejected) as caught:
        read(data, **attributes)
    assert PATIENT not in str(caught.value)
    return dict(caught.value.faults)


def test_a_request_says_patient_areas_user_and_purpose():
    request = read(record_request())
    assert request.areas.medications is not None
    assert request.areas.medications.include_issues is True
    assert request.areas.allergies is not None
    assert request.areas.allergies.include_ended is True
    assert request.requested_by.organisation.ods_code == "RZZ01"


@pytest.mark.duty("CS-008")
@pytest.mark.parametrize(
    "number", ["9990000019", "999000001", "99900000188", "999 000 0018", "\uff19\uff19\uff190000018", ""]
)
def test_an_nhs_number_with_a_wrong_check_digit_or_length_is_rejected_by_field(number):
    data = record_request()
    data["patient"]["nhs_number"] = number
    assert list(faults(data)) == ["data.patient.nhs_number"]


@given(st.integers(min_value=0, max_value=999_999_999))
def test_at_most_one_check_digit_is_right(stem):
    assert sum(is_valid_nhs_number(f"{stem:09d}{digit}") for digit in range(10)) <= 1


@pytest.mark.duty("CS-021")
@pytest.mark.parametrize(
    "day", ["2025", "2025-01", "2025-13-01", "2025-01-01T00:00:00Z", 20250101, "01/01/2025"]
)
def test_a_search_date_is_a_whole_date(day):
    data = record_request(areas={"medications": {"search_from": day}})
    assert list(faults(data)) == ["data.areas.medications.search_from"]


@pytest.mark.duty("CS-021", "CS-079")
def test_a_search_date_is_not_in_the_future():
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    found = faults(record_request(areas={"medications": {"search_from": tomorrow}}))
    assert found == {"data.areas.medications.search_from": "must not be in the future"}


@pytest.mark.duty("CS-012", "JO-017")
def test_direct_care_is_the_only_purpose():
    assert list(faults(record_request(purpose="audit"))) == ["data.purpose"]


@pytest.mark.duty("SP-077", "SP-033")
@pytest.mark.parametrize("field", ["user_id", "family_name", "given_names", "role", "organisation"])
def test_a_request_without_the_real_user_is_rejected(field):
    data = record_request()
    del data["requested_by"][field]
    assert list(faults(data)) == [f"data.requested_by.{field}"]


def test_no_area_is_a_fault():
    assert list(faults(record_request(areas={}))) == ["data.areas"]


def test_an_option_of_an_area_that_is_not_wanted_cannot_be_sent():
    assert list(faults(record_request(areas={"allergies": {"search_from": "2025-01-01"}}))) == [
        "data.areas.allergies.search_from"
    ]


def test_every_fault_is_named_at_once():
    data = record_request(purpose="x")
    data["patient"]["nhs_number"] = "1"
    data["requested_by"]["organisation"]["ods_code"] = "rx*"
    assert set(faults(data)) == {
        "data.patient.nhs_number",
        "data.purpose",
        "data.requested_by.organisation.ods_code",
    }


def test_an_invented_field_name_is_not_repeated():
    data = record_request()
    data["9990000018"] = 1
    assert list(faults(data)) == ["data.(unknown field)"]


OTHERS = "4010232137"
"""Somebody else's number, for which nobody asks."""


@pytest.mark.duty("JO-033")
@pytest.mark.parametrize("number", [PATIENT, OTHERS])
@pytest.mark.parametrize(
    ("attribute", "text"),
    [
        *(
            (attribute, "x-{}-1")
            for attribute in ("id", "correlationid", "source", "type", "subject", "dataschema")
        ),
        *((attribute, "{}") for attribute in ("traceparent", "ward", "partitionkey")),
    ],
)
def test_no_nhs_number_is_allowed_in_an_attribute(number, attribute, text):
    for written in (number, f"{number[:3]}-{number[3:6]}-{number[6:]}"):
        assert list(faults(record_request(), **{attribute: text.format(written)})) == [attribute]


@pytest.mark.duty("JO-033")
@pytest.mark.parametrize("value", [9990000018, {"of": "999 000 0018"}, ["9990000018"]])
def test_no_nhs_number_is_allowed_in_an_extension_of_any_type(value):
    assert list(faults(record_request(), ward=value)) == ["ward"]
    assert list(faults(record_request(), n9990000018="x")) == ["(unknown field)"]


@pytest.mark.duty("JO-033")
@pytest.mark.parametrize("attribute", ["id", "correlationid", "traceparent"])
def test_the_patients_own_number_is_found_inside_of_what_is_random(attribute):
    hidden = "00-4bf92f3577b34da69990000018ab0e47-00f067aa0ba902b7-01"
    assert list(faults(record_request(), **{attribute: hidden})) == [attribute]


@pytest.mark.duty("JO-033")
def test_no_nhs_number_is_allowed_in_a_header_or_a_property():
    def told(**beside):
        message: dict[str, Any] = {"message_id": "m", "key": "k", "headers": {}}
        message |= {"content_type": None, "correlation_id": None} | beside
        body = orjson.dumps(cloud_event(record_request()))
        with pytest.raises(RequestRejected) as caught:
            read_envelope(body, **message).request(RecordRequest)
        return [field for field, _rule in caught.value.faults]

    assert told(message_id="9990000018") == ["message_id"]
    assert told(correlation_id="c-9990000018") == ["correlationid"]
    assert told(key="record.requested.v1.4010232137") == ["routing key"]
    assert told(headers={"X-Patient": "999 000 0018", "tracestate": "a=1"}) == ["headers.x-patient"]
    assert told(headers={"x-9990000018": "yes"}) == ["headers.(unknown field)"]
    both = told(headers={"X-1": "9990000018", "X-2": "4010232137"})
    assert both == ["headers.(unknown field)"] * 2


def test_uuids_and_trace_ids_are_allowed_everywhere():
    uuid = "34556a83-30d0-476f-a440-8b3447800402"  # ten of its digits pass for an NHS number
    trace = f"00-{uuid.replace('-', '')}-00f067aa0ba902b7-01"
    assert read(record_request(), id=uuid, correlationid=uuid, subject=uuid, traceparent=trace)


@pytest.mark.parametrize("text", ["a\r\nb", " a", "a\x00", "a\x1b[31m"])
def test_text_for_tokens_is_one_clean_line(text):
    data = record_request()
    data["requested_by"]["family_name"] = text
    assert list(faults(data)) == ["data.requested_by.family_name"]


def test_numbers_are_no_text_and_text_is_no_boolean():
    data = record_request(areas={"medications": {"include_issues": "yes"}})
    assert list(faults(data)) == ["data.areas.medications.include_issues"]


def test_the_earlier_expiry_counts():
    early, late = "2030-01-01T00:00:00Z", "2030-01-02T00:00:00Z"
    for inside, outside in ((early, late), (late, early)):
        data = record_request(expires_at=inside)
        envelope = Attributes.model_validate_json(
            orjson.dumps({"specversion": "1.0", "id": "r", "source": "s", "type": "t", "expirytime": outside})
        )
        incoming = Incoming(envelope, copy.deepcopy(data))
        assert incoming.expires_at(incoming.request(RecordRequest)) == datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("kind", [*REQUESTS, "cloudevent"])
def test_every_text_and_list_has_a_bound_in_the_schema(kind):
    """What has none makes a token, a header or a call of any length."""
    schema = envelope_schema() if kind == "cloudevent" else schema_of(REQUESTS[kind], kind, "validation")

    def unbounded(node, where):
        if isinstance(node, list):
            return [found for item in node for found in unbounded(item, where)]
        if not isinstance(node, dict):
            return []
        kind = node.get("type")
        bounds = {"maxLength", "enum", "const", "format"}
        fixed = "{" in node.get("pattern", "")
        bare = (kind == "array" and "maxItems" not in node) or (
            kind == "string" and not (bounds & set(node) or fixed)
        )
        inner = [found for name, part in node.items() for found in unbounded(part, f"{where}.{name}")]
        return [where, *inner] if bare else inner

    assert unbounded(schema, kind) == []


@pytest.mark.parametrize("letter", ["A", "\u00e9", "\U00020000"])
def test_a_user_may_have_long_names_and_no_longer_ones(letter):
    def named(names, length):
        data = record_request()
        data["requested_by"]["given_names"] = [letter * length] * names
        return data

    assert read(named(10, 20))
    assert list(faults(named(11, 1))) == ["data.requested_by.given_names"]
    if letter != "A":
        assert list(faults(named(10, 200))) == ["data.requested_by"]
    else:
        assert read(named(10, 200))


@pytest.mark.parametrize("model", [PatientRegisterRequest, RegistrationDetails])
def test_a_default_in_which_nothing_is_set_is_what_validation_would_make_of_it(model):
    defaults = [field.default for field in model.model_fields.values() if isinstance(field.default, Model)]
    assert defaults
    for default in defaults:
        assert repr(default) == repr(type(default).model_validate({}))
