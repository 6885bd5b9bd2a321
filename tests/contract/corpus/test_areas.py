"""Every area of each corpus file: against facts found by an independent program, and whatever is done to it."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import orjson
import pytest

from bridge.areas import AREAS, check_record
from tests.contract.corpus.areas import COMPARERS, EXPLAINED, NOT_HELD
from tests.contract.corpus.differences import differences
from tests.support.corpus import CORPUS, content, expected, files, record_of, some

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")

TOUCHED = 6
"""How many resources of each file are damaged, and how many left out."""

UNCLEAR = {"duplicate_id", "identifier_clash"}
"""Of items that share an id with another: what becomes of that one changes how they are told apart."""


@lru_cache(maxsize=1)
def compared(name: str) -> Any:
    """The record that each group of facts is compared with."""
    return record_of(content(name))


def explanation(name: str, ref: str, fact: str) -> tuple[str, str, str] | None:
    return next((key for key in ((name, ref, fact), (name, "*", fact)) if key in EXPLAINED), None)


@pytest.mark.parametrize("group", sorted(COMPARERS))
@pytest.mark.parametrize("name", files("bundle"))
def test_it_says_what_an_independent_program_found(name: str, group: str) -> None:
    theirs = expected(name)["areas"].get(group, {})
    not_held = {fact for of, fact in NOT_HELD if of == group}
    ours = COMPARERS[group](compared(name)) if theirs else {}
    found = list(differences(theirs, ours, not_held))
    assert [each for each in found if explanation(name, *each) is None] == []


def test_every_difference_that_is_explained_is_one() -> None:
    met = set()
    for name in {file for file, _, _ in EXPLAINED}:
        record = record_of(content(name))
        for group, facts_of in COMPARERS.items():
            not_held = {fact for of, fact in NOT_HELD if of == group}
            theirs = expected(name)["areas"].get(group, {})
            for each in differences(theirs, facts_of(record), not_held):
                met.add(explanation(name, *each))
    assert met - {None} == set(EXPLAINED)


@pytest.mark.parametrize("name", files("bundle"))
def test_every_entry_is_accounted_for_whatever_was_asked(name: str) -> None:
    bundle = content(name)
    record = record_of(bundle)
    check_record(json.loads(orjson.dumps(record)))
    accounting = record["accounting"]
    became = sum(accounting[key] for key in ("mapped", "context", "not_requested", "unmapped"))
    assert became == accounting["received"] == len(bundle["entry"])
    entries_aside = [each for each in record["unmapped"] if "#" not in each["source_ref"]]
    assert len(entries_aside) == accounting["unmapped"]
    assert "count_mismatch" not in {issue["code"] for issue in record["issues"]}


@pytest.mark.parametrize("name", some("bundle"))
def test_the_order_of_entries_does_not_matter(name: str) -> None:
    bundle = content(name)
    entries = list(bundle["entry"])
    random.Random(name).shuffle(entries)
    assert orjson.dumps(record_of({**bundle, "entry": entries})) == orjson.dumps(record_of(bundle))


@pytest.mark.parametrize("damage", ["corrupted", "dropped"])
@pytest.mark.parametrize("name", some("bundle"))
def test_what_happens_to_one_resource_happens_to_no_other_item(name: str, damage: str) -> None:
    bundle = content(name)
    before = dict(items(record_of(bundle)))
    words = {key: set(strings(item)) for key, item in before.items()}
    parts = {key: list(parts_in(item)) for key, item in before.items()}
    names = {
        key: {name for part in of for name in (ref_in(part), part["item_id"])} for key, of in parts.items()
    }
    refs = {ref_in(part) for of in parts.values() for part in of}
    for number in touched(name, refs, bundle["entry"]):
        entries = list(bundle["entry"])
        ref = ref_of(entries[number])
        entries[number : number + 1] = [] if damage == "dropped" else [corrupted(entries[number])]
        after = dict(items(record_of({**bundle, "entry": entries})))
        # What is part of the same item, or leads to it, may change with it.
        damaged = {ref}.union(*(each for each in names.values() if ref in each))
        for key, item in before.items():
            if words[key].isdisjoint(damaged) and not UNCLEAR.intersection(item["issue_codes"]):
                assert bare(after[key]) == bare(item), ref
        # Nothing becomes an item of which nothing was one.
        assert {ref_in(part) for part in parts_in(list(after.values()))} <= refs


def ref_of(entry: Any) -> str:
    resource = entry.get("resource", {})
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def corrupted(entry: Any) -> Any:
    """A resource of which nothing but its name and its patient can be read."""
    kept = ("resourceType", "id", "subject", "patient")
    return {"resource": {key: value if key in kept else 7 for key, value in entry["resource"].items()}}


def touched(name: str, refs: set[str], entries: list[Any]) -> list[int]:
    """The positions of some resources that items are made of, of as many types as there are."""
    numbers = [n for n, entry in enumerate(entries) if ref_of(entry) in refs]
    random.Random(name).shuffle(numbers)
    times: Counter[str] = Counter()
    ranked = []
    for n in numbers:
        kind = entries[n]["resource"]["resourceType"]
        times[kind] += 1
        ranked.append((times[kind], n))
    return [n for _, n in sorted(ranked)[:TOUCHED]]


def items(record: Any) -> Iterator[tuple[tuple[str, str], Any]]:
    for area in AREAS.areas:
        for item in record[area.name]:
            yield (area.name, ref_in(item)), item


def parts_in(value: Any) -> Iterator[Any]:
    """An item, and what of it came as a resource of its own."""
    if isinstance(value, dict) and "provenance" in value:
        yield value
    if isinstance(value, (list, dict)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from parts_in(each)


def ref_in(part: Any) -> str:
    ref: str = part["provenance"]["source_ref"]
    return ref


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from strings(each)


def bare(item: Any) -> Any:
    """An item without how it came to be in the record: what named it may be what was damaged."""
    codes = [code for code in item["issue_codes"] if code != "not_in_list"]
    return {**{key: value for key, value in item.items() if key != "linked_only"}, "issue_codes": codes}
