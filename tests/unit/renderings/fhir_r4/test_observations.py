"""Observations in R4: no value is more exact, or of another unit, than it was sent."""

from typing import Any

import pytest

from tests.support import bundles as b
from tests.support.r4 import of_kind, rendered
from tests.support.whole_record import HL7, observation

UCUM = "http://unitsofmeasure.org"
GLUCOSE = b.concept("1010671000000102", "Glucose")


def observed(*others: dict[str, Any], **sent: Any) -> dict[str, Any]:
    resource = observation("o1", **{"context": None, "performer": None, **sent})
    bundle = rendered(b.record_list("826501000000100", "Observation/o1"), resource, *others)
    return next(each for each in of_kind(bundle, "Observation") if each["identifier"][0]["value"] == "ob-o1")


def notes(found: dict[str, Any]) -> list[str]:
    return [each["text"] for each in found.get("note", ())]


COMPARED = {"value": 4, "comparator": "<", "unit": "mmol/L", "system": UCUM, "code": "mmol/L"}


@pytest.mark.parametrize(
    ("sent", "element", "value"),
    [
        ({"valueQuantity": COMPARED}, "valueQuantity", COMPARED),
        ({"valueQuantity": {"value": 4}}, "valueQuantity", {"value": 4}),
        ({"valueQuantity": {"value": 4, "unit": "mmol"}}, "valueQuantity", {"value": 4, "unit": "mmol"}),
        ({"valueString": "no growth\n  seen"}, "valueString", "no growth\n  seen"),
        ({"valueBoolean": False}, "valueBoolean", False),
        ({"valueTime": "12:30:00"}, "valueTime", "12:30:00"),
        ({"valueDateTime": "2004-05"}, "valueDateTime", "2004-05"),
        ({"valueDateTime": "May 2004"}, "valueString", "May 2004"),
        ({"valuePeriod": {"start": "2004", "end": "2005"}}, "valuePeriod", {"start": "2004", "end": "2005"}),
        (
            {"valueRange": {"low": {"value": 1}, "high": {"value": 2}}},
            "valueRange",
            {"low": {"value": 1}, "high": {"value": 2}},
        ),
        (
            {"valueRange": {"low": {"value": 1, "comparator": ">"}, "high": {"value": 2, "unit": "g"}}},
            "valueString",
            "from > 1 to 2 g",
        ),
        (
            {"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 64, "comparator": ">"}}},
            "valueRatio",
            {"numerator": {"value": 1}, "denominator": {"value": 64, "comparator": ">"}},
        ),
        ({"valueRatio": {"numerator": {"value": 1}}}, "valueString", "1 : not stated"),
        (
            {"valueQuantity": {"value": 70, "unit": "kg", "extension": [{"url": f"{HL7}-ValueApproximation-1", "valueBoolean": True}]}},
            "valueString",
            "about 70 kg",
        ),
    ],
)  # fmt: skip
def test_a_value_is_told_as_it_was_sent(sent: dict[str, Any], element: str, value: Any):
    found = observed(**sent)
    assert found[element] == value
    assert len([name for name in found if name.startswith("value")]) == 1


def test_a_coded_value_keeps_its_codes():
    coded = observed(valueCodeableConcept=b.concept("260385009", "Negative"))["valueCodeableConcept"]
    assert coded["coding"][0]["code"] == "260385009"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"low": {"value": 1}, "high": {"value": 2}}, {"low": {"value": 1}, "high": {"value": 2}}),
        ({"high": {"value": 5, "comparator": "<", "unit": "g"}}, {"text": "from open to < 5 g"}),
        (
            {"high": {"value": 12345.67, "comparator": "<", "unit": "g"}},
            {"text": "from open to < 12345.67 g"},
        ),
        ({"low": {"value": 9}, "high": {"value": 2}}, {"text": "from 9 to 2"}),
        ({"text": "see leaflet"}, {"text": "see leaflet"}),
        (
            {"low": {"value": 1}, "text": "adults", "age": {"low": {"value": 18, "unit": "years"}}},
            {"low": {"value": 1}, "text": "adults", "age": {"low": {"value": 18, "unit": "years"}}},
        ),
    ],
)
def test_what_is_usual_keeps_its_limits_or_its_words(sent: dict[str, Any], told: dict[str, Any]):
    assert observed(valueQuantity={"value": 1}, referenceRange=[sent])["referenceRange"] == [told]


def test_a_reason_for_no_value_stands_in_place_of_one_or_beside_it_in_words():
    reason = b.concept("not-performed", "Not performed", "http://hl7.org/fhir/data-absent-reason")
    alone = observed(dataAbsentReason=reason)
    assert alone["dataAbsentReason"]["coding"][0]["code"] == "not-performed"
    beside = observed(dataAbsentReason=reason, valueQuantity={"value": 1})
    assert "dataAbsentReason" not in beside
    assert any("Not performed" in each for each in notes(beside))


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("final", "final"),
        ("entered-in-error", "entered-in-error"),
        ("cancelled", "cancelled"),
        ("done", "unknown"),
        (None, "unknown"),
    ],
)
def test_a_state_is_one_of_r4_or_unknown(sent: str | None, told: str):
    found = observed(status=sent)
    assert found["status"] == told
    as_sent = [each["valueString"] for each in found.get("_status", {}).get("extension", ())]
    assert as_sent == (["done"] if sent == "done" else [])


def test_the_comment_stands_with_it_because_it_may_say_the_opposite():
    assert notes(observed(comment="No evidence of\n  this")) == ["No evidence of\n  this"]


@pytest.mark.parametrize("said", ["a\x0bb", "a\x00b", "a\x1fb", "a\fb", "a\bb"])
def test_a_control_character_that_r4_forbids_is_seen_to_have_been_there(said: str):
    assert notes(observed(comment=said)) == ["a\N{REPLACEMENT CHARACTER}b"]


def test_words_that_look_like_an_escape_stay_as_they_are():
    assert notes(observed(comment="C:\\backup\tand\nmore \\u0001")) == ["C:\\backup\tand\nmore \\u0001"]


def test_a_day_of_entry_is_no_moment():
    found = observed(issued="2026-02-03")
    assert "issued" not in found
    assert "2026-02-03" in [each.get("valueString") for each in found["_issued"]["extension"]]
    assert observed()["issued"] == "2026-02-03T10:15:00+00:00"


def test_both_blood_pressures_stay_components_and_one_that_was_not_measured_says_so():
    half = {"code": b.concept("271649006", "Systolic"), "valueQuantity": {"value": 120, "unit": "mm[Hg]"}}
    other = {"code": b.concept("271650006", "Diastolic"), "dataAbsentReason": {"text": "not measured"}}
    found = observed(code=b.concept("75367002", "Blood pressure"), component=[half, other])
    systolic, diastolic = found["component"]
    assert systolic["valueQuantity"] == {"value": 120, "unit": "mm[Hg]"}
    assert diastolic["dataAbsentReason"] == {"text": "not measured"}
    assert not any(name.startswith("value") for name in diastolic)


def test_members_and_wholes_are_references_and_others_keep_their_relation():
    related = [
        {"type": "has-member", "target": b.reference("Observation/o2")},
        {"type": "replaces", "target": b.reference("Observation/gone")},
    ]
    found = observed(observation("o2", context=None), related=related)
    [member] = found["hasMember"]
    assert member["reference"].startswith("urn:uuid:")
    [kept] = [each for each in found["extension"] if each["url"].endswith("Observation.related")]
    kind, target = kept["extension"]
    assert kind["valueCode"] == "replaces"
    assert "reference" not in target["valueReference"]


def test_what_was_answered_stands_among_its_components():
    response = {
        "resourceType": "QuestionnaireResponse",
        "id": "q1",
        "status": "completed",
        "subject": b.reference("Patient/p1"),
        "parent": [b.reference("Observation/o1")],
        "item": [
            {"linkId": "1", "text": "Units a week?", "answer": [{"valueInteger": 14}]},
            {"linkId": "2", "text": "Smoker?"},
        ],
    }
    told = observed(response)["component"]
    assert [each["code"] for each in told] == [{"text": "Units a week?"}, {"text": "Smoker?"}]
    assert told[0]["valueQuantity"] == {"value": 14}
    assert told[1]["dataAbsentReason"]["coding"][0]["code"] == "unknown"
