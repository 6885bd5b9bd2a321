"""Medications in R4: counts as R4 means them, words first, and nothing that GP Connect does not say."""

from typing import Any

import pytest

from bridge.renderings.fhir_r4.spec import R4
from bridge.renderings.rendering import RenderingOptions
from tests.support import bundles as b
from tests.support.answers import answer_to, only
from tests.support.r4 import faults, of_kind

UK_CORE = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"


def rendered(*sent: Any, profile: Any = "ukcore-current") -> Any:
    named = [
        f"MedicationStatement/{each['id']}" for each in sent if each["resourceType"] == "MedicationStatement"
    ]
    bundle = only(
        R4,
        answer_to(b.record(b.record_list(b.MEDICATIONS_LIST, *named), *sent)),
        RenderingOptions(r4_profile=profile),
    )
    assert faults(bundle, seen=set()) == []
    return bundle


def requests(bundle: Any, intent: str) -> list[Any]:
    return [each for each in of_kind(bundle, "MedicationRequest") if each["intent"] == intent]


def ours(resource: Any, name: str) -> list[Any]:
    return [
        value
        for each in resource.get("extension", ())
        if each["url"].rpartition(":")[2] == name
        for key, value in each.items()
        if key.startswith("value")
    ]


def repeats(allowed: int, issued: int = 2) -> list[Any]:
    return [
        b.prescription_type("repeat"),
        b.repeat_information(
            numberOfRepeatPrescriptionsAllowed={"valuePositiveInt": allowed},
            numberOfRepeatPrescriptionsIssued={"valueUnsignedInt": issued},
            authorisationExpiryDate={"valueDateTime": "2026-08-25"},
        ),
    ]


@pytest.mark.parametrize(
    ("profile", "allowed", "url", "issued"),
    [
        ("ukcore-current", 5, f"{UK_CORE}MedicationRepeatInformation", "numberOfPrescriptionsIssued"),
        (
            "pair-2022",
            6,
            "https://fhir.nhs.uk/StructureDefinition/Extension-UKCore-MedicationRepeatInformation",
            "numberOfRepeatPrescriptionsIssued",
        ),
    ],
)
def test_a_total_of_issues_is_the_repeats_after_the_first_and_is_kept(profile, allowed, url, issued):
    bundle = rendered(b.medication(), b.statement(), b.plan(extension=repeats(6)), profile=profile)
    (plan,) = requests(bundle, "plan")
    assert plan["dispenseRequest"]["numberOfRepeatsAllowed"] == allowed
    assert ours(plan, "issues-authorised") == [6]
    (information,) = [each for each in plan["extension"] if each["url"] == url]
    assert [each["url"] for each in information["extension"]] == [issued, "authorisationExpiryDate"]
    assert (
        information["extension"][0]["valueUnsignedInt"],
        information["extension"][1]["valueDateTime"],
    ) == (
        2,
        "2026-08-25",
    )


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("acute", "acute"),
        ("acute-handwritten", "acute"),
        ("repeat", "continuous"),
        ("repeat-dispensing", "continuous-repeating-dispensing"),
        ("delayed-prescribing", "acute"),
        ("of-the-future", None),
    ],
)
def test_a_type_of_prescription_is_one_of_uk_core_or_words(sent, code):
    plan_sent = b.plan(extension=[b.prescription_type(sent)])
    (plan,) = requests(rendered(b.medication(), b.statement(), plan_sent), "plan")
    kind = plan["courseOfTherapyType"]
    assert [each["code"] for each in kind.get("coding", ())] == ([code] if code else [])
    assert code or kind["text"]
    (pair,) = requests(rendered(b.medication(), b.statement(), plan_sent, profile="pair-2022"), "plan")
    assert [each["code"] for each in pair["courseOfTherapyType"].get("coding", ())] == (
        [sent] if code else []
    )


def test_plan_and_issues_are_of_their_course_and_say_nothing_of_substitution():
    bundle = rendered(b.medication(), b.statement(), b.plan(), b.order())
    (statement,) = of_kind(bundle, "MedicationStatement")
    ((plan,), (order,)) = requests(bundle, "plan"), requests(bundle, "order")
    assert statement["basedOn"] == [{"reference": f"urn:uuid:{plan['id']}"}]
    assert order["basedOn"] == [{"reference": f"urn:uuid:{plan['id']}"}]
    assert (plan["status"], order["status"]) == ("active", "completed")
    assert plan["substitution"]["allowedCodeableConcept"]["extension"][0]["valueCode"] == "unknown"
    assert order["dispenseRequest"]["quantity"] == {"value": 21, "unit": "capsule"}
    state = next(each for each in statement["extension"] if each["url"].endswith("course-state"))
    assert [each["url"] for each in state["extension"]][:2] == ["state", "why"]


def test_an_issue_without_its_plan_is_seen():
    bundle = rendered(b.medication(), b.statement(plan_id=None), b.order())
    (order,) = requests(bundle, "order")
    assert "basedOn" not in order
    based_on = [each for one in of_kind(bundle, "MedicationStatement") for each in one.get("basedOn", ())]
    assert based_on == [{"reference": f"urn:uuid:{order['id']}"}]


@pytest.mark.parametrize(
    ("profile", "code"), [("ukcore-current", None), ("pair-2022", "prescribed-by-previous-practice")]
)
def test_who_prescribed_it_is_a_code_where_the_profile_has_one(profile, code):
    sent = b.statement(extension=[b.agency("prescribed-by-previous-practice")])
    (statement,) = of_kind(rendered(b.medication(), sent, b.plan(), profile=profile), "MedicationStatement")
    (value,) = [
        each["valueCodeableConcept"]
        for each in statement["extension"]
        if "PrescribingOrganization" in each["url"]
    ]
    assert [each["code"] for each in value.get("coding", ())] == ([code] if code else [])
    assert code or value["text"] == "Prescribed by previous practice"


def test_a_dosage_is_words_first_and_its_parts_only_where_they_are_whole():
    parts = {
        "text": "Take one twice a day",
        "doseQuantity": {"value": 1, "unit": "capsule"},
        "route": b.concept("26643006", "Oral route"),
        "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
        "asNeededBoolean": False,
    }
    half = {"text": "As directed", "timing": {"repeat": {"frequency": 2, "when": ["HS"]}}}
    whole, other = (
        requests(rendered(b.medication(), b.statement(), b.plan(dosageInstruction=[sent])), "plan")[0]
        for sent in (parts, half)
    )
    (dosage,) = whole["dosageInstruction"]
    assert dosage["doseAndRate"] == [{"doseQuantity": {"value": 1, "unit": "capsule"}}]
    assert (dosage["timing"], dosage["route"]["coding"][0]["code"]) == (parts["timing"], "26643006")
    # Half of a timing is another timing.
    assert other["dosageInstruction"] == [{"text": "As directed"}]


def test_without_words_a_dosage_says_why():
    sent = b.plan(dosageInstruction=[{"text": "No information available"}])
    (plan,) = requests(rendered(b.medication(), b.statement(), sent), "plan")
    (dosage,) = plan["dosageInstruction"]
    assert "text" not in dosage
    assert dosage["_text"]["extension"][0]["valueCode"] == "unknown"
