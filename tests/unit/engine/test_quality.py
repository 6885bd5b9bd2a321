"""What is counted of a record: by area and code, and no reference that could be somebody's."""

from bridge.areas.table import AREAS
from bridge.engine.quality import quality_of
from bridge.ledger import QualityNote
from bridge.mapping.coded import DEGRADED_DRUG_ALLERGY
from tests.support import bundles
from tests.support.bundles import Resource
from tests.support.mapped import active_allergies, mapped


def degraded(allergy_id: str) -> Resource:
    return bundles.allergy(allergy_id, code=bundles.concept(DEGRADED_DRUG_ALLERGY, text="Penicillin"))


def test_codes_are_counted_by_area_each_item_once_with_an_example():
    notes = quality_of(active_allergies(degraded("a1"), degraded("a2"), bundles.allergy("a3")), AREAS)
    assert QualityNote("outcome", "allergies", "items", 1) in notes
    assert QualityNote("items", "allergies", "items", 3) in notes
    assert "not_requested" not in {note.code for note in notes}
    of_degraded = [note for note in notes if "degraded" in (note.kind, note.code.partition("_")[0])]
    assert of_degraded == [
        QualityNote("degraded", "allergies", DEGRADED_DRUG_ALLERGY, 2, "AllergyIntolerance/a1"),
        QualityNote("issue", "allergies", "degraded_code", 2, "AllergyIntolerance/a1"),
    ]


def test_what_is_not_mapped_is_counted_by_its_reason():
    odd = {"resourceType": "Basic", "id": "b1"}
    notes = quality_of(mapped(bundles.record(odd)), AREAS)
    assert QualityNote("unmapped", "", "unknown_type", 1, "Basic/b1") in notes


def test_no_reference_is_an_example_that_is_a_person_or_holds_an_nhs_number_or_is_no_id():
    spoilt = [degraded(name) for name in (bundles.NHS_NUMBER, "Smith, John", f"x-{bundles.NHS_NUMBER}")]
    notes = quality_of(active_allergies(*spoilt), AREAS)
    assert [note.count for note in notes if note.kind == "degraded"] == [3]
    assert {note.example for note in notes} == {None}
    other = bundles.patient("p2", "9990000026")
    persons = quality_of(mapped(bundles.record(other)), AREAS)
    assert [(note.code, note.example) for note in persons if note.kind == "unmapped"] == [
        ("wrong_patient", None)
    ]
