"""Allergies: what is carried of one, degraded codes, categories and reactions."""

from typing import Any

import pytest

from tests.support import bundles as b
from tests.support.mapped import active_allergies, allergy, area, mapped

DEGRADED_DRUG = b.concept("196461000000101", "Transfer-degraded drug allergy", text="Allergy to paracetamol")
NAMELESS = b.concept("196461000000101", "Transfer-degraded drug allergy")


def test_everything_of_an_allergy_is_carried() -> None:
    found = allergy(
        active_allergies(
            b.allergy(
                onsetDateTime="2004",
                lastOccurrence="2016-07",
                asserter=b.reference("RelatedPerson/x"),
                extension=[
                    {
                        "url": "http://hl7.org/fhir/StructureDefinition/encounter-associatedEncounter",
                        "valueReference": b.reference("Encounter/e1"),
                    }
                ],
                note=[{"text": "Certainty: Likely\nNOTES: free text"}],
                reaction=[
                    {
                        "manifestation": [b.concept("247472004", "Weal")],
                        "description": "came up at once",
                        "severity": "severe",
                        "exposureRoute": b.concept("26643006", "Oral"),
                    }
                ],
            )
        )
    )
    assert found["item_id"] == f"{b.DATA}|ai-a1"
    assert found["clinical_status"] == "active"
    assert (found["category"], found["reaction_type"], found["criticality"]) == (
        "medication",
        "allergy",
        "high",
    )
    assert found["onset"] == {"value": "2004", "precision": "year"}
    assert found["last_occurrence"] == {"value": "2016-07", "precision": "month"}
    assert found["asserted_at"] == {"value": "2012-05-07T00:00:00+01:00", "precision": "instant"}
    (reaction,) = found["reactions"]
    assert reaction["description"] == "came up at once"
    assert reaction["severity"] == "severe"
    assert reaction["manifestations"][0]["term"] == "Weal"
    assert reaction["exposure_route"]["concept_id"] == "26643006"
    assert found["notes"] == [{"text": "Certainty: Likely\nNOTES: free text", "audience": "unspecified"}]
    assert found["provenance"]["encounter_ref"] == "Encounter/e1"
    assert found["provenance"]["recorder"]["name"] == "Dr Jo Doe"
    assert found["provenance"]["author"] == {"kind": "related_person", "ref": "RelatedPerson/x"}
    assert found["usable_for_decision_support"]
    assert not found["requires_prescribing_block"]


@pytest.mark.duty("CS-083", "CS-084")
@pytest.mark.parametrize(
    "note",
    [
        "Allergy description: Penicillin allergy",
        "Certainty: likely\nALLERGY DESCRIPTION : Penicillin allergy\nSource: patient",
        "Allergen: Penicillin allergy",
    ],
)
def test_the_name_of_a_degraded_allergy_is_found_in_its_note(note: str) -> None:
    found = allergy(active_allergies(b.allergy(code=NAMELESS, note=[{"text": "Seen"}, {"text": note}])))
    assert (found["substance"]["term"], found["substance"]["term_from"]) == ("Penicillin allergy", "note")
    assert found["substance"]["coding_quality"] == "degraded"
    assert found["requires_prescribing_block"]
    assert not found["usable_for_decision_support"]
    assert found["notes"][1]["text"] == note


@pytest.mark.parametrize(
    ("code", "term"),
    [(DEGRADED_DRUG, "Allergy to paracetamol"), (b.concept("91936005", "Penicillin"), "Penicillin")],
    ids=["text", "coded"],
)
def test_a_name_of_its_own_is_not_replaced_by_the_note(code: Any, term: str) -> None:
    noted = b.allergy(code=code, note=[{"text": "Allergy description: Other"}])
    assert allergy(active_allergies(noted))["substance"]["term"] == term


@pytest.mark.duty("CS-037", "CS-041")
def test_elements_that_are_set_aside_raise_an_issue() -> None:
    weal = {"manifestation": [b.concept("247472004", "Weal")], "note": [{"text": "Anaphylaxis"}]}
    record = active_allergies(b.allergy(reaction=[weal], onsetString="as a child"))
    paths = {each.get("path") for each in record["issues"] if each["code"] == "element_not_in_profile"}
    assert paths == {"reaction.note", "onsetString"}


@pytest.mark.duty("CS-083", "CS-084")
def test_a_degraded_drug_allergy_blocks_prescribing() -> None:
    found = allergy(active_allergies(b.allergy(code=DEGRADED_DRUG)))
    assert found["substance"]["coding_quality"] == "degraded"
    assert found["substance"]["term"] == "Allergy to paracetamol"
    assert found["requires_prescribing_block"]
    assert not found["usable_for_decision_support"]
    assert "degraded_code" in found["issue_codes"]


@pytest.mark.duty("CS-069", "CS-071", "CS-083", "CS-084")
def test_a_drug_allergy_without_a_snomed_code_names_the_code_to_degrade_to() -> None:
    found = allergy(
        active_allergies(
            b.allergy(code=b.concept("14LK.00", "H/O: aspirin allergy", "http://read.info/readv2"))
        )
    )
    assert found["substance"]["coding_quality"] == "local_code_only"
    assert found["substance"]["degrade_code"] == "196461000000101"
    assert found["requires_prescribing_block"]


@pytest.mark.duty("CS-069", "CS-083", "CS-084")
def test_a_degraded_allergy_to_no_drug_does_not_block() -> None:
    code = b.concept("196471000000108", "Transfer-degraded non-drug allergy", text="Bee stings")
    assert not allergy(active_allergies(b.allergy(category=["environment"], code=code)))[
        "requires_prescribing_block"
    ]
    text_only = allergy(active_allergies(b.allergy(category=["environment"], code={"text": "Bee stings"})))
    assert text_only["substance"]["degrade_code"] == "196471000000108"
    assert not text_only["requires_prescribing_block"]


@pytest.mark.duty("CS-068")
def test_nothing_specific_is_inferred_where_the_category_is_not_known() -> None:
    found = allergy(active_allergies(b.allergy(category=["biologic"], code={"text": "Something"})))
    assert found["category"] == "unknown"
    assert found["substance"]["degrade_code"] == "196411000000103"
    assert found["requires_prescribing_block"]
    assert "unknown_category" in found["issue_codes"]


def test_medication_is_the_category_that_counts_of_two() -> None:
    assert (
        allergy(active_allergies(b.allergy(category=["environment", "medication"])))["category"]
        == "medication"
    )


@pytest.mark.duty("CS-089")
def test_verification_status_has_no_meaning() -> None:
    one = active_allergies(b.allergy(verificationStatus="unconfirmed"))
    other = active_allergies(b.allergy(verificationStatus="refuted"))
    one["allergies"][0]["provenance"]["content_hash"] = other["allergies"][0]["provenance"]["content_hash"]
    assert one["allergies"] == other["allergies"]


@pytest.mark.parametrize("state", ["inactive", "entered-in-error", None, 7])
def test_a_state_that_is_not_used_is_unknown_and_counts_as_an_allergy(state: Any) -> None:
    record = active_allergies(b.allergy(clinicalStatus=state))
    found = allergy(record)
    assert found["clinical_status"] == "unknown"
    assert found.get("source_status") == (None if state is None else str(state))
    assert not found["usable_for_decision_support"]
    assert record["allergy_statement"] == "active_allergies"


@pytest.mark.duty("CS-090")
def test_a_reaction_without_information_is_no_reaction() -> None:
    null = b.concept("NI", "NoInformation", "http://hl7.org/fhir/v3/NullFlavor ")
    record = active_allergies(
        b.allergy(reaction=[{"manifestation": [null], "severity": "mild", "description": "felt odd"}])
    )
    (reaction,) = allergy(record)["reactions"]
    assert reaction["manifestations"][0]["coding_quality"] == "null_flavour"
    assert "concept_id" not in reaction["manifestations"][0]
    assert (reaction["severity"], reaction["description"]) == ("mild", "felt odd")


@pytest.mark.duty("CS-091")
def test_last_occurrence_is_taken_when_sent_and_not_missed_otherwise() -> None:
    assert (
        allergy(active_allergies(b.allergy(lastOccurrence="2020-01-01")))["last_occurrence"]["value"]
        == "2020-01-01"
    )
    assert "last_occurrence" not in allergy(active_allergies(b.allergy()))


def test_onset_is_never_taken_from_the_assertion() -> None:
    assert "onset" not in allergy(active_allergies(b.allergy()))


def test_more_reactions_than_one_are_kept_and_noted() -> None:
    weal = {"manifestation": [b.concept("247472004", "Weal")]}
    found = allergy(active_allergies(b.allergy(reaction=[weal, weal])))
    assert len(found["reactions"]) == 2
    assert "extra_reaction" in found["issue_codes"]


def test_a_modifier_that_is_not_understood_keeps_an_allergy_from_decision_support() -> None:
    found = allergy(active_allergies(b.allergy(modifierExtension=[{"url": "x", "valueBoolean": True}])))
    assert not found["usable_for_decision_support"]
    assert "modifier_extension" in found["issue_codes"]


def test_an_active_allergy_outside_the_list_is_kept_and_marked() -> None:
    record = mapped(b.record(b.record_list(b.ALLERGIES_LIST), b.ended_list(), b.allergy()))
    assert "not_in_list" in allergy(record)["issue_codes"]
    assert record["allergy_statement"] == "active_allergies"
    assert not area(record, "allergies")["complete"]
