"""What was written in consultations: each word of it stands somewhere once, or is listed."""

import pytest

from tests.support import bundles as b
from tests.support.consultations import TOPIC, consultation, narrative, record_of, shape, told, words
from tests.support.mapped import area
from tests.support.whole_record import (
    encounter,
    observation,
    structure,
)


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


def test_a_state_is_told_as_it_was_sent_and_none_where_none_was() -> None:
    for sent in ("final", "finished", None):
        found = consultation(structure("t1", TOPIC, "Observation/n1"), words("n1", status=sent))
        [said] = narrative(found)
        assert (said.get("status"), "source_status" in said) == (sent, False)


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
