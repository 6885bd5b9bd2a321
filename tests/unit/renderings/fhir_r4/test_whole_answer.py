"""Every value of an answer beside its items is in the Bundle, or named among what is lost."""

from typing import Any, get_type_hints

import orjson
import pytest

from bridge.areas.events import RECORD_COMPLETED, AreaPublished
from bridge.contracts.events import Event
from bridge.renderings.fhir_r4.areas import AREAS_IN_R4
from bridge.renderings.fhir_r4.bundle import bundle
from bridge.renderings.fhir_r4.spec import R4
from tests.support.answers import answer_with
from tests.support.leaves import changes, example

TOLD_IN_THE_MANIFEST = {*get_type_hints(AreaPublished), "ended_area"} - {"linked_problems", "content_hash"}


def content(manifest: Any, *parts: Event) -> bytes:
    answer = answer_with([*parts, Event(RECORD_COMPLETED, manifest, snapshot_id="s")])
    return orjson.dumps(bundle(manifest, answer.events, "ukcore-current"))


def unnamed(untold: set[tuple[str, ...]]) -> list[str]:
    return sorted(".".join(path) for path in untold if not any(loss.covers(path) for loss in R4.losses))


def empty(kind: str, name: str) -> Event:
    """The event of an area that has no items."""
    data, _ = example(kind)
    return Event(kind, data | {"items": [], "area": data["area"] | {"area": name}}, snapshot_id="s")


def manifests() -> Any:
    """The example, and editions of it that do not leave out what the whole of it does."""
    data, leaves = example(RECORD_COMPLETED)
    data["areas"][0] |= {"area": "medications", "complete": True}
    data["retrieved_at"] = "2026-11-22T09:00:00Z"
    yield data, leaves
    data, leaves = example(RECORD_COMPLETED)
    data["areas"][0] |= {"area": "medications", "complete": True, "outcome": "failed"}
    del data["areas"][0]["empty_reason"], data["unmapped"][0]["display"]
    yield data, leaves


def test_every_value_of_the_manifest():
    part = empty("medications.published.v1", "medications")
    told: set[tuple[str, ...]] = set()
    every: set[tuple[str, ...]] = set()
    for data, leaves in manifests():
        before = content(data, part)
        for leaf in leaves:
            path = ("record", *leaf.names)
            every.add(path)
            if any(content(data, part) != before for _ in changes(data, leaf)):
                told.add(path)
    assert unnamed(every - told) == []


@pytest.mark.parametrize("name", sorted(AREAS_IN_R4))
def test_every_value_that_an_area_says_beside_its_items(name: str):
    kind = f"{name}.published.v1"
    manifest, _ = example(RECORD_COMPLETED)
    manifest["areas"][0] |= {"area": name, "outcome": "nothing_recorded"}
    manifest["retrieved_at"] = "2026-11-22T09:00:00Z"
    data, leaves = example(kind)
    data["items"] = []

    def made() -> bytes:
        return content(manifest, Event(kind, data, snapshot_id="s"))

    before = made()
    untold = {
        (name, *leaf.names)
        for leaf in leaves
        if leaf.names[0] not in {*TOLD_IN_THE_MANIFEST, "items"}
        and not any(made() != before for _ in changes(data, leaf))
    }
    assert unnamed(untold) == []
