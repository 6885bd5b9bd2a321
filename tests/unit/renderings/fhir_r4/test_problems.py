"""Problems in R4: none is active that is over or refuted, and what links to what."""

from typing import Any

import pytest

from tests.support import bundles as b
from tests.support.r4 import absent, of_kind, rendered
from tests.support.whole_record import HL7, observation

CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"


def conditions(*sent: dict[str, Any]) -> list[dict[str, Any]]:
    named = [f"{each['resourceType']}/{each['id']}" for each in sent if each["resourceType"] == "Condition"]
    return of_kind(rendered(b.record_list("717711000000103", *named), *sent), "Condition")


def condition(**sent: Any) -> dict[str, Any]:
    [found] = conditions(b.problem("c1", **sent))
    return found


def notes(found: dict[str, Any]) -> list[str]:
    return [each["text"] for each in found.get("note", ())]


@pytest.mark.parametrize("status", ["active", "inactive"])
def test_a_problem_has_the_state_that_was_sent(status: str):
    found = condition(clinicalStatus=status)
    assert found["clinicalStatus"]["coding"] == [{"system": CLINICAL, "code": status}]
    assert found["category"][0]["coding"][0]["code"] == "problem-list-item"


def test_an_end_is_told_of_one_that_is_over():
    found = condition(clinicalStatus="inactive", abatementDateTime="2025-06")
    assert found["abatementDateTime"] == "2025-06"


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ({"abatementDateTime": "2025-06"}, "2025-06"),
        ({"abatementString": "last year"}, "last year"),
        ({"abatementAge": {"value": 40, "unit": "years"}}, "40 years"),
    ],
)
def test_one_that_ended_is_never_active_whatever_its_state(end: dict[str, Any], words: str):
    found = condition(clinicalStatus="active", **end)
    assert found["clinicalStatus"] == absent()
    assert notes(found) == ["Status as sent: active", f"Abatement, as sent: {words}"]
    assert not any(name.startswith("abatement") for name in found)


def test_one_that_is_refuted_is_never_active():
    found = condition(clinicalStatus="active", verificationStatus="refuted")
    assert found["clinicalStatus"] == absent()
    assert found["verificationStatus"]["coding"][0]["code"] == "refuted"


def test_one_that_was_entered_in_error_has_no_state():
    found = condition(clinicalStatus="active", verificationStatus="entered-in-error")
    assert "clinicalStatus" not in found
    assert notes(found) == ["Status as sent: active"]


def test_a_state_that_is_not_known_is_said_to_be_unknown():
    found = condition(clinicalStatus="recurrence")
    assert found["clinicalStatus"] == absent()
    assert notes(found) == ["Status as sent: recurrence"]


@pytest.mark.parametrize(
    ("sent", "element", "value"),
    [
        ({"onsetDateTime": "2004"}, "onsetDateTime", "2004"),
        ({"onsetDateTime": "winter 2004"}, "onsetString", "winter 2004"),
        ({"onsetString": "as a child"}, "onsetString", "as a child"),
        ({"onsetAge": {"value": 4, "unit": "years"}}, "onsetString", "4 years"),
        (
            {"onsetAge": {"value": 4, "system": "http://unitsofmeasure.org", "code": "a", "unit": "a"}},
            "onsetAge",
            {"value": 4, "system": "http://unitsofmeasure.org", "code": "a", "unit": "a"},
        ),
    ],
)
def test_the_onset_keeps_its_form(sent: dict[str, Any], element: str, value: Any):
    assert condition(**sent)[element] == value


def test_its_significance_and_what_belongs_to_it_stand_in_the_extensions_of_gp_connect():
    related = [
        {"url": "type", "valueCode": "parent"},
        {"url": "target", "valueReference": b.reference("Condition/c2")},
    ]
    linked = [
        {"url": f"{HL7}-ProblemSignificance-1", "valueCode": "major"},
        {"url": f"{HL7}-ActualProblem-1", "valueReference": b.reference("Observation/o1")},
        {"url": f"{HL7}-RelatedClinicalContent-1", "valueReference": b.reference("Encounter/gone")},
        {"url": f"{HL7}-RelatedClinicalContent-1", "valueReference": {"display": "Items withheld."}},
        {"url": f"{HL7}-RelatedProblemHeader-1", "extension": related},
    ]
    bundle = rendered(
        b.record_list("717711000000103", "Condition/c1", "Condition/c2"),
        b.problem("c1", extension=linked),
        b.problem("c2", clinicalStatus="inactive"),
        b.record_list("826501000000100", "Observation/o1"),
        observation("o1", context=None),
    )
    addresses = {each["resource"]["resourceType"]: each["fullUrl"] for each in bundle["entry"]}
    first, second = of_kind(bundle, "Condition")
    told: dict[str, list[Any]] = {}
    for each in first["extension"]:
        told.setdefault(each["url"].rpartition("-")[2], []).append(each)
    assert told["ProblemSignificance"][0]["valueCode"] == "major"
    assert told["ActualProblem"][0]["valueReference"]["reference"] == addresses["Observation"]
    gone, withheld = (each["valueReference"] for each in told["RelatedClinicalContent"])
    assert "reference" not in gone
    assert withheld == {"display": "Items withheld."}
    kind, target = told["RelatedProblemHeader"][0]["extension"]
    assert kind == {"url": "type", "valueCode": "parent"}
    assert target["valueReference"]["reference"].endswith(second["id"])
