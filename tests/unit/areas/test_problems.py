"""Problems: headers, what they promote and group, and what practices make of them (digest §5.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import bundles as b
from tests.support.mapped import area, mapped

LIST = "717711000000103"
LINKED = "problems-linked-problems-not-relating-to-the-primary-query"
HL7_UK = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect"
EVERYTHING: dict[str, dict[str, str]] = {"problems": {}}


def extension(name, **value):
    return {"url": f"{HL7_UK}-{name}-1", **value}


def problem(local_id="c1", *extensions, **fields):
    return b.problem(local_id, **{"extension": [*extensions] or None, **fields})


def record_of(*resources, listed=("Condition/c1",), areas=EVERYTHING):
    return mapped(b.record(b.record_list(LIST, *listed), *resources), areas=areas)


def only(*resources, **more):
    (found,) = record_of(*resources, **more)["problems"]
    return found


def test_what_is_held_of_one():
    found = only(
        problem(
            "c1",
            extension("ProblemSignificance", valueCode="major"),
            onsetDateTime="2019-05",
            abatementDateTime="2020",
            assertedDate="2019-06-01T10:00:00Z",
            note=[{"text": "worse in winter"}],
        )
    )
    assert found["condition"]["concept_id"] == "54150009"
    assert (found["clinical_status"], found["significance"]) == ("active", "major")
    assert found["onset"] == {"value": "2019-05", "precision": "month"}
    assert found["abated"] == {"value": "2020", "precision": "year"}
    assert found["asserted_at"]["precision"] == "instant"
    assert [note["text"] for note in found["notes"]] == ["worse in winter"]
    assert found["related_content"] == []
    # Nothing is amiss with a problem that groups nothing and was made of nothing.
    assert found["issue_codes"] == []
    assert "linked_only" not in found


@pytest.mark.parametrize(
    "url",
    [
        "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-ActualProblem-1",
        "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-ActualProblem-1",
    ],
)
def test_the_item_that_was_made_a_problem_is_linked_on_either_host(url):
    allergy = b.allergy("a1")
    found = only(problem("c1", {"url": url, "valueReference": b.reference("AllergyIntolerance/a1")}), allergy)
    assert found["actual_problem"]["source_ref"] == "AllergyIntolerance/a1"
    assert found["actual_problem"]["kind"] == "allergy"
    assert found["actual_problem"]["in_record"]


@pytest.mark.parametrize(
    "value",
    [
        {"valueCode": "minor"},
        {"valueCodeableConcept": {"coding": [{"code": "minor"}]}},
        {"valueCode": [{"code": "minor", "display": "Minor"}]},
        {"valueCode": [{"coding": [{"code": "minor"}]}]},
    ],
)
def test_a_significance_is_read_in_every_form_it_is_sent_in(value):
    assert only(problem("c1", extension("ProblemSignificance", **value)))["significance"] == "minor"


@pytest.mark.parametrize(
    ("extensions", "as_sent"),
    [
        ((), None),
        ((extension("ProblemSignificance", valueCode="serious"),), "serious"),
        (
            (
                extension("ProblemSignificance", valueCode="major"),
                extension("ProblemSignificance", valueCode="minor"),
            ),
            "major, minor",
        ),
    ],
)
def test_a_significance_that_is_not_known_is_never_minor(extensions, as_sent):
    found = only(problem("c1", *extensions))
    assert (found["significance"], found.get("source_significance")) == ("unknown", as_sent)


@pytest.mark.parametrize("sent", ["resolved", "remission", "recurrence", "Active?"])
def test_a_status_that_gp_connect_does_not_use_is_neither_active_nor_inactive(sent):
    found = only(problem("c1", clinicalStatus=sent))
    assert (found["clinical_status"], found["source_status"]) == ("unknown", sent)
    assert "unknown_status" in found["issue_codes"]


def test_one_that_is_refuted_says_so():
    found = only(problem("c1", verificationStatus="refuted"))
    assert found["verification_status"] == "refuted"
    assert "element_not_in_profile" in found["issue_codes"]


def test_a_note_and_a_category_may_be_bare_words():
    found = only(problem("c1", note="seen by district nurse", category="problem-list-item"))
    assert [note["text"] for note in found["notes"]] == ["seen by district nurse"]


def test_one_without_an_onset_has_none():
    assert not {"onset", "onset_text", "onset_age"} & set(only(problem("c1")))


def test_an_onset_in_words_or_as_an_age_is_kept():
    found = only(problem("c1", onsetString="as a child", abatementAge={"value": 12, "unit": "a"}))
    assert found["onset_text"] == "as a child"
    assert found["abated_age"] == {"value": 12, "unit": "a"}


def test_links_that_lead_nowhere_and_placeholders_stay():
    words = "Referral items are not supported by the provider system."
    found = only(
        problem(
            "c1",
            extension("RelatedClinicalContent", valueReference=b.reference("Observation/gone")),
            extension("RelatedClinicalContent", valueReference={"display": words}),
        )
    )
    assert found["related_content"] == [
        {"kind": "observation", "in_record": False, "reference": "Observation/gone"},
        {"kind": "unknown", "in_record": False, "display": words},
    ]


def test_an_ended_allergy_that_stands_in_its_list_alone_is_what_a_problem_leads_to():
    ended = b.ended_list(b.allergy("a1", clinicalStatus="resolved"))
    link = extension("RelatedClinicalContent", valueReference=b.reference("AllergyIntolerance/a1"))
    record = record_of(problem("c1", link), ended)
    (allergy,) = record["allergies"]
    assert record["problems"][0]["related_content"] == [
        {
            "kind": "allergy",
            "in_record": True,
            "source_ref": allergy["provenance"]["source_ref"],
            "item_id": allergy["item_id"],
        }
    ]
    # It came along, and is not missing from a list that nobody asked for.
    assert allergy["linked_only"]
    assert "not_in_list" not in allergy["issue_codes"]


def test_what_came_along_is_not_missing_from_a_list_that_nobody_asked_for():
    link = extension("RelatedClinicalContent", valueReference=b.reference("AllergyIntolerance/a1"))
    record = record_of(problem("c1", link), b.allergy("a1"))
    (allergy,) = record["allergies"]
    assert allergy["linked_only"]
    assert "not_in_list" not in allergy["issue_codes"]
    assert "not_in_list" not in {issue["code"] for issue in record["issues"]}


def test_a_list_that_it_points_at_leads_to_the_consultation_of_it():
    encounter = {
        "resourceType": "Encounter",
        "id": "e1",
        "identifier": b.identifier("e1"),
        "status": "finished",
        "subject": b.reference("Patient/p1"),
    }
    topic = b.record_list("25851000000105", id="l1", encounter=b.reference("Encounter/e1"), entry=[])
    found = only(
        problem("c1", extension("RelatedClinicalContent", valueReference=b.reference("List/l1"))),
        encounter,
        topic,
    )
    [link] = found["related_content"]
    assert (link["kind"], link["in_record"]) == ("consultation", True)


def related(relation, target):
    return extension(
        "RelatedProblemHeader",
        extension=[
            {"url": "type", "valueCode": relation},
            {"url": "target", "valueReference": b.reference(target)},
        ],
    )


def test_a_related_problem_is_the_parent_child_or_sibling_that_was_sent():
    record = record_of(
        problem("c1", related("parent", "Condition/c2"), related("Sibling", "Condition/gone")),
        problem("c2", related("in-law", "Condition/c1")),
        listed=("Condition/c1", "Condition/c2"),
    )
    one, other = sorted(record["problems"], key=lambda each: each["provenance"]["source_ref"])
    assert [each["relation"] for each in one["related_problems"]] == ["parent", "sibling"]
    assert one["related_problems"][0]["target"]["item_id"] == other["item_id"]
    assert not one["related_problems"][1]["target"]["in_record"]
    assert (other["related_problems"][0]["relation"], other["related_problems"][0]["relation_as_sent"]) == (
        "unknown",
        "in-law",
    )


def test_a_plain_reference_to_a_related_problem_is_taken_too():
    header = extension("RelatedProblemHeader", valueReference=b.reference("Condition/c2"))
    record = record_of(problem("c1", header), problem("c2"), listed=("Condition/c1", "Condition/c2"))
    [found] = [each for each in record["problems"] if each["related_problems"]]
    assert found["related_problems"][0]["relation"] == "unknown"
    assert found["related_problems"][0]["target"]["in_record"]


def test_a_related_one_of_another_status_came_along_and_is_not_missing():
    record = record_of(
        problem("c1", related("parent", "Condition/c2")),
        problem("c2", clinicalStatus="inactive"),
        {**b.record_list(SECONDARY_CODE, "Condition/c2"), "code": SECONDARY},
        areas={"problems": {"status": "active"}},
    )
    one, other = record["problems"]
    assert "linked_only" not in one
    assert other["linked_only"]
    assert "not_in_list" not in other["issue_codes"]
    assert area(record, "problems")["complete"]


SECONDARY_CODE = "not a snomed code"
SECONDARY = {
    "coding": [
        {"system": "https://fhir.hl7.org.uk/STU3/CodeSystem/GPConnect-SecondaryListValues-1", "code": LINKED}
    ]
}


def test_those_that_may_be_active_stand_before_those_that_are_over():
    record = record_of(
        problem("c1", clinicalStatus="inactive", onsetDateTime="2024"),
        problem("c2", clinicalStatus="what", onsetDateTime="2001"),
        problem("c3", onsetDateTime="1999"),
        problem("c4", onsetDateTime="2009"),
        listed=[f"Condition/c{n}" for n in range(1, 5)],
    )
    assert [each["provenance"]["source_ref"] for each in record["problems"]] == [
        f"Condition/{name}" for name in ("c4", "c3", "c2", "c1")
    ]


def test_where_they_were_not_asked_for_they_are_told_as_headers_alone():
    record = mapped(
        b.record(b.problem("c1", "AllergyIntolerance/a1"), b.allergy("a1")),
        areas={"allergies": {"include_ended": True}},
    )
    assert record.get("problems", []) == []
    assert [each["source_ref"] for each in record["linked_problems"]] == ["Condition/c1"]


ANYTHING = st.recursive(
    st.sampled_from([None, True, 7, 1.5, "", " ", "active", "2020-13"]),
    lambda each: (
        st.lists(each, max_size=3)
        | st.dictionaries(st.sampled_from(["url", "valueCode", "coding", "extension"]), each, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(
            ["extension", "clinicalStatus", "onsetDateTime", "note", "code", "onsetAge", "asserter"]
        ),
        ANYTHING,
    )
)
def test_whatever_stands_in_one_it_is_told_or_listed_as_not_readable(fields):
    record = record_of({**problem("c1"), **fields}, problem("c2"), listed=("Condition/c1", "Condition/c2"))
    found = {each["provenance"]["source_ref"] for each in record["problems"]}
    aside = {each["source_ref"] for each in record["unmapped"]}
    assert found | aside >= {"Condition/c1", "Condition/c2"}
    assert "Condition/c2" in found
