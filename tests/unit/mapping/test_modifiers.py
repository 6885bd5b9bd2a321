"""What may change the meaning of an item makes it unusable for decision support, wherever it stands."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.areas import map_record
from bridge.mapping import Asked
from tests.support import bundles as b
from tests.support.mapped import SOURCE, allergy, area, course, issue_codes, mapped

MODIFIERS = [
    ({"modifierExtension": [{"url": "x", "valueBoolean": True}]}, "modifier_extension"),
    ({"implicitRules": "http://example.org/rules"}, "implicit_rules"),
]
NONE_KNOWN = b.concept("716186003", "No known allergy")


def places(record: Any, code: str) -> list[tuple[str | None, str | None]]:
    return [(each.get("source_ref"), each.get("path")) for each in record["issues"] if each["code"] == code]


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ({"implicitRules": "http://example.org/rules"}, "implicit_rules"),
        ({"modifierExtension": [{"url": "x", "valueBoolean": True}]}, "modifier_extension"),
        ({"code": {**b.allergy()["code"], "modifierExtension": [{"url": "x"}]}}, "modifier_extension"),
        ({"contained": [{"resourceType": "Basic", "implicitRules": "x"}]}, "implicit_rules"),
    ],
)
def test_an_allergy_with_what_may_change_its_meaning_is_not_usable(part: dict[str, Any], code: str) -> None:
    def active(**fields: Any) -> Any:
        item = b.allergy(**fields)
        return allergy(mapped(b.bundle(b.patient(), item)))

    assert active()["usable_for_decision_support"]
    assert not active(**part)["usable_for_decision_support"]
    assert code in active(**part)["issue_codes"]


@pytest.mark.parametrize(("part", "code"), MODIFIERS)
def test_a_list_with_one_does_not_say_what_there_is(part: dict[str, Any], code: str) -> None:
    def listing(**more: Any) -> Any:
        return mapped(
            b.record(
                b.record_list(b.ALLERGIES_LIST, "AllergyIntolerance/a1", **more),
                b.record_list(b.MEDICATIONS_LIST, "MedicationStatement/s1"),
                b.allergy(),
                b.medication(),
                b.statement(),
                b.plan(),
            )
        )

    assert allergy(listing())["usable_for_decision_support"]
    assert area(listing(), "allergies")["complete"]
    record = listing(**part)
    assert not allergy(record)["usable_for_decision_support"]
    assert code in allergy(record)["issue_codes"]
    assert (area(record, "allergies")["outcome"], area(record, "allergies")["complete"]) == ("items", False)
    assert record["allergy_statement"] == "active_allergies"
    ((ref, path),) = places(record, code)
    assert (ref, path) == (f"List[{b.ALLERGIES_LIST}]", next(iter(part)))
    # It concerns its own area alone.
    assert course(record)["usable_for_decision_support"]
    assert area(record, "medications")["complete"]
    assert record["demographics"]["verdict"] == "accept"


@pytest.mark.parametrize(("part", "code"), MODIFIERS)
def test_a_list_of_medications_with_one_makes_its_courses_unusable(part: dict[str, Any], code: str) -> None:
    listed = b.record_list(b.MEDICATIONS_LIST, "MedicationStatement/s1", **part)
    record = mapped(b.record(listed, b.medication(), b.statement(), b.plan()))
    assert not course(record)["usable_for_decision_support"]
    assert code in course(record)["issue_codes"]
    assert not area(record, "medications")["complete"]


@pytest.mark.parametrize(("part", "code"), MODIFIERS)
def test_an_empty_list_with_one_is_never_nothing_recorded(part: dict[str, Any], code: str) -> None:
    def empty(**more: Any) -> Any:
        return mapped(b.record(b.record_list(b.ALLERGIES_LIST, **more), b.ended_list()))

    assert area(empty(), "allergies")["outcome"] == "nothing_recorded"
    record = empty(**part)
    assert area(record, "allergies")["outcome"] == "list_unusable"
    assert record["allergy_statement"] == "unavailable"
    assert code in issue_codes(record)


def test_an_entry_of_a_list_counts_and_what_is_contained_in_it_speaks_for_itself() -> None:
    part: dict[str, Any] = {"modifierExtension": [{"url": "x"}]}
    listed = b.record_list(b.ALLERGIES_LIST, "AllergyIntolerance/a1")
    listed["entry"][0].update(part)
    assert not allergy(mapped(b.record(listed, b.ended_list(), b.allergy())))["usable_for_decision_support"]
    record = mapped(
        b.record(
            b.record_list(b.ALLERGIES_LIST, "AllergyIntolerance/a1"),
            b.ended_list(b.ended_allergy(**part)),
            b.allergy(),
        )
    )
    active = next(each for each in record["allergies"] if each["clinical_status"] == "active")
    assert active["usable_for_decision_support"]
    assert area(record, "ended_allergies")["outcome"] == "items"


@pytest.mark.parametrize("said", [b.allergy(), b.allergy(code=NONE_KNOWN)], ids=["allergy", "none known"])
@pytest.mark.parametrize(("part", "code"), MODIFIERS)
@pytest.mark.parametrize("place", ["Bundle", "entry", "Patient"])
def test_one_on_the_patient_or_the_answer_makes_all_of_it_doubtful(
    place: str, part: dict[str, Any], code: str, said: Any
) -> None:
    bundle = b.record(
        b.record_list(b.ALLERGIES_LIST, f"AllergyIntolerance/{said['id']}"),
        b.ended_list(),
        said,
        b.record_list(b.MEDICATIONS_LIST, "MedicationStatement/s1"),
        b.medication(),
        b.statement(),
        b.plan(),
    )
    plain = mapped(bundle)
    assert plain["demographics"]["verdict"] == "accept"
    assert all(each["complete"] for each in plain["areas"] if each["outcome"] != "not_requested")
    patient = next(each for each in bundle["entry"] if each["resource"]["resourceType"] == "Patient")
    holders = {"Bundle": bundle, "entry": bundle["entry"][-1], "Patient": patient["resource"]}
    holders[place].update(part)
    record = mapped(bundle)
    assert record["demographics"]["verdict"] == "review"
    assert not any(each["complete"] for each in record["areas"])
    assert area(record, "ended_allergies")["outcome"] == "list_unusable"
    for item in (allergy(record), course(record)):
        assert code in item["issue_codes"]
        assert not item["usable_for_decision_support"]
    told = "active_allergies" if "no_known" not in allergy(record)["statement"] else "unavailable"
    assert record["allergy_statement"] == told
    ((ref, path),) = places(record, code)
    assert ref == ("Patient/p1" if place == "Patient" else "Bundle")
    assert path == ("entry." if place == "entry" else "") + next(iter(part))


def test_one_on_another_patient_is_no_matter_of_this_record() -> None:
    other = b.patient("p2", b.OTHER_NHS_NUMBER, modifierExtension=[{"url": "x"}])
    record = mapped(b.record(other, b.record_list(b.ALLERGIES_LIST, "AllergyIntolerance/a1"), b.allergy()))
    assert "modifier_extension" not in issue_codes(record)
    assert allergy(record)["usable_for_decision_support"]


@pytest.mark.parametrize(("part", "code"), MODIFIERS)
@pytest.mark.parametrize("is_contained", [False, True])
def test_a_medication_with_one_makes_every_course_of_it_unusable(
    part: dict[str, Any], code: str, is_contained: bool
) -> None:
    drug = b.medication(**part)
    target = f"#{drug['id']}" if is_contained else f"Medication/{drug['id']}"
    courses = [
        b.statement(
            each,
            medicationReference=b.reference(target),
            basedOn=None,
            contained=[drug] if is_contained else None,
            identifier=b.identifier(each),
        )
        for each in ("s1", "s2")
    ]
    record = mapped(b.record(*([] if is_contained else [drug]), *courses))
    assert len(record["medications"]) == 2
    for found in record["medications"]:
        assert code in found["issue_codes"]
        assert not found["usable_for_decision_support"]


def test_a_list_of_ended_allergies_with_one_ends_none_that_does_not_say_so_itself() -> None:
    def states(**more: Any) -> set[str]:
        ended = b.ended_list(b.ended_allergy(clinicalStatus=None, extension=None), **more)
        return {each["clinical_status"] for each in mapped(b.record(ended))["allergies"]}

    assert states() == {"resolved"}
    assert states(modifierExtension=[{"url": "x"}]) == {"unknown"}


def test_a_record_in_which_there_can_be_none_is_the_same_without_looking() -> None:
    wanted = Asked(nhs_number=b.NHS_NUMBER)
    looked, passed_over = (
        map_record(b.typical_record(), asked=wanted, source=replace(SOURCE, may_hold_modifiers=may))
        for may in (True, False)
    )
    assert passed_over == looked
