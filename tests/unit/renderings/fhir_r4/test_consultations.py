"""Consultations in R4: who and when, and the tree of what was written, in its order."""

from typing import Any

import pytest

from tests.support import bundles as b
from tests.support.r4 import absent, of_kind, rendered, resources
from tests.support.whole_record import HL7, encounter, observation, structure

LIST = b.record_list("1149501000000101", "Encounter/e1")
NOTE = b.concept("37331000000100", "Comment note")


def held(*sent: dict[str, Any], **of_encounter: Any) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    bundle = rendered(LIST, encounter(**of_encounter), *sent)
    [found] = of_kind(bundle, "Encounter")
    return found, resources(bundle)


def lists(of: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in of.values() if each["resourceType"] == "List" and "encounter" in each]


def test_an_encounter_says_who_when_and_where_and_makes_up_no_class():
    found, _ = held({"resourceType": "Location", "id": "l1", "name": "Room 1"})
    assert found["status"] == "finished"
    assert found["class"] == absent()
    assert found["type"] == [{"text": "GP Surgery"}]
    assert found["period"] == {"start": "2026-02-03T10:00:00+00:00", "end": "2026-02-03T10:15:00+00:00"}
    [participant] = found["participant"]
    assert participant["type"][0]["coding"][0]["code"] == "REC"


@pytest.mark.parametrize(
    ("sent", "told"), [("unknown", "unknown"), ("cancelled", "cancelled"), ("held", "unknown")]
)
def test_a_state_is_one_of_r4_or_unknown(sent: str, told: str):
    found, _ = held(status=sent)
    assert found["status"] == told


def test_a_draft_says_that_it_is_one():
    _, everything = held(status="unknown")
    [top] = lists(everything)
    assert top["mode"] == "working"
    assert top["note"] == [{"text": "Draft: not finished by whoever wrote it."}]


def test_a_length_in_minutes_is_a_duration():
    minutes = {"value": 12, "unit": "minutes", "system": "http://unitsofmeasure.org", "code": "min"}
    found, _ = held(length=minutes)
    assert (found["length"]["value"], found["length"]["code"]) == (12, "min")


def test_a_consultation_is_a_tree_of_lists_in_its_order_with_its_words():
    related = {"url": f"{HL7}-RelatedProblemHeader-1", "valueReference": b.reference("Condition/c2")}
    placeholder = {"item": {"display": "Items withheld."}}
    heading = structure("t2", "24781000000107", "Observation/n1", "Observation/o1", title="History")
    heading["entry"].append(placeholder)
    _, everything = held(
        structure("t0", "325851000000107", "List/t1", title="Surgery consultation"),
        structure("t1", "25851000000105", "List/t2", title="Cough", extension=[related]),
        heading,
        observation("n1", NOTE, comment="Coughing for a week.\nNo fever."),
        observation("o1", valueQuantity={"value": 37.2, "unit": "C"}),
        b.problem("c2"),
    )
    top, topic, below = lists(everything)
    assert [each["title"] for each in (top, topic, below)] == ["Surgery consultation", "Cough", "History"]
    codes = [each["code"]["coding"][0]["code"] for each in (top, topic, below)]
    assert codes == ["325851000000107", "25851000000105", "24781000000107"]
    assert [everything[each["item"]["reference"]] for each in top["entry"]] == [topic]
    assert [everything[each["item"]["reference"]] for each in topic["entry"]] == [below]
    words, value, withheld = (each["item"] for each in below["entry"])
    assert everything[words["reference"]]["note"] == [{"text": "Coughing for a week.\nNo fever."}]
    assert everything[words["reference"]]["code"]["coding"][0]["code"] == "37331000000100"
    assert everything[value["reference"]]["valueQuantity"]["value"] == 37.2
    assert withheld == {"display": "Items withheld."}
    [about] = topic["extension"][0]["extension"]
    assert everything[about["valueReference"]["reference"]]["resourceType"] == "Condition"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("final", "final"),
        ("finished", "final"),
        ("amended", "amended"),
        ("gone", "unknown"),
        (None, "unknown"),
    ],
)
def test_words_have_the_state_that_was_sent_and_none_is_made_up(sent: str | None, told: str):
    _, everything = held(
        structure("t0", "325851000000107", "List/t1"),
        structure("t1", "25851000000105", "Observation/n1"),
        observation("n1", NOTE, comment="Seen.", status=sent),
    )
    [words] = [each for each in everything.values() if each["resourceType"] == "Observation"]
    assert words["status"] == told


def test_words_that_stand_in_two_places_are_written_once():
    _, everything = held(
        structure("t0", "325851000000107", "List/t1", "List/t3"),
        structure("t1", "25851000000105", "Observation/n1"),
        structure("t3", "25851000000105", "Observation/n1"),
        observation("n1", NOTE, comment="Seen twice."),
    )
    assert [each for each in everything.values() if each["resourceType"] == "Observation"]
    assert len([each for each in everything.values() if each["resourceType"] == "Observation"]) == 1
