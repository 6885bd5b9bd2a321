"""The mapping reads whatever a practice sends: a record, or the one refusal that it documents."""

import tracemalloc
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.areas import GpRecord, check_record, map_record
from bridge.errors import ResponseInvalid
from bridge.fhir.check import check_bundle
from bridge.mapping import Asked
from tests.fuzz.effort import fuzz
from tests.fuzz.values import VALUES, spoilt
from tests.support import bundles as b
from tests.support.mapped import SOURCE
from tests.support.whole_record import whole_record

EVERYTHING = whole_record()
EVERYTHING["entry"] += [
    {"resource": each}
    for each in (
        b.role(),
        b.problem("c1", "MedicationStatement/s1"),
        b.outcome(("includeMedication", "not supported")),
        b.plan("plan2", priorPrescription=b.reference("MedicationRequest/plan1")),
        b.allergy("a2", encounter=b.reference("Encounter/e1")),
        b.ended_list(b.ended_allergy("a8")),
    )
]


def record_of(bundle: Any) -> GpRecord | None:
    """The record, which can be written, fits its schema and accounts for every entry."""
    try:
        record = map_record(bundle, asked=Asked(nhs_number=b.NHS_NUMBER), source=SOURCE)
    except ResponseInvalid:
        return None
    check_record(orjson.loads(orjson.dumps({"data": {"record": record}}))["data"]["record"])
    accounting = record["accounting"]
    became = accounting["mapped"], accounting["context"], accounting["not_requested"], accounting["unmapped"]
    assert accounting["received"] == sum(became)
    return record


@fuzz(250)
@given(spoilt(EVERYTHING))
def test_a_spoilt_bundle_is_mapped_or_refused(bundle: Any) -> None:
    record_of(bundle)


@fuzz(60)
@given(st.integers(0, len(EVERYTHING["entry"]) - 1), VALUES)
@example(0, {"resourceType": "List", "subject": {"reference": []}})
@example(0, {"resourceType": "MedicationRequest", "intent": "plan", "dosageInstruction": [[["x"]]]})
def test_an_entry_may_hold_anything(which: int, value: Any) -> None:
    bundle = {**EVERYTHING, "entry": [*EVERYTHING["entry"]]}
    bundle["entry"][which] = {"resource": value}
    assert record_of(bundle) is not None


@fuzz(40)
@given(spoilt(EVERYTHING))
def test_the_strict_check_lists_deviations_of_anything(bundle: Any) -> None:
    check_bundle(bundle)


@fuzz(25)
@given(spoilt(EVERYTHING))
def test_memory_stays_in_proportion(bundle: Any) -> None:
    size = len(_written(bundle))
    tracemalloc.start()
    try:
        record_of(bundle)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000 + 60 * size


def _written(bundle: Any) -> bytes:
    try:
        return orjson.dumps(bundle)
    except TypeError:
        return b""


def deep(levels: int, kind: str) -> Any:
    opening, closing = {
        "lists": ("[", "]"),
        "words": ('{"text":', "}"),
        "extensions": ('{"extension":[', "]}"),
    }[kind]
    return orjson.loads(opening * levels + '"x"' + closing * levels)


@pytest.mark.parametrize("kind", ["lists", "words", "extensions"])
@pytest.mark.parametrize("levels", [30, 240, 400])
@pytest.mark.parametrize(
    "element", ["code", "name", "extension", "dosage", "dosageInstruction", "id", "issue", "meta"]
)
def test_nesting_costs_no_other_resource(kind: str, levels: int, element: str) -> None:
    nested = deep(levels, kind)
    kinds = [
        "AllergyIntolerance",
        "MedicationStatement",
        "MedicationRequest",
        "Patient",
        "List",
        "Medication",
        "Odd",
    ]
    bundle = b.record(b.allergy("whole"))
    bundle["entry"] += [
        {"resource": {"resourceType": kind, "intent": "plan", element: nested} | named}
        for kind in kinds
        for named in ({}, {"id": "twice", "note": [1]}, {"id": "twice"})
        if not (named and element == "id")
    ]
    record = record_of(bundle)
    assert record is not None
    assert [each["provenance"]["source_ref"] for each in record["allergies"]].count(
        "AllergyIntolerance/whole"
    ) == 1


def test_a_count_beyond_64_bits_is_left_out() -> None:
    information = b.repeat_information(numberOfRepeatPrescriptionsAllowed={"valueUnsignedInt": 1e300})
    record = record_of(b.record(b.medication(), b.statement(), b.plan(extension=[information])))
    assert record is not None
    assert "repeat" not in record["medications"][0]["plan"]


def test_references_may_go_in_circles() -> None:
    bundle = b.record(
        b.medication(),
        b.statement("s1", "p1", partOf=b.reference("MedicationStatement/s1")),
        b.plan("p1", priorPrescription=b.reference("MedicationRequest/p2"), basedOn=[b.reference("MedicationRequest/p1")]),
        b.plan("p2", priorPrescription=b.reference("MedicationRequest/p1")),
        b.order("o1", "o1"),
        b.role("r1", practitioner=b.reference("PractitionerRole/r1")),
        b.ended_list(b.ended_allergy("a1", contained=[{"resourceType": "List", "id": "a1"}])),
    )  # fmt: skip
    record = record_of(bundle)
    assert record is not None
    assert len(record["medications"]) == 3


@pytest.mark.parametrize("length", [300, 1_000_000])
def test_an_overlong_id_does_not_name_a_resource(length: int) -> None:
    bundle = b.record(b.allergy("x" * length, note=[{"text": [[]]}] * 1000))
    record = record_of(bundle)
    assert record is not None
    assert len(record["allergies"][0]["provenance"]["source_ref"]) < 100
    assert len(orjson.dumps(record["issues"])) < 10_000


def test_a_note_that_repeats_the_words_of_a_warning_is_read_once() -> None:
    warning = "Transfer from previous GP practice not yet complete. "
    listed = b.record_list(b.ALLERGIES_LIST, note=[{"text": warning * 40_000}])
    record = record_of(b.bundle(b.patient(), listed))
    assert record is not None
    assert [each["code"] for each in record["areas"][1]["warnings"]] == ["data-in-transit"]


def test_a_name_of_many_accents_is_compared_by_its_beginning() -> None:
    accents = "".join(chr(0x300 + n % 2 * 0x15) for n in range(400_000))
    person = b.patient(name=[{"use": "official", "family": "a" + accents}])
    record = map_record(
        b.bundle(person), asked=Asked(nhs_number=b.NHS_NUMBER, family_name="Sample"), source=SOURCE
    )
    assert record["demographics"]["family_name"] == "mismatch"
