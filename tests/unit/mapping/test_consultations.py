"""Consultations: how they are asked for, who took part, when and where, and what comes along with them."""

from typing import Any

import pytest
from pydantic import ValidationError

from bridge.areas import AREAS
from bridge.areas.publishing import areas_published
from bridge.areas.requests import Areas
from bridge.fhir.parameters import DayPeriod
from tests.support import bundles as b
from tests.support.consultations import ALONE, CONSULTATION, HEADING, TOPIC, consultation, record_of, words
from tests.support.mapped import area, issue_codes, mapped
from tests.support.whole_record import (
    DOCTOR,
    encounter,
    structure,
    whole_record,
)

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
