"""Every value of an item is told in R4, or named among what is lost, with the reason."""

from collections.abc import Collection, Iterator
from copy import deepcopy
from functools import cache
from typing import Any

import orjson
import pytest

from bridge.renderings.fhir_r4.areas import AREAS_IN_R4
from bridge.renderings.fhir_r4.items import LOSSES
from bridge.renderings.fhir_r4.scope import R4Scope
from tests.support.leaves import Leaf, changes, example

Path = tuple[str, ...]

STANDS_FOR_ANOTHER = {
    "abated", "abated_age", "abated_text", "approximate", "collected_to", "comparator", "display", "effective_to", "fasting",
    "given", "length_minutes", "onset", "organisation_name", "relation_as_sent", "role_as_sent", "source_priority",
    "source_significance", "source_status", "to", "unit", "vaccine", "value_as_sent", "verification_status",
}  # fmt: skip
"""Fields that are told instead of others: without them the others are."""
OF_AN_AMOUNT = {"comparator", "approximate", "value_as_sent", "length_minutes", "fasting"}
TYPES_OF_A_VALUE = 9
DEEP = len(("items", "results", "code", "term"))
SAYS_WHAT_STANDS_BESIDE_IT = "kind"
"""Of a value of an observation: which fields it has."""


def editions(area: str) -> Iterator[tuple[dict[str, Any], list[Leaf]]]:
    """The same data in the states in which different things are told."""
    for choice in range(TYPES_OF_A_VALUE if area == "observations" else 1):
        data, leaves = example(f"{area}.published.v1", choice)
        leaves = [leaf for leaf in leaves if leaf.path[0] == "items" and not is_told_alike(area, leaf)]
        if choice:
            leaves = [leaf for leaf in leaves if "value" in leaf.names[:-1]]
        for number, leaf in enumerate(leaves):
            set_apart(data, leaf, number)
        yield data, leaves
        for left_out in (STANDS_FOR_ANOTHER, OF_AN_AMOUNT):
            yield without(left_out, deepcopy(data)), leaves


def is_told_alike(area: str, leaf: Leaf) -> bool:
    """Results and groups are written as filing comments are: of one of the three everything is tried."""
    return area == "investigations" and leaf.names[1] in ("groups", "results") and len(leaf.names) > DEEP


def set_apart(data: Any, leaf: Leaf, number: int) -> None:
    """Give what an item is known by a value that no other has, and a number its digits."""
    *way, last = leaf.path
    if last not in ("item_id", "source_ref", "value_as_sent"):
        return
    for step in way:
        data = data[step]
    data[last] = "3.10" if last == "value_as_sent" else f"Observation/{number}"


def without(names: Collection[str], data: Any) -> Any:
    """Data without these fields."""
    if isinstance(data, list):
        return [without(names, each) for each in data]
    if not isinstance(data, dict):
        return data
    return {name: without(names, value) for name, value in data.items() if name not in names}


def content(area: str, data: Any) -> bytes:
    scope = R4Scope({"holder_ods": "A1"}, "ukcore-current")
    found = AREAS_IN_R4[area].resources(data["items"], scope)
    scope.settle()
    return orjson.dumps([scope.shared, found])


@cache
def what_is_told(area: str) -> tuple[set[Path], set[Path]]:
    """Paths that the resources tell of or that are named as lost, and those of which nothing is said."""
    losses = [*LOSSES, *AREAS_IN_R4[area].losses]
    told: set[Path] = set()
    every: set[Path] = set()
    for data, leaves in editions(area):
        before = content(area, data)
        for leaf in leaves:
            path = (area, *leaf.names)
            if path[-1] == SAYS_WHAT_STANDS_BESIDE_IT and path[-2] in ("value", "age"):
                continue
            if path not in every and any(loss.covers(path) for loss in losses):
                told.add(path)
            every.add(path)
            if path not in told and any(content(area, data) != before for _ in changes(data, leaf)):
                told.add(path)
    return told, every - told


@pytest.mark.parametrize("area", sorted(AREAS_IN_R4))
def test_every_value_is_told_or_named_as_lost(area: str):
    _, untold = what_is_told(area)
    assert [".".join(path) for path in sorted(untold)] == []


def test_what_is_named_as_lost_is_a_field():
    fields = {path for area in AREAS_IN_R4 for paths in what_is_told(area) for path in paths}
    losses = {*LOSSES, *(loss for area in AREAS_IN_R4.values() for loss in area.losses)}
    assert {loss.path for loss in losses if not any(loss.covers(path) for path in fields)} == set()
