"""Consultations: what was written, in its order, whatever form the lists take; and that none of it is lost."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.areas import AREAS
from bridge.areas.publishing import areas_published
from bridge.areas.requests import Areas
from bridge.fhir.parameters import DayPeriod
from tests.support import bundles as b
from tests.support.mapped import area, issue_codes, mapped
from tests.support.whole_record import (
    COMMENT,
    DOCTOR,
    HL7,
    encounter,
    observation,
    structure,
    whole_record,
)

MAIN = "1149501000000101"
CONSULTATION, TOPIC, HEADING = "325851000000107", "25851000000105", "24781000000107"
ALONE: dict[str, Any] = {"consultations": {}}


def words(local_id: str, said: Any = "Coughing.", **overrides: Any) -> b.Resource:
    return observation(local_id, b.concept(COMMENT, "Comment note"), **{"comment": said, **overrides})


def record_of(*resources: Any, areas: Any = ALONE, main: bool = True) -> Any:
    listed = [b.record_list(MAIN, "Encounter/e1")] if main else []
    return mapped(b.record(*listed, *resources), areas=areas)


def consultation(*resources: Any, **options: Any) -> Any:
    [only] = record_of(encounter(), *resources, **options)["consultations"]
    return only


def shape(of: Any) -> list[Any]:
    """Of each topic its title, what it names outside of headings, and each heading with what it names."""
    return [
        (
            topic.get("title"),
            refs(topic),
            [(heading.get("title"), refs(heading)) for heading in topic["headings"]],
        )
        for topic in of["topics"]
    ]


def refs(section: Any) -> list[str]:
    return [link.get("source_ref") or link.get("display") or link["reference"] for link in section["items"]]


def narrative(of: Any) -> Iterator[Any]:
    for topic in of["topics"]:
        for section in (topic, *topic["headings"]):
            yield from section["narrative"]


def told(of: Any) -> list[str]:
    return [each["text"] for each in narrative(of)]


# What is asked


def test_all_of_them_are_asked_for_unless_it_is_said_which() -> None:
    assert Areas.model_validate(ALONE).parameters() == {"includeConsultations": {}}


def test_those_of_a_period() -> None:
    asked = Areas.model_validate({"consultations": {"from": "2026-01-01", "to": "2026-02-28"}})
    [period] = asked.parameters()["includeConsultations"].values()
    assert isinstance(period, DayPeriod)
    assert str(period.start) == "2026-01-01"
    assert list(asked.parameters()["includeConsultations"]) == ["consultationSearchPeriod"]


def test_the_newest_ones() -> None:
    asked = Areas.model_validate({"consultations": {"most_recent": 3}})
    assert asked.parameters() == {"includeConsultations": {"includeNumberOfMostRecent": 3}}


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"most_recent": 3, "from": "2026-01-01"}, "most_recent must not be given together with from or to"),
        ({"most_recent": 3, "to": "2026-01-01"}, "most_recent must not be given together with from or to"),
        ({"most_recent": 0}, "greater than 0"),
        ({"from": "2026-02-01", "to": "2026-01-01"}, "from must not be later than to"),
        ({"from": "2999-01-01"}, "must not be in the future"),
        ({"newest": 3}, "not permitted"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_rule(options: Any, rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        Areas.model_validate({"consultations": options})


# Who, when and where


def test_an_encounter_says_what_kind_when_where_and_who() -> None:
    found = consultation(
        {"resourceType": "Location", "id": "l1", "name": "Room 1"},
        structure("t0", CONSULTATION, "Observation/n1", title="GP Surgery, face to face"),
        words("n1"),
    )
    assert found["item_id"] == f"{b.DATA}|en-e1"
    assert found["encounter_type"]["term"] == "GP Surgery"
    assert found["title"] == "GP Surgery, face to face"
    assert (found["started"]["value"], found["ended"]["value"]) == (
        "2026-02-03T10:00:00+00:00",
        "2026-02-03T10:15:00+00:00",
    )
    assert found["edited_at"]["value"] == "2026-11-22T09:00:00+00:00"
    assert found["location"] == [{"kind": "location", "ref": "Location/l1", "name": "Room 1"}]
    [recorder] = found["participants"]
    assert (recorder["role"], recorder["party"]["ref"]) == ("recorder", "Practitioner/dr1")
    assert found["provenance"]["recorder"] == recorder["party"]
    assert found["status"] == "finished"


def test_each_participant_has_the_role_of_its_code_whatever_the_system() -> None:
    found = consultation_of_participants(
        [b.concept("REC", "recorder", "https://fhir.nhs.uk/STU3/CodeSystem/GPConnect-ParticipantType-1")],
        [b.concept("PPRF", "primary performer", "http://hl7.org/fhir/v3/ParticipationType")],
        [b.concept("PART", "Participation", "http://terminology.hl7.org/CodeSystem/v3-ParticipationType")],
        [b.concept("AUTH", "Author", "http://terminology.hl7.org/CodeSystem/v3-ParticipationType")],
        [b.concept("CON", "consultant"), b.concept("REC", "recorder")],
        None,
    )
    assert [(each["role"], each.get("role_as_sent")) for each in found["participants"]] == [
        ("recorder", None),
        ("primary_performer", None),
        ("participant", None),
        ("author", None),
        ("unknown", "consultant"),
        ("recorder", None),
        ("unknown", None),
    ]
    assert "unknown_role" in found["issue_codes"]
    assert found["provenance"]["author"]["ref"] == "Practitioner/dr1"


def consultation_of_participants(*types: Any) -> Any:
    sent = [{"type": each, "individual": DOCTOR} for each in types]
    [only] = record_of(encounter(participant=sent))["consultations"]
    return only


def test_somebody_of_whom_only_the_name_was_sent_took_part_all_the_same() -> None:
    sent = [{"type": [b.concept("PPRF", "performer")], "individual": {"display": "A. Locum"}}, {}]
    [only] = record_of(encounter(participant=sent))["consultations"]
    assert [each["party"] for each in only["participants"]] == [
        {"kind": "unknown", "name": "A. Locum"},
        {"kind": "unknown"},
    ]


def test_the_place_and_the_kind_of_place_are_both_kept() -> None:
    sent = [{"location": b.reference("Location/l1")}, {"location": {"display": "Surgery"}}]
    record = record_of(
        encounter(location=sent), {"resourceType": "Location", "id": "l1", "name": "West Farm"}
    )
    assert [each["name"] for each in record["consultations"][0]["location"]] == ["West Farm", "Surgery"]


@pytest.mark.parametrize(
    ("length", "minutes"),
    [
        ({"value": 13, "unit": "m", "code": "min", "system": "http://unitsofmeasure.org"}, 13),
        ({"value": 0, "unit": "minute", "code": "min"}, 0),
        ({"value": "8", "unit": "min"}, 8),
    ],
)
def test_a_length_in_minutes_is_a_number(length: Any, minutes: int) -> None:
    [only] = record_of(encounter(length=length))["consultations"]
    assert only["length_minutes"] == minutes
    assert "length" not in only


@pytest.mark.parametrize("length", [{"value": 1, "unit": "h", "code": "h"}, {"value": 8}])
def test_a_length_of_another_unit_stays_as_sent(length: Any) -> None:
    [only] = record_of(encounter(length=length))["consultations"]
    assert "length_minutes" not in only
    assert only["length"]["value"] == length["value"]


@pytest.mark.duty("CS-095")
def test_a_draft_is_marked_as_a_draft() -> None:
    [only] = record_of(encounter(status="unknown"))["consultations"]
    assert only["status"] == "draft"
    assert "source_status" not in only


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled", "in-progress", None])
def test_any_other_status_is_not_taken_for_finished(status: Any) -> None:
    [only] = record_of(encounter(status=status))["consultations"]
    assert only["status"] == "unknown"
    assert only.get("source_status") == status
    assert "unknown_status" in only["issue_codes"]


def test_several_types_are_all_kept() -> None:
    [only] = record_of(encounter(type=[{"text": "Telephone"}, {"text": "Home visit"}]))["consultations"]
    assert only["encounter_type"]["term"] == "Telephone"
    assert [each["term"] for each in only["further_types"]] == ["Home visit"]


def test_dates_are_as_precise_as_they_were_sent() -> None:
    [only] = record_of(encounter(period={"start": "2004-05"}))["consultations"]
    assert only["started"] == {"value": "2004-05", "precision": "month"}
    [none] = record_of(encounter(period=None))["consultations"]
    assert "started" not in none


def test_what_may_change_the_meaning_of_a_consultation_is_told() -> None:
    marked: dict[str, Any] = {"modifierExtension": [{"url": "https://x", "valueBoolean": True}]}
    of_list = consultation(structure("t0", CONSULTATION, "Observation/n1", **marked), words("n1"))
    of_words = consultation(structure("t0", CONSULTATION, "Observation/n1"), words("n1", **marked))
    [of_itself] = record_of(encounter(**marked))["consultations"]
    for found in (of_list, of_words, of_itself):
        assert "modifier_extension" in found["issue_codes"]


def test_newest_first() -> None:
    others = [encounter(f"e{n}", period={"start": day}) for n, day in enumerate(["2019", "2026-01"], 2)]
    found = record_of(encounter(), *others)["consultations"]
    assert [each["provenance"]["source_ref"] for each in found] == [
        "Encounter/e1",
        "Encounter/e3",
        "Encounter/e2",
    ]


# Topics, headings and what they name


def test_topics_and_headings_keep_their_titles_and_the_order_of_entries() -> None:
    found = consultation(
        structure("h2", HEADING, "Observation/o2", "Observation/n1", "Observation/o1", title="Examination"),
        structure("h1", HEADING, "Observation/n2", title="History"),
        structure("t2", TOPIC, "Observation/o3", title="Knee"),
        structure("t1", TOPIC, "List/h1", "List/h2", title="Cough"),
        structure("t0", CONSULTATION, "List/t1", "List/t2"),
        *map(observation, ["o1", "o2", "o3"]),
        words("n1", "Chest clear."),
        words("n2", "A week.\n  No fever.\r\n"),
    )
    assert shape(found) == [
        (
            "Cough",
            [],
            [
                ("History", ["Observation/n2"]),
                ("Examination", ["Observation/o2", "Observation/n1", "Observation/o1"]),
            ],
        ),
        ("Knee", ["Observation/o3"], []),
    ]
    assert told(found) == ["A week.\n  No fever.\r\n", "Chest clear."]


def test_items_hang_on_the_topic_where_there_is_no_heading() -> None:
    found = consultation(
        structure("t0", CONSULTATION, "List/t1"),
        structure("t1", TOPIC, "Observation/o1", "MedicationRequest/gone"),
        observation("o1"),
    )
    assert shape(found) == [(None, ["Observation/o1", "MedicationRequest/gone"], [])]


def test_a_title_of_blanks_is_none() -> None:
    found = consultation(structure("t1", TOPIC, "Observation/o1", title=" "), observation("o1"))
    assert shape(found) == [(None, ["Observation/o1"], [])]


def test_placeholders_stay_in_their_place_with_their_words() -> None:
    said = {"display": "Reminder items are not supported by the provider system."}
    entries = [{"item": said}, {"item": b.reference("Observation/o1")}, {"item": said}]
    found = consultation(structure("t1", TOPIC, entry=entries), observation("o1"))
    assert shape(found) == [(None, [said["display"], "Observation/o1", said["display"]], [])]
    assert found["topics"][0]["items"][0] == {"kind": "unknown", "in_record": False, **said}


def test_words_in_place_of_a_reference_are_a_placeholder_too() -> None:
    said = "Referral items are not supported by the provider system"
    found = consultation(structure("t1", TOPIC, said))
    assert shape(found) == [(None, [said], [])]


@pytest.mark.parametrize("code", [f"{TOPIC} ", f" {TOPIC}"])
def test_blanks_around_the_code_of_a_list_do_not_count(code: str) -> None:
    assert shape(consultation(structure("t1", code, "Observation/gone"))) == [
        (None, ["Observation/gone"], [])
    ]


def test_a_title_decides_nothing() -> None:
    found = consultation(structure("t1", TOPIC, "Observation/gone", title="Consultation"))
    assert shape(found) == [("Consultation", ["Observation/gone"], [])]


PLAIN = {"url": f"{HL7}-RelatedProblemHeader-1", "valueReference": b.reference("Condition/c1")}
COMPLEX = {
    "url": f"{HL7}-RelatedProblemHeader-1",
    "extension": [
        {"url": "type", "valueCode": "parent"},
        {"url": "target", "valueReference": b.reference("Condition/c1")},
    ],
}
OLD = {"url": f"{HL7}-ProblemReference-1", "valueReference": b.reference("Condition/c1")}


@pytest.mark.parametrize("extension", [PLAIN, COMPLEX, OLD], ids=["plain", "complex", "old name"])
@pytest.mark.parametrize("level", [TOPIC, HEADING])
def test_a_list_names_its_problem_in_either_shape(level: str, extension: Any) -> None:
    found = consultation(
        structure("t1", level, "Observation/o1", extension=[extension]), observation("o1"), b.problem("c1")
    )
    [topic] = found["topics"]
    [section] = topic["headings"] if level == HEADING else [topic]
    [link] = section["problems"]
    assert (link["kind"], link["source_ref"]) == ("problem", "Condition/c1")


def test_the_consultation_as_a_whole_may_name_a_problem() -> None:
    found = consultation(
        structure("t0", CONSULTATION, "Observation/o1", extension=[PLAIN]), observation("o1")
    )
    assert [link["reference"] for link in found["problems"]] == ["Condition/c1"]


# Forms that bend


def test_a_flat_consultation_gets_a_topic_without_a_title() -> None:
    found = consultation(
        structure("t0", CONSULTATION, "Observation/o1", "Observation/n1"), observation("o1"), words("n1")
    )
    assert shape(found) == [(None, ["Observation/o1", "Observation/n1"], [])]
    assert told(found) == ["Coughing."]


def test_a_heading_without_a_topic_stands_in_one_without_a_title() -> None:
    found = consultation(
        structure("t0", CONSULTATION, "List/h1", "Observation/o2", "List/t1"),
        structure("h1", HEADING, "Observation/o1", title="Plan"),
        structure("t1", TOPIC, "Observation/o3", title="Knee"),
    )
    assert shape(found) == [
        (None, [], [("Plan", ["Observation/o1"]), (None, ["Observation/o2"])]),
        ("Knee", ["Observation/o3"], []),
    ]


def test_items_between_headings_stay_between_them() -> None:
    found = consultation(
        structure("t1", TOPIC, "Observation/o1", "List/h1", "Observation/o2", "List/h2", title="Cough"),
        structure("h1", HEADING, "Observation/o3", title="History"),
        structure("h2", HEADING, "Observation/o4", title="Plan"),
    )
    assert shape(found) == [
        (
            "Cough",
            ["Observation/o1"],
            [("History", ["Observation/o3"]), (None, ["Observation/o2"]), ("Plan", ["Observation/o4"])],
        )
    ]


def test_what_is_inside_of_a_heading_comes_after_it_however_deep() -> None:
    found = consultation(
        structure("t1", TOPIC, "List/h1", title="Cough"),
        structure("h1", HEADING, "Observation/o1", "List/h2", "Observation/o4", title="History"),
        structure("h2", HEADING, "Observation/o2", "List/h3", title="Family"),
        structure("h3", TOPIC, "Observation/o3", title="Mother"),
    )
    assert shape(found) == [
        (
            "Cough",
            [],
            [
                ("History", ["Observation/o1"]),
                ("Family", ["Observation/o2"]),
                ("Mother", ["Observation/o3"]),
                ("History", ["Observation/o4"]),
            ],
        )
    ]


def test_lists_that_name_themselves_or_each_other_end() -> None:
    found = consultation(
        structure("t1", TOPIC, "List/t1", "List/h1", title="Cough"),
        structure("h1", HEADING, "List/t1", "Observation/o1", "List/h1", title="History"),
    )
    [(title, items, headings)] = shape(found)
    assert (title, items) == ("Cough", ["List/t1"])
    assert headings == [("History", ["List/t1", "Observation/o1", "List/h1"])]


def test_a_thousand_levels_are_read() -> None:
    deep = [structure(f"h{n}", HEADING, f"List/h{n + 1}", title=f"h{n}") for n in range(2000)]
    found = consultation(structure("t1", TOPIC, "List/h0"), *deep)
    assert len(found["topics"][0]["headings"]) == 2000


def test_topics_that_no_list_names_are_told_by_their_own_word() -> None:
    found = consultation(
        structure("t2", TOPIC, "Observation/o2", title="Knee"),
        structure("t1", TOPIC, "Observation/o1", title="Cough"),
        structure("h9", HEADING, "Observation/o3", title="Plan"),
    )
    assert shape(found) == [
        ("Cough", ["Observation/o1"], []),
        ("Knee", ["Observation/o2"], []),
        (None, [], [("Plan", ["Observation/o3"])]),
    ]


def test_lists_without_an_id_are_told_apart() -> None:
    found = consultation(
        structure("x", TOPIC, "Observation/o1", id=None, title="Cough"),
        structure("x", TOPIC, "Observation/o2", id=None, title="Knee"),
    )
    assert sorted(title for title, _, _ in shape(found)) == ["Cough", "Knee"]


def test_a_list_that_was_sent_twice_is_told_once() -> None:
    topic = structure("t1", TOPIC, "Observation/o1", title="Cough")
    found = consultation(structure("t0", CONSULTATION, "List/t1"), topic, dict(topic))
    assert shape(found) == [("Cough", ["Observation/o1"], [])]


def test_of_two_lists_of_one_id_each_consultation_has_its_own() -> None:
    record = record_of(
        encounter(),
        encounter("e2"),
        structure("c1", CONSULTATION, "List/t1"),
        structure("c2", CONSULTATION, "List/t1", encounter=b.reference("Encounter/e2")),
        structure("t1", TOPIC, "Observation/o1", title="Cough"),
        structure("t1", TOPIC, "Observation/o2", title="Knee", encounter=b.reference("Encounter/e2")),
    )
    found = {each["provenance"]["source_ref"]: shape(each) for each in record["consultations"]}
    assert found == {
        "Encounter/e1": [("Cough", ["Observation/o1"], [])],
        "Encounter/e2": [("Knee", ["Observation/o2"], [])],
    }
    assert record["unmapped"] == []


@pytest.mark.parametrize(
    "written", ["e1", " Encounter/e1 ", "Encounter/Encounter/e1", "https://x/STU3/Encounter/e1"]
)
def test_a_list_names_its_consultation_in_whatever_form(written: str) -> None:
    found = consultation(structure("t1", TOPIC, "Observation/o1", encounter=b.reference(written)))
    assert shape(found) == [(None, ["Observation/o1"], [])]


def test_a_list_of_none_is_part_of_what_names_it() -> None:
    found = consultation(
        structure("t0", CONSULTATION, "List/t1"),
        structure("t1", TOPIC, "List/h1", encounter=None, title="Cough"),
        structure("h1", HEADING, "Observation/o1", encounter=b.reference("Encounter/gone"), title="Plan"),
    )
    assert shape(found) == [("Cough", [], [("Plan", ["Observation/o1"])])]


def test_the_list_of_a_consultation_without_its_word_is_where_all_it_holds_is() -> None:
    found = consultation(
        structure("t0", CONSULTATION, "List/t2", "List/t1", encounter=None),
        structure("t1", TOPIC, "Observation/o1", title="Cough"),
        structure("t2", TOPIC, "Observation/o2", title="Knee"),
    )
    assert [title for title, _, _ in shape(found)] == ["Knee", "Cough"]


def test_a_list_of_another_consultation_is_a_link_to_that() -> None:
    record = record_of(
        encounter(),
        encounter("e2"),
        structure("c1", CONSULTATION, "List/t1", "Observation/o1"),
        structure("t1", TOPIC, "Observation/o2", encounter=b.reference("Encounter/e2"), title="Knee"),
    )
    found = {each["provenance"]["source_ref"]: each for each in record["consultations"]}
    assert shape(found["Encounter/e1"]) == [(None, ["List/t1", "Observation/o1"], [])]
    assert shape(found["Encounter/e2"]) == [("Knee", ["Observation/o2"], [])]
    link = found["Encounter/e1"]["topics"][0]["items"][0]
    assert link["item_id"] == found["Encounter/e2"]["item_id"]


def test_lists_and_words_may_be_contained_in_a_list() -> None:
    inside = {**structure("h1", HEADING, "#n1", title="Plan"), "encounter": None}
    outer = structure("t1", TOPIC, "#h1", "#n2", contained=[inside, words("n2", "Rest.")])
    found = consultation(outer)
    assert shape(found)[0][2][0][0] == "Plan"
    assert told(found) == ["Rest."]


def test_a_list_that_says_that_it_does_not_hold_is_shown_and_marked() -> None:
    found = consultation(structure("t1", TOPIC, "Observation/o1", status="entered-in-error"))
    assert shape(found) == [(None, ["Observation/o1"], [])]
    assert "list_unusable" in found["issue_codes"]


def test_an_entry_that_is_marked_as_deleted_is_shown_and_marked() -> None:
    entry = [{"item": b.reference("Observation/o1"), "deleted": True}]
    found = consultation(structure("t1", TOPIC, entry=entry))
    assert shape(found) == [(None, ["Observation/o1"], [])]
    assert "list_entry_deleted" in found["issue_codes"]


def test_a_consultation_whose_lists_were_not_sent_says_so() -> None:
    found = consultation()
    assert found["topics"] == []
    assert "content_not_sent" in found["issue_codes"]
    assert "content_not_sent" not in consultation(structure("t1", TOPIC, "Observation/o1"))["issue_codes"]


def test_two_encounters_of_one_id_are_both_there_and_nobody_says_whose_the_lists_are() -> None:
    record = record_of(
        encounter(),
        encounter(type=[{"text": "Telephone"}]),
        structure("t1", TOPIC, "Observation/n1"),
        words("n1"),
    )
    assert len({each["item_id"] for each in record["consultations"]}) == 2
    assert all("duplicate_id" in each["issue_codes"] for each in record["consultations"])
    assert [text for each in record["consultations"] for text in told(each)] == ["Coughing."]


# Nothing is lost


def test_a_list_of_no_consultation_is_listed_with_its_title() -> None:
    record = record_of(
        encounter(),
        structure("t1", TOPIC, "Observation/o1", title="Cough", encounter=b.reference("Encounter/gone")),
    )
    assert record["unmapped"] == [
        {
            "source_ref": "List/t1",
            "reason": "dangling_reference",
            "detail": "The consultation that this list is a part of was not sent.",
            "area": "consultations",
            "display": "Cough",
        }
    ]
    assert not area(record, "consultations")["complete"]


def test_words_of_a_consultation_that_was_not_sent_are_listed_as_they_are() -> None:
    record = record_of(encounter(), words("n1", "He fell.", context=b.reference("Encounter/gone")))
    [entry] = record["unmapped"]
    assert (entry["source_ref"], entry["reason"], entry["display"]) == (
        "Observation/n1",
        "dangling_reference",
        "He fell.",
    )


def test_words_that_no_list_names_stand_in_the_consultation_that_they_name() -> None:
    found = consultation(
        structure("t1", TOPIC, "Observation/o1", title="Cough"), words("n2", "Second."), words("n1", "First.")
    )
    assert shape(found) == [
        ("Cough", ["Observation/o1"], []),
        (None, ["Observation/n1", "Observation/n2"], []),
    ]
    assert told(found) == ["First.", "Second."]


def test_words_stand_once_and_are_led_to_from_elsewhere() -> None:
    record = record_of(
        encounter(),
        encounter("e2"),
        structure("t1", TOPIC, "Observation/n1", "Observation/n1"),
        structure("t2", TOPIC, "Observation/n1", encounter=b.reference("Encounter/e2")),
        words("n1"),
        words("n1"),
    )
    found = {each["provenance"]["source_ref"]: each for each in record["consultations"]}
    assert told(found["Encounter/e1"]) == ["Coughing."]
    assert told(found["Encounter/e2"]) == []
    [link] = found["Encounter/e2"]["topics"][0]["items"]
    assert link["item_id"] == found["Encounter/e1"]["item_id"]
    assert [each["reason"] for each in record["unmapped"]] == ["duplicate_id"]


def test_words_say_who_wrote_them_when_and_for_whom_they_are_not() -> None:
    label = {"security": [b.coding("NOPAT", system="http://hl7.org/fhir/v3/ActCode")]}
    [said] = narrative(consultation(structure("t1", TOPIC, "Observation/n1"), words("n1", meta=label)))
    assert said["source_ref"] == "Observation/n1"
    assert said["recorded_at"]["value"] == "2026-02-03T10:15:00+00:00"
    assert said["effective"]["value"] == "2026-02-03"
    assert [each["ref"] for each in said["performers"]] == ["Practitioner/dr1"]
    assert said["security_labels"] == ["NOPAT"]


def test_words_about_an_item_lead_to_it() -> None:
    related = [{"type": "derived-from", "target": b.reference("Observation/o1")}]
    said = words("n1", "No: it was his brother.", related=related)
    found = consultation(structure("t1", TOPIC, "Observation/n1"), observation("o1"), said)
    [[link]] = [each["about"] for each in narrative(found)]
    assert link["source_ref"] == "Observation/o1"


def test_words_that_were_a_mistake_say_so() -> None:
    found = consultation(structure("t1", TOPIC, "Observation/n1"), words("n1", status="entered-in-error"))
    assert [each["source_status"] for each in narrative(found)] == ["entered-in-error"]
    assert "unknown_status" in found["issue_codes"]


def test_words_in_a_value_count_where_there_is_no_comment() -> None:
    said = words("n1", None, valueString="Weak.")
    assert told(consultation(structure("t1", TOPIC, "Observation/n1"), said)) == ["Weak."]


def test_a_note_without_words_is_listed() -> None:
    record = record_of(encounter(), structure("t1", TOPIC, "Observation/n1"), words("n1", None))
    assert [(each["source_ref"], each["reason"]) for each in record["unmapped"]] == [
        ("Observation/n1", "malformed")
    ]


@pytest.mark.parametrize("where", ["list", "words"])
def test_another_patients_words_are_not_shown(where: str) -> None:
    other = [b.patient("p2", "9990000026")]
    theirs = {"subject": b.reference("Patient/p2")}
    record = record_of(
        encounter(),
        *other,
        structure(
            "t1", TOPIC, "Observation/n1", title="Cough of another", **(theirs if where == "list" else {})
        ),
        words("n1", "Of another.", **(theirs if where == "words" else {})),
    )
    said = str({**record, "issues": []})
    assert ("Cough of another" in said, "Of another." in said) == (where == "words", where == "list")


def test_a_note_on_a_result_is_of_the_investigation() -> None:
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r1",
        "subject": b.reference("Patient/p1"),
        "result": [b.reference("Observation/f1")],
    }
    record = record_of(encounter(), report, words("f1", "Tell patient"))
    assert told(record["consultations"][0]) == []


# What came along


@pytest.mark.duty("CS-093")
def test_what_consultations_bring_says_nothing_of_how_complete_its_area_is() -> None:
    record = mapped(whole_record(), areas=ALONE)
    brought = [each for each in record["areas"] if each["area"] != "consultations"]
    assert area(record, "consultations")["outcome"] == "items"
    assert brought
    assert not any(each["complete"] for each in brought)
    assert {each["outcome"] for each in brought} == {"not_requested"}
    assert all(each["linked_only"] for each in record["medications"])


@pytest.mark.duty("CS-094")
def test_who_wants_no_structure_has_every_item_once_in_its_own_area() -> None:
    record: Any = mapped(whole_record(), areas={"consultations": {}, "medications": {}})
    [only] = record["consultations"]
    links = [link for topic in only["topics"] for heading in topic["headings"] for link in heading["items"]]
    of_areas = {
        each["item_id"] for spec in AREAS.areas for item in record[spec.name] for each in spec.parts_of(item)
    }
    assert {link["item_id"] for link in links if link["in_record"]} <= of_areas
    [medicine] = [link for link in links if link["kind"] == "medication"]
    assert medicine["in_record"]


def test_they_are_published_with_what_must_be_told() -> None:
    record = mapped(whole_record(), areas=ALONE)
    events = {each.kind: each.data for each in areas_published(record, Areas.model_validate(ALONE))}
    published: Any = events["consultations.published.v1"]
    assert published["items"] == record["consultations"]
    assert published["area"]["area"] == "consultations"
    assert published["demographics"]["verdict"] == "accept"


def test_where_nobody_asked_for_them_none_is_read() -> None:
    record = record_of(encounter(), areas={"allergies": {}}, main=False)
    assert record["consultations"] == []
    assert record["accounting"]["not_requested"] == 1


def test_a_list_of_consultations_that_was_not_sent_is_not_none() -> None:
    record = record_of(encounter(), main=False)
    assert area(record, "consultations")["outcome"] == "list_absent"
    assert "list_absent" in issue_codes(record)
    assert "not_in_list" in record["consultations"][0]["issue_codes"]


def test_a_link_to_a_part_of_a_consultation_leads_to_it() -> None:
    """Problems name the lists of consultations."""
    record: Any = record_of(
        encounter(),
        structure("t1", TOPIC, "List/h1"),
        structure("h1", HEADING, "Observation/n1"),
        structure("t2", TOPIC, "List/t1", encounter=b.reference("Encounter/e2")),
        encounter("e2"),
        words("n1"),
    )
    found = {each["provenance"]["source_ref"]: each for each in record["consultations"]}
    [link] = found["Encounter/e2"]["topics"][0]["items"]
    assert (link["kind"], link["item_id"], link["in_record"]) == (
        "consultation",
        found["Encounter/e1"]["item_id"],
        True,
    )


def test_what_each_list_contains_is_its_own_though_called_alike() -> None:
    inside = [b.allergy("a"), b.problem("a"), words("a", "No wheeze.")]
    sent = [
        structure(f"t{n}", TOPIC, "#a", "#b", "#a", contained=[each, {**inside[2], "id": "b"}])
        for n, each in enumerate(inside)
    ]
    found = consultation(*sent)
    assert [[link["kind"] for link in topic["items"]] for topic in found["topics"]] == [
        ["allergy", "consultation", "allergy"],
        ["problem", "consultation", "problem"],
        ["consultation", "consultation", "consultation"],
    ]
