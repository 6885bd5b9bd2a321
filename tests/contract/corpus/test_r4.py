"""Every answer of the corpus in FHIR R4: valid, with everything that is in the record, whatever order it came in.

The dear readers of `support/r4` look at what holds something new, and every fourth answer comes in another order;
`CORPUS=all` has them look at every resource, and shuffles every answer.
"""

import random
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from tests.support.corpus import CORPUS, EVERY_ONE, content, files, record_of, some
from tests.support.r4 import faults, rendered_record, resources
from tests.support.r4.bundles import codings

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")

ITEM_ID = "urn:gpconnect-bridge:item-id"
DEGRADED = {
    "196421000000109", "196461000000101", "196471000000108", "196411000000103", "196431000000102",
    "196451000000104", "196401000000100", "196391000000103", "196381000000100", "196441000000106",
}  # fmt: skip
"""The codes of what lost its code on its way between two systems: they mean nothing."""
OF_ITEMS = {
    "medications": "MedicationStatement",
    "immunisations": "Immunization",
    "problems": "Condition",
    "consultations": "Encounter",
    "observations": "Observation",
    "investigations": "DiagnosticReport",
    "referrals": "ServiceRequest",
    "diary_entries": "ServiceRequest",
    "documents": "DocumentReference",
}
seen: set[Any] | None = None if EVERY_ONE else set()


@cache
def answer(name: str) -> tuple[Any, Any]:
    """The record of a file, and its bundle."""
    record = record_of(content(name))
    return record, rendered_record(record)


def parts(item: Any) -> Iterator[Any]:
    """What of an investigation is a resource of its own, and the words of a consultation."""
    for group in item.get("groups", ()):
        yield group
        yield from group["results"]
    for name in ("results", "filing_comments", "requests", "specimens"):
        yield from item.get(name, ())
    for topic in item.get("topics", ()):
        yield from topic["narrative"]
        for heading in topic["headings"]:
            yield from heading["narrative"]


@pytest.mark.parametrize("name", files("bundle"))
def test_it_is_valid(name: str) -> None:
    assert faults(answer(name)[1], seen=seen) == []


@pytest.mark.parametrize("name", files("bundle"))
def test_everything_that_is_in_the_record_is_in_it_once(name: str) -> None:
    record, bundle = answer(name)
    told = Counter(
        (resource["resourceType"], identifier["value"])
        for resource in resources(bundle).values()
        for identifier in resource.get("identifier", ())
        if identifier.get("system") == ITEM_ID
    )
    items = Counter(
        (kind, item["item_id"]) for area, kind in OF_ITEMS.items() for item in record.get(area, ())
    )
    assert {key: count for key, count in items.items() if told[key] != count} == {}
    below = {
        part["source_ref"] if "item_id" not in part else part["item_id"]
        for area in ("investigations", "consultations")
        for item in record.get(area, ())
        for part in parts(item)
    }
    assert below - {item_id for _, item_id in told} == set()


@pytest.mark.parametrize("name", some("bundle"))
def test_the_order_of_entries_changes_nothing(name: str) -> None:
    sent = content(name)
    entries = list(sent.get("entry", []))
    random.Random(name).shuffle(entries)
    shuffled = rendered_record(record_of({**sent, "entry": entries}))
    assert resources(shuffled) == resources(answer(name)[1])


@pytest.mark.parametrize("name", files("bundle"))
def test_no_state_is_better_than_the_record_says(name: str) -> None:
    record, bundle = answer(name)
    told = {
        (resource["resourceType"], identifier["value"]): resource
        for resource in resources(bundle).values()
        for identifier in resource.get("identifier", ())
        if identifier.get("system") == ITEM_ID
    }
    for item in record.get("immunisations", ()):
        expected = {True: "completed", False: "not-done"}.get(item.get("given"))
        assert told["Immunization", item["item_id"]].get("status") == expected
    for item in record.get("problems", ()):
        codes = [
            each["code"] for each in told["Condition", item["item_id"]]["clinicalStatus"].get("coding", ())
        ]
        assert codes in ([], [item["clinical_status"]])
        assert codes != ["active"] or "abated" not in item
    assert DEGRADED.isdisjoint(each.get("code") for each in codings(bundle))
