"""The getters: what they take, what they note, and that they never raise."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.fhir.read import (
    Item,
    best_text,
    code_in,
    extension_name,
    extension_value,
    first_code,
    has_snomed_code,
    list_code,
    reference_target,
    snomed_codes,
)

ANYTHING: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def item() -> Item:
    return Item({}, "Type/1")


@pytest.mark.parametrize(
    ("value", "text", "noted"),
    [
        ("a\n b", "a\n b", False),
        (" \t", None, False),
        ("", None, False),
        (None, None, False),
        (["one"], "one", False),
        (7, "7", False),
        (2.5, "2.5", False),
        (True, None, True),
        ({}, None, True),
        (["a", "b"], None, True),
    ],
)
def test_text_keeps_its_layout(value: Any, text: str | None, *, noted: bool) -> None:
    reader = item()
    assert reader.text(value, "note") == text
    assert reader.notes == ([("unreadable_element", "note")] if noted else [])


@pytest.mark.parametrize(
    ("value", "code"), [(" 86290005 ", "86290005"), ("  ", None), (["d"], "d"), (5, "5")]
)
def test_codes_without_the_blanks_around_them(value: Any, code: str | None) -> None:
    assert item().code(value, "code") == code


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (28, 28),
        ("28", 28),
        (" 2.50 ", 2.5),
        ("-1", -1),
        ("two", None),
        ("1e9", None),
        ("nan", None),
        (True, None),
    ],
)
def test_numbers_also_in_quotes(value: Any, number: float | None) -> None:
    assert item().number(value, "value") == number


@pytest.mark.parametrize(("value", "number"), [(5, 5), (5.0, 5), ("5", 5), (5.5, None), (None, None)])
def test_whole_numbers(value: Any, number: int | None) -> None:
    assert item().whole_number(value, "value") == number


@pytest.mark.parametrize(
    ("value", "precision"),
    [
        ("2004", "year"),
        ("2004-05", "month"),
        ("2004-05-31", "day"),
        ("2004-05-31T10:00:00+01:00", "instant"),
        ("2004-05-31T10:00:00.123456789Z", "instant"),
        ("2004-05-31T10:00:00", "instant"),
        ("2004-13", "unparsed"),
        ("2004-02-30", "unparsed"),
        ("0000", "unparsed"),
        ("31/05/2004", "unparsed"),
        ("20040531", "unparsed"),
        ("2004-05-31T25:00:00Z", "unparsed"),
    ],
)
def test_dates_are_as_precise_as_they_were_sent(value: str, precision: str) -> None:
    reader = item()
    assert reader.date(f" {value} ", "on") == {"value": value, "precision": precision}
    assert (reader.notes == [("unparsed_date", "on")]) == (precision == "unparsed")


def test_one_object_where_a_list_belongs_and_a_list_where_one_belongs() -> None:
    reader = item()
    assert reader.many({"a": 1}, "x") == [{"a": 1}]
    assert reader.one([{"a": 1}, {"b": 2}], "x") == {"a": 1}
    assert reader.one([], "x") == {}
    assert reader.notes == []
    assert reader.many([{"a": 1}, "b"], "x") == [{"a": 1}]
    assert reader.one("b", "x") == {}
    assert reader.notes == [("unreadable_element", "x")] * 2


@pytest.mark.parametrize(
    "url",
    [
        "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-ActualProblem-1",
        "http://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-ActualProblem-1",
        "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-ActualProblem",
        "ActualProblem",
        " https://fhir.nhs.uk/Extension-CareConnect-GPC-ActualProblem-2/ ",
    ],
)
def test_every_supplier_spells_an_extension_in_its_own_way(url: str) -> None:
    assert extension_name(url) == "actualproblem"


@pytest.mark.parametrize(
    ("reference", "target"),
    [
        ("Patient/p1", "Patient/p1"),
        (" Patient/p1 ", "Patient/p1"),
        ("https://gp.example/B1/STU3/1/Patient/p1", "Patient/p1"),
        ("https://gp.example/B1/STU3/1/Patient/p1/_history/3", "Patient/p1"),
        ("Patient/p1/_history/3", "Patient/p1"),
        ("#inner", "#inner"),
        ("p1", "p1"),
        ("  ", None),
    ],
)
def test_references(reference: str, target: str | None) -> None:
    assert reference_target(reference) == target


LOCAL = {"system": "https://supplier.example/types", "code": "acute"}
OFFICIAL = {"system": "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-PrescriptionType-1", "code": "repeat"}


@pytest.mark.duty("CS-066")
@pytest.mark.parametrize(
    ("concept", "code"),
    [
        ({"coding": [LOCAL, OFFICIAL]}, "repeat"),
        ({"coding": [{"code": "acute"}, OFFICIAL]}, "repeat"),
        (
            {
                "coding": [
                    LOCAL,
                    {**OFFICIAL, "system": "http://fhir.hl7.org.uk/CareConnect-PrescriptionType-1 "},
                ]
            },
            "repeat",
        ),
        ({"coding": [LOCAL]}, None),
        ({"coding": [LOCAL, {"code": " repeat "}]}, "repeat"),
        ({"coding": OFFICIAL}, "repeat"),
        (OFFICIAL, "repeat"),
        ("repeat", "repeat"),
        (None, None),
    ],
)
def test_a_code_is_found_by_its_system_and_never_by_its_place(concept: Any, code: str | None) -> None:
    assert code_in(concept, "prescriptiontype") == code


NOTE = "37331000000100"
SNOMED = {"system": "http://snomed.info/sct", "code": NOTE}


@pytest.mark.parametrize(
    ("concept", "has_it"),
    [
        ({"coding": [LOCAL, SNOMED]}, True),
        ({"coding": [{**SNOMED, "code": "163020007"}, SNOMED]}, True),
        ({"coding": [{**SNOMED, "code": f" {NOTE}\n"}]}, True),
        ({"coding": SNOMED}, True),
        (SNOMED, True),
        (NOTE, True),
        ({"coding": [LOCAL, {"code": NOTE}]}, True),
        # A code without a system counts only where none is of SNOMED CT.
        ({"coding": [{**SNOMED, "code": "163020007"}, {"code": NOTE}]}, False),
        ({"coding": [{**SNOMED, "code": f"{NOTE}1"}]}, False),
        ({"coding": [{**LOCAL, "code": NOTE}]}, False),
        ({"coding": [7, None, {"code": 7}]}, False),
        ({"text": NOTE}, False),
        (None, False),
    ],
)
def test_whether_a_concept_has_a_snomed_code(concept: Any, has_it: bool) -> None:
    assert has_snomed_code(concept, NOTE) is has_it


def test_the_same_value_in_the_same_place_is_read_once_and_noted_for_each() -> None:
    known: dict[Any, Any] = {}
    times: list[object] = []

    def read(item: Item, sent: Any, path: str) -> dict[str, Any]:
        times.append(sent)
        return {"value": item.number(sent["value"], path)}

    def met(sent: Any, path: str) -> tuple[dict[str, Any], list[tuple[str, str | None]]]:
        reader = Item({}, "Type/1", known=known)
        return reader.once(read, sent, path), reader.notes

    first, second = met({"value": "x"}, "here"), met({"value": "x"}, "here")
    assert first == second == ({"value": None}, [("unreadable_element", "here")])
    assert first[0] is second[0]
    assert len(times) == 1
    assert met({"value": "x"}, "there")[1] == [("unreadable_element", "there")]
    assert met({"value": 7}, "here") == ({"value": 7}, [])
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    assert [met({"value": 7, "deep": deep}, "here")[0] for _ in range(2)] == [{"value": 7}] * 2
    assert len(times) == 5


@given(ANYTHING)
def test_nothing_raises(value: Any) -> None:
    reader = Item({"extension": value}, "Type/1")
    for getter in (
        reader.text,
        reader.code,
        reader.number,
        reader.whole_number,
        reader.date,
        reader.one,
        reader.many,
        reader.reference,
    ):
        getter(value, "path")
    reader.extensions(reader.resource)
    first_code(value)
    code_in(value, "prescriptiontype")
    list_code(value)
    snomed_codes(value)
    has_snomed_code(value, "1")
    best_text(value)
    if isinstance(value, dict):
        extension_value(value)
    assert all(code in ("unreadable_element", "unparsed_date", "placeholder_date") for code in reader.codes())
