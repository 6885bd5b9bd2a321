"""The work of a mapping grows in line with the bundle, counted in calls and not by a clock."""

import sys
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from bridge.areas import GpRecord, map_record
from bridge.areas.allergies.options import AllergyOptions
from bridge.errors import ResponseInvalid
from bridge.mapping import Asked
from tests.support import bundles as b
from tests.support.mapped import SOURCE, mapped
from tests.support.whole_record import COMMENT, encounter, observation, structure


def usual(n: int) -> list[Any]:
    return [
        each
        for i in range(n)
        for each in (b.statement(f"s{i}", f"p{i}"), b.plan(f"p{i}"), b.order(f"o{i}", f"p{i}"))
    ]


def copies(n: int) -> list[Any]:
    return [b.allergy("same")] * n


def namesakes(n: int) -> list[Any]:
    return [b.allergy("same", note=[{"text": str(i)}]) for i in range(n)]


def orders_of_namesakes(n: int) -> list[Any]:
    plans = [b.plan("same", note=[{"text": str(i)}]) for i in range(n)]
    return plans + [b.statement(f"s{i}", "same", medicationReference=b.reference("Medication/same")) for i in range(n)] + [
        b.medication("same", code={"text": str(i)}) for i in range(n)
    ]  # fmt: skip


def lists(n: int) -> list[Any]:
    return [b.record_list(b.ALLERGIES_LIST, id=f"l{i}", note=[{"text": f"note {i}"}]) for i in range(n)]


def people_by_address(n: int) -> list[Any]:
    many = b.practitioner(
        "many", identifier=b.identifier("555021935107", "https://fhir.nhs.uk/Id/sds-user-id") * n
    )
    address = b.reference("https://gp.example/Practitioner/many")
    return [many, *(b.allergy(f"a{i}", recorder=address) for i in range(n))]


def faults_of_one_drug(n: int) -> list[Any]:
    return [
        b.medication(code={"coding": [{"code": []}] * n}),
        *(b.statement(f"s{i}", None) for i in range(n)),
    ]


def nowhere(n: int) -> list[Any]:
    gone = b.reference("Practitioner/gone")
    return [b.order(f"o{i}", f"gone{i}", recorder=gone, requester={"agent": gone}) for i in range(n)]


def problems(n: int) -> list[Any]:
    return [
        each
        for i in range(n)
        for each in (b.problem(f"c{i}", f"AllergyIntolerance/a{i}"), b.allergy(f"a{i}"))
    ]


def circles(n: int) -> list[Any]:
    return [
        b.plan(f"p{i}", priorPrescription=b.reference(f"MedicationRequest/p{(i + 1) % n}")) for i in range(n)
    ]


def consultations(n: int) -> list[Any]:
    """Half of them as lists without an id of their own, all of one id, and all that name the same words."""
    lists = [structure(f"t{i}", "25851000000105", "Observation/n", f"List/t{i + 1}") for i in range(n)]
    named_alike = [
        structure("t", "25851000000105", "List/t", "Observation/n", title=str(i)) for i in range(n)
    ]
    nameless = [structure("t", "24781000000107", f"Observation/n{i}", id=None) for i in range(n)]
    words = [observation("n", b.concept(COMMENT), comment=str(i)) for i in range(n)]
    same = [encounter(type=[{"text": str(i)}]) for i in range(n)]
    others = [encounter(f"e{i}") for i in range(n)]
    main = b.record_list("1149501000000101", *(f"Encounter/e{i}" for i in range(n)))
    return [main, *lists, *named_alike, *nameless, *words, *same, *others]


def entries_of_nothing(n: int) -> list[Any]:
    return [{}] * n


def calls(work: Callable[[], object]) -> int:
    counted = 0

    def count(_frame: object, _event: str, _argument: object) -> None:
        nonlocal counted
        counted += 1

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counted


KINDS = [usual, copies, namesakes, orders_of_namesakes, lists, people_by_address, faults_of_one_drug, nowhere, problems,
         circles, consultations, entries_of_nothing]  # fmt: skip


@pytest.mark.parametrize("resources", KINDS)
def test_twice_the_bundle_is_twice_the_work(resources: Callable[[int], list[Any]]) -> None:
    def work(n: int) -> int:
        bundle = orjson.loads(orjson.dumps(b.record(*resources(n))))
        return calls(lambda: map_record(bundle, asked=Asked(nhs_number=b.NHS_NUMBER), source=SOURCE))

    assert work(400) < 2.3 * work(200)


@pytest.mark.parametrize("entries", [30_000])
def test_tens_of_thousands_of_entries_are_mapped(entries: int) -> None:
    allergies = [b.allergy(f"a{i}") for i in range(entries)]
    targets = [f"AllergyIntolerance/a{i}" for i in range(entries)]
    bundle = b.bundle(b.patient(), b.record_list(b.ALLERGIES_LIST, *targets), *allergies)
    record = map_record(
        bundle, asked=Asked(nhs_number=b.NHS_NUMBER, areas={"allergies": AllergyOptions()}), source=SOURCE
    )
    assert len(record["allergies"]) == entries
    assert record["accounting"]["mapped"] == entries


def refusal(*resources: Any) -> str:
    with pytest.raises(ResponseInvalid) as caught:
        mapped(b.record(*resources))
    assert caught.value.body_sha256 == SOURCE.body_sha256
    return caught.value.detail


def test_more_entries_than_any_record_has_are_refused() -> None:
    assert refusal(*[b.allergy()] * 100_001) == "too_many_entries"


def test_a_plan_that_many_statements_share_does_not_multiply_its_issues() -> None:
    statements = [b.statement(f"s{i}", "p") for i in range(500)]
    orders = [b.order(f"o{i}", "p") for i in range(500)]
    assert refusal(b.medication(), b.plan("p"), *statements, *orders) == "record_too_large"


def test_a_plan_that_two_statements_share_stands_in_both() -> None:
    resources = [
        b.medication(),
        b.plan("p"),
        b.order("o", "p"),
        b.statement("s1", "p"),
        b.statement("s2", "p"),
    ]
    record: GpRecord = mapped(b.record(*resources))
    assert [len(each["plan"]["issues"]) for each in record["medications"]] == [1, 1]


LONG = "x" * 2_000_000


@pytest.mark.parametrize(
    "resources",
    [
        [b.medication(code={"text": LONG}), *(b.statement(f"s{i}", None) for i in range(100))],
        [b.practitioner("long", name=[{"text": LONG}]),
         *(b.allergy(f"a{i}", recorder=b.reference("Practitioner/long")) for i in range(100))],
        [b.medication(), b.plan("p", note=[{"text": LONG}]), *(b.order(f"o{i}", "p") for i in range(100)), b.statement("s", "p")],
        [b.medication(), b.plan("p"), b.order("o", "p", note=[{"text": LONG}]),
         *(b.statement(f"s{i}", "p") for i in range(100))],
        [b.practitioner("long", name=[{"text": LONG}]), b.record_list("1149501000000101", "Encounter/e1"),
         encounter(participant=[{"individual": b.reference("Practitioner/long")}] * 100)],
        [b.practitioner("long", name=[{"text": LONG}]), b.record_list("1149501000000101", "Encounter/e1"), encounter(),
         structure("t1", "25851000000105", "Observation/n"),
         observation("n", b.concept(COMMENT), comment="x", performer=[b.reference("Practitioner/long")] * 100)],
    ],
    ids=["medication", "practitioner", "plan", "issue", "participants", "writers"],
)  # fmt: skip
def test_a_long_text_is_not_repeated_without_bound(resources: list[Any]) -> None:
    assert refusal(*resources) == "record_too_large"
