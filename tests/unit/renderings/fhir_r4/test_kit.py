"""The kit that R4 is proven with finds what is wrong: otherwise nothing that it says would count."""

import copy
from typing import Any

import pytest

from tests.support.r4 import faults

PATIENT, VISIT, WEIGHT, COUGH, JAB = (f"urn:uuid:0193c6a0-7d1e-7c32-9a51-2f6d0c1b7e1{n}" for n in range(5))
PROFILE = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-"
CODE = {"coding": [{"system": "http://snomed.info/sct", "code": "27113001"}]}
ABSENT = {
    "extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
    ]
}


def resource(kind: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": "r1", "meta": {"profile": [f"{PROFILE}{kind}"]}, **elements}


def bundle() -> dict[str, Any]:
    subject = {"reference": PATIENT}
    clinical = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "inactive"}]
    }
    entries = {
        PATIENT: resource("Patient", gender="female", birthDate="1950-01"),
        VISIT: resource("Encounter", status="finished", **{"class": {"code": "AMB"}}, subject=subject),
        WEIGHT: resource(
            "Observation",
            status="final",
            code={"text": "Weight"},
            subject=subject,
            encounter={"reference": VISIT},
            effectiveDateTime="2004-05",
            valueQuantity={"value": 1.5, "comparator": "<", "unit": "kg"},
            referenceRange=[{"low": {"value": 1}, "high": {"value": 2}}],
        ),
        COUGH: resource(
            "Condition",
            subject=subject,
            clinicalStatus=clinical,
            abatementDateTime="2004",
            evidence=[{"detail": [{"reference": WEIGHT}]}],
        ),
        JAB: resource(
            "Immunization",
            status="not-done",
            statusReason=ABSENT,
            vaccineCode=ABSENT,
            patient=subject,
            occurrenceDateTime="2004-05-01",
        ),
    }
    return {
        "resourceType": "Bundle",
        "id": "b1",
        "meta": {"profile": [f"{PROFILE}Bundle"]},
        "type": "collection",
        "timestamp": "2026-11-22T09:00:00Z",
        "entry": [{"fullUrl": address, "resource": each} for address, each in entries.items()],
    }


def test_a_right_bundle_has_no_fault():
    assert faults(bundle()) == []


WRONG: list[tuple[str, dict[str, Any], str]] = [
    (WEIGHT, {"status": "done"}, "is not one of"),
    (WEIGHT, {"status": None}, "required element missing"),
    (WEIGHT, {"effectiveDateTime": "2004-5"}, "not a valid dateTime"),
    (WEIGHT, {"issued": "2004-05-01"}, "not a valid instant"),
    (WEIGHT, {"valueString": "x"}, "only one type"),
    (WEIGHT, {"comment": "STU3"}, "unknown element"),
    (WEIGHT, {"valueQuantity": {"value": 1, "comparator": "~"}}, "is not one of"),
    (WEIGHT, {"valueQuantity": {"value": 1, "code": "kg"}}, "qty-3"),
    (WEIGHT, {"referenceRange": [{"low": {"value": 1, "comparator": "<"}}]}, "sqty-1"),
    (WEIGHT, {"referenceRange": [{"low": {"value": 3}, "high": {"value": 2}}]}, "rng-2"),
    (WEIGHT, {"referenceRange": [{"type": {"text": "usual"}}]}, "obs-3"),
    (WEIGHT, {"dataAbsentReason": {"text": "?"}}, "obs-6"),
    (WEIGHT, {"valueQuantity": None, "valueRatio": {"numerator": {"value": 1}}}, "rat-1"),
    (WEIGHT, {"code": CODE, "component": [{"code": CODE}]}, "obs-7"),
    (WEIGHT, {"code": {"text": " "}}, "an empty value"),
    (WEIGHT, {"hasMember": []}, "empty list"),
    (WEIGHT, {"hasMember": [{"reference": VISIT}]}, "a Encounter is none of"),
    (WEIGHT, {"hasMember": [{"reference": "Observation/gone"}]}, "leads nowhere"),
    (WEIGHT, {"meta": None}, "a profile"),
    (WEIGHT, {"extension": [{"url": "short", "valueString": "x"}]}, "without an address"),
    (WEIGHT, {"extension": [{"url": "http://x.example/y"}]}, "ext-1"),
    (VISIT, {"class": None}, "required element missing"),
    (VISIT, {"period": {"start": "2004-05-02", "end": "2004-05-01"}}, "per-1"),
    (COUGH, {"clinicalStatus": None}, "con-4"),
    (COUGH, {"onsetAge": {"value": 4, "unit": "years"}}, "age-1"),
    (COUGH, {"clinicalStatus": {"coding": [{"system": "http://x.example", "code": "inactive"}]}}, "con-4"),
    (JAB, {"statusReason": None}, "ukcore-imm-1"),
    (JAB, {"status": "completed"}, "a reason only"),
    (JAB, {"route": {"coding": [{"system": "http://snomed.info/sct", "code": "1"}]}}, "UK Core route"),
    (JAB, {"doseQuantity": {"value": 1, "comparator": ">"}}, "sqty-1"),
    (PATIENT, {"birthDate": "1950-01-01T00:00:00Z"}, "not a valid date"),
    (PATIENT, {"active": None, "contact": [{"gender": "male"}]}, "pat-1"),
]


@pytest.mark.parametrize(("address", "change", "fault"), WRONG)
def test_it_finds(address: str, change: dict[str, Any], fault: str):
    wrong = copy.deepcopy(bundle())
    resource = next(entry["resource"] for entry in wrong["entry"] if entry["fullUrl"] == address)
    for name, value in change.items():
        resource.pop(name, None)
        if value is not None:
            resource[name] = value
    assert any(fault in each for each in faults(wrong)), faults(wrong)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"total": 5}, "bdl-1"),
        ({"type": "document"}, "a collection"),
        ({"entry": [*bundle()["entry"], bundle()["entry"][0]]}, "two resources have one address"),
    ],
)
def test_it_finds_of_the_bundle(change: dict[str, Any], fault: str):
    assert any(fault in each for each in faults({**bundle(), **change}))


def test_a_hard_space_is_no_fault():
    sent = bundle()
    sent["entry"][2]["resource"]["note"] = [{"text": "Seen by the nurse\xa0"}]
    assert faults(sent) == []


def test_what_holds_nothing_new_is_not_looked_at_again_but_read_all_the_same():
    seen: set[Any] = set()
    assert faults(bundle(), seen=seen) == []
    known = len(seen)
    wrong = bundle()
    wrong["entry"][2]["resource"]["effectiveDateTime"] = "yesterday"
    assert faults(wrong, seen=seen) != []
    assert len(seen) == known
