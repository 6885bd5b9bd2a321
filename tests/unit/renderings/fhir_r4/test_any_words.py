"""A Bundle is valid whatever words a practice puts where R4 wants an address, a code or a state."""

from typing import Any

import pytest

from bridge.areas.events import RECORD_COMPLETED
from bridge.contracts.events import Event
from bridge.renderings.fhir_r4.areas import AREAS_IN_R4
from bridge.renderings.fhir_r4.spec import R4
from tests.support.answers import answer_with, only
from tests.support.leaves import example
from tests.support.r4 import faults

seen: set[Any] = set()
SNAPSHOT = {"snapshot_id": "s-1", "retrieved_at": "2026-11-22T09:00:00Z"}


def part(area: str) -> dict[str, Any]:
    """The data of an event in which every field has words of its own, and every item its own name."""
    data, leaves = example(f"{area}.published.v1")
    for number, leaf in enumerate(leaves):
        *way, last = leaf.path
        place: Any = data
        if last in ("item_id", "source_ref"):
            for step in way:
                place = place[step]
            place[last] = f"Observation/{number}"
    return data | SNAPSHOT


@pytest.mark.parametrize("area", sorted(AREAS_IN_R4))
def test_a_bundle_is_valid_whatever_the_words(area: str):
    manifest, _ = example(RECORD_COMPLETED)
    events = [(f"{area}.published.v1", part(area)), (RECORD_COMPLETED, manifest | SNAPSHOT)]
    answer = answer_with([Event(kind, data, snapshot_id="s-1") for kind, data in events])
    assert faults(only(R4, answer), seen=seen) == []
