"""Topics, headings and what they name, whatever form the lists of a consultation take."""

from typing import Any

import pytest

from tests.support import bundles as b
from tests.support.consultations import (
    CONSULTATION,
    HEADING,
    TOPIC,
    consultation,
    record_of,
    shape,
    told,
    words,
)
from tests.support.whole_record import (
    HL7,
    encounter,
    observation,
    structure,
)


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
