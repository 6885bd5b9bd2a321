"""Observations as an area: which are of it, once each, and where the answers of questionnaires stand."""

from datetime import date
from typing import Any

import pytest

from bridge.areas.observations.events import OBSERVATIONS_PUBLISHED
from bridge.areas.observations.spec import OBSERVATIONS
from bridge.areas.requests import Areas
from bridge.errors import BridgeError
from bridge.fhir.parameters import DayPeriod
from bridge.gpconnect import rules
from tests.support import bundles as b
from tests.support.mapped import area, mapped
from tests.support.whole_record import COMMENT, encounter, observation, secondary, whole_record

LIST = "826501000000100"
BROUGHT = "consultations-uncategorised-data-contained-in-consultations"
IMMUNISATIONS = "1102181000000102"
WANTED: dict[str, Any] = {"observations": {}}
PERIOD = {"from": "2020-01-01", "to": "2021-12-31"}


def response(local_id="q1", parent="o1", answers: Any = ({"valueString": "yes"},), **overrides):
    return b.built(
        {
            "resourceType": "QuestionnaireResponse",
            "id": local_id,
            "status": "completed",
            "subject": b.reference("Patient/p1"),
            "parent": [b.reference(f"Observation/{parent}")],
            "authored": "2026-02-03T10:15:00+00:00",
            "item": [{"linkId": "1", "text": "Alone?", "answer": [*answers]}],
        },
        overrides,
    )


def record_of(*sent, areas=WANTED, listed=None) -> Any:
    targets = [f"{each['resourceType']}/{each['id']}" for each in sent] if listed is None else listed
    return mapped(b.record(b.record_list(LIST, *targets), *sent), areas=areas)


def refs(record):
    return [each["provenance"]["source_ref"].partition("/")[2] for each in record["observations"]]


def test_one_that_stands_in_a_list_and_in_a_consultation_stands_once():
    sent = b.record(
        b.record_list(LIST, "Observation/o1"),
        b.record_list("1149501000000101", "Encounter/e1"),
        secondary(BROUGHT, "Observation/o1"),
        encounter("e1"),
        observation("o1"),
    )
    record: Any = mapped(sent, areas={"observations": {}, "consultations": {}})
    assert refs(record) == ["o1"]
    assert "linked_only" not in record["observations"][0]
    assert area(record, "observations")["mapped"] == area(record, "observations")["listed"] == 1


def test_what_only_a_consultation_names_came_along():
    sent = b.record(
        b.record_list(LIST, "Observation/o1"),
        b.record_list("1149501000000101", "Encounter/e1"),
        secondary(BROUGHT, "Observation/o2"),
        encounter("e1"),
        observation("o1"),
        observation("o2"),
    )
    record: Any = mapped(sent, areas={"observations": {}, "consultations": {}})
    assert {ref: each.get("linked_only") for ref, each in zip(refs(record), record["observations"], strict=True)} == {
        "o1": None,
        "o2": True,
    }  # fmt: skip
    assert area(record, "observations")["complete"]


def test_results_comments_and_words_are_of_other_areas():
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r1",
        "status": "final",
        "subject": b.reference("Patient/p1"),
        "result": [b.reference("Observation/o2"), b.reference("Observation/o3")],
    }
    comment = b.concept(COMMENT, "Comment note")
    sent = [
        observation("o1"),
        observation("o2"),
        observation("o3", comment, comment="Filed"),
        observation("o4", comment, comment="Words"),
    ]
    record = record_of(*sent, report, listed=["Observation/o1"])
    assert refs(record) == ["o1"]


def test_status_entries_are_among_them_and_stand_in_the_list_of_immunisations():
    consent = observation("o3", b.concept("310376006", "Immunisation consent given"))
    sent = b.record(b.record_list(IMMUNISATIONS, "Observation/o3"), consent)
    record: Any = mapped(sent, areas={"immunisations": {}})
    (found,) = record["observations"]
    assert found["immunisation_status"] is True
    assert "linked_only" not in found
    assert "not_in_list" not in found["issue_codes"]
    assert area(record, "immunisations")["mapped"] == area(record, "immunisations")["listed"] == 1
    assert area(record, "observations")["outcome"] == "not_requested"


def test_one_that_both_lists_name_counts_for_its_own():
    sent = b.record(
        b.record_list(IMMUNISATIONS, "Observation/o1"),
        b.record_list(LIST, "Observation/o1"),
        observation("o1"),
    )
    record: Any = mapped(sent, areas={"immunisations": {}, "observations": {}})
    (found,) = record["observations"]
    assert found["immunisation_status"] is True
    assert found["issue_codes"] == []
    assert area(record, "observations")["mapped"] == 1


def test_the_newest_come_first_and_those_without_a_date_last():
    dates = {"a": "2001", "b": "2026-02-03", "c": None, "d": "2021-03"}
    record = record_of(*(observation(name, effectiveDateTime=day) for name, day in dates.items()))
    assert refs(record) == ["b", "d", "a", "c"]


def test_one_that_is_in_no_list_is_kept_and_told():
    record = record_of(observation("o1"), observation("o2"), listed=["Observation/o1"])
    assert {ref: each["issue_codes"] for ref, each in zip(refs(record), record["observations"], strict=True)} == {
        "o1": [],
        "o2": ["not_in_list"],
    }  # fmt: skip


def test_what_is_of_another_patient_is_none_of_this_one():
    record = record_of(
        observation("o1", subject=b.reference("Patient/p2")), b.patient("p2", b.OTHER_NHS_NUMBER)
    )
    assert record["observations"] == []
    assert not area(record, "observations")["complete"]


# --- questionnaires ---------------------------------------------------------------------------------


def test_what_was_answered_stands_in_the_observation_that_is_its_result():
    sent = [
        observation("o1"),
        observation("o2"),
        response(answers=[{"valueReference": b.reference("Observation/o2")}, {"valueBoolean": False}]),
    ]
    record = record_of(*sent)
    found = next(each for each in record["observations"] if "answers" in each)
    other = next(each for each in record["observations"] if "answers" not in each)
    assert found["provenance"]["source_ref"] == "Observation/o1"
    first, second = found["answers"]
    assert first["question"] == second["question"] == "Alone?"
    assert first["answer"]["item_id"] == other["item_id"]
    assert second["value"] == {"kind": "boolean", "value": False}
    assert second["source_ref"] == "QuestionnaireResponse/q1"
    assert record["unmapped"] == []
    assert area(record, "observations")["complete"]


@pytest.mark.parametrize(
    ("sent", "kind", "value"),
    [
        ({"valueString": " a\nb "}, "text", " a\nb "),
        ({"valueUri": "urn:x"}, "text", "urn:x"),
        ({"valueInteger": 3}, "quantity", 3),
        ({"valueDecimal": 3.5}, "quantity", 3.5),
        ({"valueQuantity": {"value": 5, "unit": "kg"}}, "quantity", 5),
        ({"valueTime": "10:15:00"}, "time", "10:15:00"),
        ({"valueDate": "2021-03"}, "date_time", {"value": "2021-03", "precision": "month"}),
        ({"valueAttachment": {"title": "x"}}, "other", {"title": "x"}),
    ],
)
def test_an_answer_of_any_kind_is_read(sent, kind, value):
    (found,) = record_of(observation("o1"), response(answers=[sent]))["observations"]
    (answer,) = found["answers"]
    assert (answer["value"]["kind"], answer["value"]["value"]) == (kind, value)


def test_a_coded_answer_is_a_concept():
    (found,) = record_of(
        observation("o1"), response(answers=[{"valueCoding": b.coding("373066001", "Yes")}])
    )["observations"]
    assert found["answers"][0]["value"]["value"]["concept_id"] == "373066001"


def test_questions_below_others_follow_them_and_keep_their_names():
    below = {"linkId": "1.1", "answer": [{"valueString": "b"}]}
    under = {"linkId": "1.2", "answer": [{"valueString": "c"}]}
    items = [
        {"linkId": "1", "answer": [{"valueString": "a", "item": [under]}], "item": [below]},
        {"linkId": "2"},
        {"item": [{"linkId": "3", "answer": [{"valueString": "d"}]}]},
    ]
    (found,) = record_of(observation("o1"), response(item=items))["observations"]
    said = [(each.get("question"), each.get("value", {}).get("value")) for each in found["answers"]]
    assert said == [("1", "a"), ("1.1", "b"), ("1.2", "c"), ("2", None), ("3", "d")]


def test_several_responses_stand_in_one_order_whatever_theirs_was():
    first, second = response("q1"), response("q2", answers=[{"valueString": "no"}])
    one, other = (
        record_of(observation("o1"), *each)["observations"] for each in ([first, second], [second, first])
    )
    assert one == other
    assert [each["value"]["value"] for each in one[0]["answers"]] == ["yes", "no"]


def test_answers_to_two_observations_stand_in_each_and_count_once():
    answers = {**response(), "parent": [b.reference(f"Observation/{each}") for each in ("o2", "o9", "o1")]}
    sent = [observation("o1"), observation("o2"), answers]
    listed = ["Observation/o1", "Observation/o2", "QuestionnaireResponse/q1"]
    record = record_of(*sent, listed=listed)
    assert record == record_of(*reversed(sent), listed=listed)
    assert [[each["source_ref"] for each in found["answers"]] for found in record["observations"]] == [
        ["QuestionnaireResponse/q1"]
    ] * 2
    assert record["unmapped"] == []
    assert record["accounting"]["mapped"] == 3
    assert area(record, "observations")["complete"] is True


def test_answers_to_a_result_of_a_report_are_told_to_be_without_a_place():
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r1",
        "status": "final",
        "subject": b.reference("Patient/p1"),
        "result": [b.reference("Observation/o1")],
    }
    record = record_of(observation("o1"), report, response())
    (left,) = [each for each in record["unmapped"] if each["source_ref"] == "QuestionnaireResponse/q1"]
    assert left["reason"] == "dangling_reference"


@pytest.mark.parametrize("sent", [{"parent": "o9"}, {"parent": "o1", "subject": b.reference("Patient/p2")}])
def test_one_that_belongs_to_nothing_here_stays_unmapped_and_is_told(sent):
    record = record_of(
        observation("o1"), response(**sent), b.patient("p2", b.OTHER_NHS_NUMBER), listed=["Observation/o1"]
    )
    (found,) = record["observations"]
    assert "answers" not in found
    assert "QuestionnaireResponse/q1" in {each["source_ref"] for each in record["unmapped"]}


def test_a_response_that_is_not_complete_says_so_in_its_observation():
    (found,) = record_of(observation("o1"), response(status="in-progress"))["observations"]
    assert "unknown_status" in found["issue_codes"]
    assert found["answers"]


@pytest.mark.parametrize("item", [7, "x", [7], [{"answer": 7}], [{"answer": [{"valueReference": 7}]}], {}])
def test_a_damaged_response_costs_its_observation_nothing(item):
    record = record_of(observation("o1"), response(item=item))
    assert refs(record) == ["o1"]


# --- asking and publishing --------------------------------------------------------------------------


def test_a_period_is_asked_for_by_its_part():
    asked = Areas.model_validate({"observations": PERIOD}).parameters()
    period = DayPeriod(date(2020, 1, 1), date(2021, 12, 31))
    assert asked == {"includeUncategorisedData": {"uncategorisedDataSearchPeriod": period}}


def test_a_period_beside_consultations_is_refused_by_the_names_of_the_request():
    wanted = Areas.model_validate({"observations": PERIOD, "consultations": {}})
    with pytest.raises(BridgeError, match=r"observations\.from"):
        rules.check(wanted.parameters(), today=date(2026, 12, 31), name=wanted.name_of)


def test_the_event_holds_each_of_them():
    record: Any = mapped(whole_record(), areas=WANTED)
    event = OBSERVATIONS.publish(record, None)
    assert event.kind == OBSERVATIONS_PUBLISHED
    assert event.data["items"] == record["observations"]
    assert event.data["items"]


@pytest.mark.duty("CS-051")
@pytest.mark.parametrize("areas", [WANTED, {"observations": {}, "investigations": {}}])
def test_one_that_another_patients_report_names_is_shown_as_if_there_were_no_report(areas):
    others = {
        "resourceType": "DiagnosticReport",
        "id": "r1",
        "subject": b.reference("Patient/other"),
        "result": [b.reference("Observation/o1")],
    }
    record: Any = mapped(
        b.record(
            b.record_list(LIST, "Observation/o1"),
            b.patient("other", nhs_number=b.OTHER_NHS_NUMBER),
            observation("o1", valueQuantity={"value": 71.5, "unit": "kg"}),
            others,
        ),
        areas=areas,
    )
    [found] = record["observations"]
    assert found["value"]["value"] == 71.5
    assert area(record, "observations")["complete"]
    left = {each["source_ref"]: each["reason"] for each in record["unmapped"]}
    expected = {"Patient/other": "wrong_patient"}
    if "investigations" in areas:
        expected["DiagnosticReport/r1"] = "wrong_patient"
    assert left == expected
