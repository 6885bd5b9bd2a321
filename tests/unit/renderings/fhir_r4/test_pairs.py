"""What the NHS published of its own conversion to R4, in the profile that is there for it.

Facts of pairs of NHSDigital/fhir-transforms (`resources/careconnect-to-ukcore`), found by reading them; their
files have no licence that would let them stand here. They contradict NHSDigital/fhir-converter and each other in places, so they are
evidence of what readers of that time expect, and not what decides: `ukcore-current` is what is written unless a site chooses.
"""

from typing import Any

import pytest

from tests.support import bundles as b
from tests.support.r4 import of_kind, rendered

TYPES = "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-PrescriptionType-1"
DESCRIPTION = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-coding-sctdescid"
SNOMED = "http://snomed.info/sct"


def plan_of(**sent: Any) -> dict[str, Any]:
    medicines = b.record_list(b.MEDICATIONS_LIST, "MedicationStatement/s1")
    bundle = rendered(medicines, b.medication(), b.statement(), b.plan(**sent), profile="pair-2022")
    [found] = of_kind(bundle, "MedicationRequest")
    return found


@pytest.mark.parametrize(
    ("pair", "code"),
    [("000", "acute"), ("001", "delayed-prescribing"), ("002", "repeat"), ("003", "repeat-dispensing")],
)
def test_a_type_of_prescription_keeps_its_code_and_system(pair: str, code: str):
    """MedicationPrescriptionType-Extension-3to4."""
    [coding] = plan_of(extension=[b.prescription_type(code)])["courseOfTherapyType"]["coding"]
    assert (coding["system"], coding["code"]) == (TYPES, code), pair


def test_a_reason_for_a_state_keeps_its_codes_in_order_its_words_and_the_description_chosen():
    """MedicationRequestStatusReason-Extension-3to4_000."""
    chosen = [
        {"url": "descriptionId", "valueId": "1030121000006113"},
        {"url": "descriptionDisplay", "valueString": "Adverse reaction to Prednisolone"},
    ]
    local = {
        "system": "https://fhir.hl7.org.uk/Id/egton-codes",
        "code": "ALLERGY1364",
        "display": "Adverse reaction to Prednisolone",
        "userSelected": True,
    }
    snomed = {"system": SNOMED, "code": "292080003", "extension": [{"url": DESCRIPTION, "extension": chosen}]}
    reason = {"coding": [local, snomed], "text": "Adverse reaction (the patient said)"}
    sent = [
        {"url": "statusReason", "valueCodeableConcept": reason},
        {"url": "statusChangeDate", "valueDateTime": "2010-08-09"},
    ]
    found = plan_of(
        status="stopped",
        extension=[b.prescription_type("repeat"), b.extension("MedicationStatusReason", extension=sent)],
    )
    told = found["statusReason"]
    assert told["text"] == "Adverse reaction (the patient said)"
    first, second = told["coding"]
    assert (first["system"], first["code"], first["userSelected"]) == (local["system"], "ALLERGY1364", True)
    [description] = second["extension"]
    assert description["url"].endswith("/Extension-UKCore-CodingSCTDescId")
    assert description["extension"] == [
        {"url": "descriptionId", "valueIdentifier": {"system": SNOMED, "value": "1030121000006113"}},
        {"url": "descriptionDisplay", "valueString": "Adverse reaction to Prednisolone"},
    ]


def test_the_count_allowed_is_copied_and_that_of_issues_keeps_its_name():
    """All 34 pairs that have an allowed count copy it; R4 means the repeats after the first (`ukcore-current`)."""
    counts = b.repeat_information(
        numberOfRepeatPrescriptionsAllowed={"valueUnsignedInt": 6},
        numberOfRepeatPrescriptionsIssued={"valueUnsignedInt": 2},
    )
    found = plan_of(extension=[b.prescription_type("repeat"), counts])
    assert found["dispenseRequest"]["numberOfRepeatsAllowed"] == 6
    [repeat] = [each for each in found["extension"] if each["url"].endswith("MedicationRepeatInformation")]
    assert {"url": "numberOfRepeatPrescriptionsIssued", "valueUnsignedInt": 2} in repeat["extension"]
