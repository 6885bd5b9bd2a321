"""What holds for any bundle at all."""

import copy
import random
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.areas import AREAS, GpRecord, check_record, map_record
from bridge.mapping import Asked
from tests.support import bundles as b
from tests.support.mapped import SOURCE, mapped
from tests.support.whole_record import whole_record

# Whatever orjson can have read: no lone surrogates, integers of 64 bits.
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KINDS = st.sampled_from(sorted({"Patient", "List", "Practitioner", "Specimen", *AREAS.kinds}))
ELEMENTS = [
    "id", "meta", "extension", "identifier", "basedOn", "status", "intent", "medicationReference", "code", "subject",
    "patient", "note", "dosage", "dosageInstruction", "dispenseRequest", "requester", "recorder", "contained", "entry",
    "reaction", "category", "clinicalStatus", "issue", "name", "effectivePeriod", "emptyReason", "groupIdentifier",
    "type", "participant", "period", "length", "location", "encounter", "context", "title", "onsetDateTime", "vaccineCode",
    "notGiven", "date", "practitioner", "explanation", "vaccinationProtocol", "doseQuantity", "valueQuantity", "valueString",
    "value", "component", "related", "referenceRange", "interpretation", "comment", "issued", "effectiveDateTime", "result",
    "specimen", "performer", "collection", "reasonCode", "recipient", "supportingInfo", "occurrence", "occurrenceDateTime",
    "content", "author", "custodian", "item", "parent", "securityLabel", "priority", "description", "indexed", "created",
]  # fmt: skip
RESOURCES = st.builds(
    lambda kind, elements: {**elements, "resourceType": kind},
    KINDS,
    st.dictionaries(st.sampled_from(ELEMENTS), VALUES, max_size=8),
)
QUICK = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def reconciles(record: GpRecord) -> bool:
    accounting = record["accounting"]
    parts = (
        accounting["mapped"] + accounting["context"] + accounting["not_requested"] + accounting["unmapped"]
    )
    return parts == accounting["received"] and all(
        each["code"] != "count_mismatch" for each in record["issues"]
    )


@QUICK
@given(st.dictionaries(st.sampled_from(["entry", "type", "meta", "id"]), VALUES))
def test_any_json_that_calls_itself_a_bundle_is_mapped(value: dict[str, Any]) -> None:
    record = map_record({**value, "resourceType": "Bundle"}, asked=Asked(), source=SOURCE)
    check_record(orjson.loads(orjson.dumps(record)))
    assert reconciles(record)


@QUICK
@given(st.lists(RESOURCES, max_size=6))
def test_any_resources_are_mapped_and_accounted_for(resources: list[dict[str, Any]]) -> None:
    bundle = b.record(*resources)
    before = copy.deepcopy(bundle)
    record = mapped(bundle)
    orjson.dumps(record)
    assert reconciles(record)
    assert record["accounting"]["received"] == 4 + len(resources)
    assert bundle == before


@QUICK
@given(st.integers(0, 2**32))
def test_shuffled_entries_map_the_same(seed: int) -> None:
    bundle = b.typical_record()
    bundle["entry"] += [
        {"resource": each}
        for each in (
            b.allergy("a2", identifier=b.identifier("ai-a1")),
            b.allergy(criticality="low"),
            b.statement("s2", context=b.reference("Encounter/e2")),
            b.statement("s3", context=b.reference("Encounter/e3")),
            b.order("order3", "gone"),
            b.plan("alone"),
            b.order("order4", "alone"),
            b.practitioner(name=[{"text": "Another"}]),
        )
    ]
    shuffled = {**bundle, "entry": random.Random(seed).sample(bundle["entry"], len(bundle["entry"]))}
    assert mapped(shuffled) == mapped(bundle)


TWICE = [
    b.patient(birthDate="1951-01-31"),
    b.patient("p2", gender="male"),
    b.organisation(name="Other Surgery"),
    b.practitioner(name=[{"family": "Roe"}]),
    b.role(),
    b.role("role2"),
    b.role(code=[]),
    b.medication(code=b.concept("387207008", "Ibuprofen")),
    b.medication(),
    b.statement(status="stopped"),
    b.statement(),
    b.plan(medicationReference=b.reference("Medication/m2")),
    b.order(authoredOn="2026-01-06"),
    b.order(),
    b.allergy(clinicalStatus="resolved"),
    b.problem("c1", "MedicationStatement/s1"),
    b.problem("c1", "MedicationStatement/s1", clinicalStatus="inactive"),
    b.ended_list(b.ended_allergy("a8"), b.ended_allergy("a8", criticality="low")),
    b.ended_list(b.ended_allergy("a8")),
]
"""Resources of which a typical record holds another one with the same id, alike or different."""


@QUICK
@given(st.lists(st.sampled_from(TWICE), max_size=6), st.integers(0, 10_000))
def test_shuffled_entries_map_the_same_with_several_of_one_id(more: list[dict[str, Any]], seed: int) -> None:
    bundle = b.typical_record()
    bundle["entry"] += [{"resource": copy.deepcopy(each)} for each in more]
    shuffled = {**bundle, "entry": random.Random(seed).sample(bundle["entry"], len(bundle["entry"]))}
    record = mapped(bundle)
    assert mapped(shuffled) == record
    assert reconciles(record)


@QUICK
@given(st.sampled_from(ELEMENTS), VALUES, st.integers(0, 4))
def test_one_corrupted_resource_changes_only_its_own_item(element: str, value: Any, which: int) -> None:
    names = [
        "AllergyIntolerance/a1",
        "MedicationStatement/s1",
        "MedicationRequest/plan1",
        "MedicationRequest/order1",
        "MedicationRequest/order2",
    ]
    bundle = b.typical_record()
    bundle["entry"] += [
        {"resource": each}
        for each in (b.allergy("x"), b.statement("x", "planx"), b.plan("planx"), b.order("orderx", "planx"))
    ]
    usual = mapped(copy.deepcopy(bundle))
    for entry in bundle["entry"]:
        resource = entry["resource"]
        if f"{resource['resourceType']}/{resource.get('id')}" == names[which] and element != "identifier":
            resource[element] = value
    record = mapped(bundle)
    assert reconciles(record)

    def untouched(found: GpRecord) -> list[Any]:
        items = [*found["allergies"], *found["medications"]]
        return [each for each in items if each["provenance"]["source_ref"].rpartition("/")[2] == "x"]

    assert len(untouched(record)) == 2
    for one, other in zip(untouched(record), untouched(usual), strict=True):
        assert one["item_id"] == other["item_id"]
        assert one["issue_codes"] == other["issue_codes"]


@QUICK
@given(st.integers(0, len(whole_record()["entry"]) - 1), VALUES)
def test_any_resource_may_be_anything(which: int, value: Any) -> None:
    bundle = whole_record()
    bundle["entry"][which]["resource"] = value
    assert reconciles(mapped(bundle))


@QUICK
@given(st.sampled_from(ELEMENTS), VALUES, st.integers(0, len(whole_record()["entry"]) - 1))
def test_any_element_may_be_anything(element: str, value: Any, which: int) -> None:
    bundle = whole_record()
    bundle["entry"][which]["resource"][element] = value
    assert reconciles(mapped(bundle))


@QUICK
@given(st.integers(0, 2**32))
def test_shuffled_entries_of_a_whole_record_map_the_same(seed: int) -> None:
    bundle = whole_record()
    shuffled = {**bundle, "entry": random.Random(seed).sample(bundle["entry"], len(bundle["entry"]))}
    assert mapped(shuffled) == mapped(bundle)


def test_a_whole_record_has_an_item_of_every_area_and_loses_nothing() -> None:
    fields: Any = mapped(whole_record())
    assert [area.name for area in AREAS.areas if not fields[area.name]] == []
    assert fields["unmapped"] == []
