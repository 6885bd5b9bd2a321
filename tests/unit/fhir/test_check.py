"""The strict check that an integrator sends to a supplier."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.fhir.check import NOT_STU3, Deviation, check_bundle, grouped
from tests.support import bundles as b

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ANY_TIME = "2026-01-05T09:00:00+00:00"


def found_in(resource: dict[str, Any]) -> list[tuple[str, str]]:
    """Paths and rules."""
    return [(each.path, each.rule) for each in check_bundle(b.bundle(resource))]


def rules_of(resource: dict[str, Any]) -> set[str]:
    """Invariants by their keys, other rules by their paths."""
    return {
        rule.partition(":")[0] if not path or "-" in rule[:6] else path for path, rule in found_in(resource)
    }


def test_a_bundle_as_specified_deviates_nowhere() -> None:
    assert check_bundle(b.typical_record()) == []


@pytest.mark.parametrize("value", [None, [], {}, {"resourceType": "Patient"}])
def test_what_is_no_bundle(value: Any) -> None:
    assert check_bundle(value) == [Deviation("Bundle", "resourceType", "not a Bundle")]


def test_each_resource_alone_with_path_and_rule_and_without_values() -> None:
    bundle = b.record(
        b.patient("p2", birthDate="secret", managingOrganization={"resourceType": "secret"}),
        b.patient("p3", contained=[{"resourceType": "secret"}]),
        b.allergy(assertedDate="31/01/1950", novelty="secret"),
        b.plan(dispenseRequest={"expectedSupplyDuration": {"code": ["secret"]}}),
        {"resourceType": "Starship", "id": "1"},
        {"resourceType": "../os", "id": "2"},
    )
    bundle["entry"].append({"resource": None})
    found = check_bundle(bundle)
    assert {(each.resource, each.path) for each in found} == {
        ("Patient/p2", "birthDate"),
        ("Patient/p2", "managingOrganization.resourceType"),
        ("Patient/p3", "contained.0"),
        ("Patient/p3", ""),
        ("AllergyIntolerance/a1", "assertedDate"),
        ("AllergyIntolerance/a1", "novelty"),
        ("MedicationRequest/plan1", "dispenseRequest.expectedSupplyDuration.code"),
        ("MedicationRequest/plan1", "dispenseRequest.expectedSupplyDuration"),
        ("Starship/1", "resourceType"),
        ("../os/2", "resourceType"),
        ("entry", "resource"),
    }
    assert all(each.rule and "secret" not in each.rule and "1950" not in each.rule for each in found)


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ("active", "true"),
        ("active", 1),
        ("birthDate", 1950),
        ("birthDate", "1950-13-01"),
        ("birthDate", "1950-02-30"),
        ("gender", "F"),
        ("gender", ["female"]),
        ("id", "under_score"),
        ("id", "x" * 65),
        ("name", {"family": "Doe"}),
        ("name", []),
        ("name", None),
        ("name", [None]),
        ("name", [{}]),
        ("name", [{"use": "nick"}]),
        ("name", [{"family": ""}]),
        ("name", [{"family": 5}]),
        ("name", [{"given": "Jane"}]),
        ("telecom", [{"system": "mobile", "value": "1"}]),
        ("telecom", [{"value": "1"}]),
        ("address", [{"use": "house"}]),
        ("identifier", [{"system": "no uri", "value": "1"}]),
        ("multipleBirthInteger", "2"),
        ("multipleBirthInteger", 2.5),
        ("deceasedDateTime", "2026-01-05T09:00:00"),
        ("photo", [{"contentType": "image/png", "data": "!!!!"}]),
        ("photo", [{"contentType": "image/png", "data": "abc"}]),
        ("photo", [{"data": "abcd"}]),
        ("meta", {"lastUpdated": "2026-01-05"}),
        ("extension", [{"url": "https://example.org/x"}]),
        ("extension", [{"valueString": "x"}]),
        ("text", {"status": "made", "div": "<div>x</div>"}),
        ("text", {"status": "generated", "div": "x"}),
        ("text", {"status": "generated"}),
        ("managingOrganization", {"reference": "Patient/1"}),
        ("managingOrganization", {"reference": "#nobody"}),
        ("contact", [{"gender": "female"}]),
        ("link", [{"other": {"reference": "Patient/2"}, "type": "same"}]),
        ("communication", [{"preferred": True}]),
    ],
)
def test_one_wrong_element_is_found_where_it_stands(element: str, value: Any) -> None:
    found = found_in({**b.patient("p9"), element: value})
    assert found
    assert all(path.split(".")[0] == element or rule.startswith("ref-1") for path, rule in found)


@pytest.mark.parametrize(
    ("resource", "rule"),
    [
        (b.allergy(clinicalStatus=None), "ait-1"),
        (b.allergy(verificationStatus="entered-in-error"), "ait-2"),
        (b.allergy(verificationStatus=None), "verificationStatus"),
        (b.allergy(category=["drug"]), "category.0"),
        (b.allergy(criticality="CRITH"), "criticality"),
        (b.statement(taken="yes"), "taken"),
        (b.statement(reasonNotTaken=[b.concept("182862001", "x")], taken="unk"), "mst-1"),
        (b.statement(medicationReference=None), "medication[x]"),
        (
            b.statement(medicationCodeableConcept=b.concept("322280009", "x")),
            "medication[x]",
        ),
        ({**b.plan(), "intent": "wish"}, "intent"),
        (b.record_list("886921000000105", "AllergyIntolerance/a1", emptyReason={"text": "x"}), "lst-1"),
        (b.patient("p9", contained=[b.organisation("o9")]), "dom-3"),
        (b.patient("p9", contained=[{**b.organisation("o9"), "id": {"value": "o9"}}]), "dom-3"),
        (
            {
                "resourceType": "Appointment",
                "id": "a",
                "status": "booked",
                "participant": [{"status": "accepted"}],
            },
            "app-1",
        ),
        (
            {
                "resourceType": "Appointment",
                "id": "a",
                "status": "booked",
                "start": ANY_TIME,
                "participant": [{"status": "accepted", "actor": {"reference": "Patient/1"}}],
            },
            "app-2",
        ),
        (
            {
                "resourceType": "Observation",
                "id": "o",
                "status": "final",
                "code": {"text": "x"},
                "valueQuantity": {"value": 5, "comparator": "<<"},
            },
            "valueQuantity.comparator",
        ),
        (
            {
                "resourceType": "Observation",
                "id": "o",
                "status": "final",
                "code": {"text": "x"},
                "valueString": "x",
                "dataAbsentReason": {"text": "y"},
            },
            "obs-6",
        ),
        (
            {
                "resourceType": "Immunization",
                "id": "i",
                "status": "completed",
                "notGiven": True,
                "primarySource": True,
                "patient": {"reference": "Patient/p1"},
                "vaccineCode": {"text": "x"},
                "explanation": {"reason": [{"text": "x"}]},
            },
            "imm-2",
        ),
        ({"resourceType": "Organization", "id": "o"}, "org-1"),
        (
            {
                "resourceType": "Encounter",
                "id": "e",
                "status": "finished",
                "period": {"start": "2026-02-01", "end": "2026-01-01"},
            },
            "per-1",
        ),
    ],
    ids=lambda each: each if isinstance(each, str) else each["resourceType"],
)
def test_one_broken_rule_is_named(resource: dict[str, Any], rule: str) -> None:
    assert rule in rules_of(resource)


def test_codes_that_the_specification_has_are_no_deviation() -> None:
    observation = {"resourceType": "Observation", "id": "o", "code": {"text": "x"}}
    for status in ("final", "corrected", "cancelled", "unknown"):
        assert found_in({**observation, "status": status}) == []
    value = {
        "value": 1.50,
        "comparator": "<",
        "unit": "mg",
        "system": "http://unitsofmeasure.org",
        "code": "mg",
    }
    assert found_in({**observation, "status": "final", "valueQuantity": value}) == []


def test_an_extension_may_stand_in_for_a_primitive() -> None:
    why = {
        "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}
        ]
    }
    names = [{"given": [None, "Jane"], "_given": [why, None]}]
    assert found_in(b.patient("p9", birthDate=None, _birthDate=why, name=names)) == []
    assert found_in(b.patient("p9", _birthDate="x")) == [("_birthDate", "must be an object: Element")]


@pytest.mark.parametrize(
    "resource",
    [
        b.allergy(clinicalStatus={"coding": [{"code": "active"}]}),
        {"resourceType": "ServiceRequest", "id": "s"},
        {"resourceType": "Immunization", "id": "i", "occurrenceDateTime": "2026-01-01"},
        b.patient("p9", meta={"profile": ["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient"]}),
    ],
    ids=lambda each: each["resourceType"],
)
def test_a_resource_of_r4_is_said_to_be_none_of_stu3_and_no_more(resource: dict[str, Any]) -> None:
    assert found_in(resource) == [("", NOT_STU3)]


def test_what_is_wrong_with_the_bundle_itself() -> None:
    bundle = {**b.typical_record(), "type": "bag", "total": 3}
    bundle["entry"][0]["fullUrl"] = bundle["entry"][1]["fullUrl"] = "urn:uuid:1"
    found = {(each.path, each.rule.partition(":")[0]) for each in check_bundle(bundle)}
    assert found >= {("", "bdl-1"), ("", "bdl-7")}
    assert any(path == "type" for path, _ in found)


def test_deviations_are_grouped_by_rule_and_place_the_most_frequent_first() -> None:
    plans = [b.plan(f"p_{number}", status="") for number in range(3)]
    groups = grouped(check_bundle(b.record(*plans, b.patient("p2", gender="F"))))
    assert [(group.where, len(group.found)) for group in groups] == [
        ("MedicationRequest.id", 3),
        ("MedicationRequest.status", 3),
        ("Patient.gender", 1),
    ]


@settings(deadline=None)
@given(st.sampled_from(["Patient", "List", "Bundle", "AllergyIntolerance", "Parameters"]), JSON, st.data())
def test_nothing_raises_and_no_value_is_repeated(kind: str, value: Any, data: st.DataObject) -> None:
    bundle = copy.deepcopy(b.typical_record())
    resource = data.draw(st.sampled_from(bundle["entry"]))["resource"]
    resource[data.draw(st.sampled_from(sorted(resource)))] = value
    bundle["entry"].append({"resource": {"resourceType": kind, "entry": value, "meta": value}})
    assert all(isinstance(each, Deviation) for each in check_bundle(bundle))
