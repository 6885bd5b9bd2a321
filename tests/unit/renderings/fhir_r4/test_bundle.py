"""The Bundle of a whole record: whom it is about, who reads what, and what it does not hold."""

from datetime import date
from typing import Any

from bridge.contracts.events import Event
from bridge.renderings.fhir_r4.event import R4_RENDERED
from bridge.renderings.fhir_r4.spec import R4
from bridge.renderings.rendering import Rendered, RenderingOptions, WholeAnswer
from tests.support import bundles as b
from tests.support.answers import answer_of, answer_to, answer_with, only
from tests.support.mapped import mapped
from tests.support.r4 import faults, of_kind


def said(bundle: Any) -> list[str]:
    return [
        issue["details"]["text"] for each in of_kind(bundle, "OperationOutcome") for issue in each["issue"]
    ]


def test_every_resource_has_its_profile_and_the_patient_no_name_of_the_practice():
    bundle = only(R4, answer_to(b.typical_record()))
    assert faults(bundle) == []
    assert all(entry["resource"]["meta"]["profile"] for entry in bundle["entry"])
    (patient,) = of_kind(bundle, "Patient")
    assert {"name", "birthDate", "gender"}.isdisjoint(patient)
    assert patient["identifier"][0]["value"] == b.NHS_NUMBER
    assert patient["managingOrganization"]["display"] == "Test Surgery"


def test_the_same_answer_has_the_same_ids_and_is_no_part_of_the_sequence():
    answer = answer_to(b.typical_record())
    (first,), (again,) = (R4.render(answer, RenderingOptions()) for _ in range(2))
    assert isinstance(first, Rendered)
    assert isinstance(again, Rendered)
    assert (first.topic, first.id) == (R4_RENDERED, again.id)
    assert b'"sequence"' not in first.body
    assert b.NHS_NUMBER.encode() not in first.body.partition(b'"data"')[0]
    assert only(R4, answer) == only(R4, answer)


def test_an_answer_without_a_manifest_is_not_rendered():
    whole = answer_to(b.typical_record())
    assert R4.render(WholeAnswer(whole.events[:-1]), RenderingOptions()) == []


def test_an_area_without_a_form_in_r4_is_told_of():
    whole = answer_to(b.typical_record())
    unknown = Event("wounds.published.v1", {"items": [{"item_id": "w"}]}, snapshot_id="s")
    (more,) = answer_with([unknown]).events
    bundle = only(R4, WholeAnswer([more, *whole.events]))
    assert faults(bundle) == []
    assert any(each.startswith("wounds: ") for each in said(bundle))


def test_a_patient_to_be_looked_at_is_told_of_with_what_differs():
    bundle = only(R4, answer_of(mapped(b.typical_record(), birth_date=date(1951, 2, 1))))
    assert faults(bundle) == []
    assert any("A person must look" in each for each in said(bundle))
    (patient,) = of_kind(bundle, "Patient")
    (check,) = patient["extension"]
    assert {"url": "verdict", "valueCode": "review"} in check["extension"]
    assert "1951-02-01" in str(check)


def test_what_was_set_aside_is_told_of():
    odd = {"resourceType": "Basic", "id": "x1", "code": {"text": "Something else"}}
    bundle = only(R4, answer_to(b.record(odd)))
    assert faults(bundle) == []
    assert any(
        "Basic/x1" in issue.get("diagnostics", "")
        for each in of_kind(bundle, "OperationOutcome")
        for issue in each["issue"]
    )


def test_the_problem_that_an_item_is_for_has_a_resource_though_problems_were_not_asked_for():
    linked = b.problem("p7", "MedicationStatement/s1")
    sent = [
        b.record_list(b.MEDICATIONS_LIST, "MedicationStatement/s1"),
        b.medication(),
        b.statement(),
        b.plan(),
    ]
    bundle = only(R4, answer_to(b.record(*sent, linked)))
    assert faults(bundle) == []
    (condition,) = of_kind(bundle, "Condition")
    (statement,) = of_kind(bundle, "MedicationStatement")
    assert statement["reasonReference"] == [{"reference": f"urn:uuid:{condition['id']}"}]
