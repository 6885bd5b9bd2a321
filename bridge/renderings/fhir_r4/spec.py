"""FHIR R4 as one of the forms of an answer, and what it leaves out."""

from typing import Final

from bridge.areas.events import RECORD_COMPLETED
from bridge.renderings.fhir_r4.areas import AREAS_IN_R4
from bridge.renderings.fhir_r4.bundle import FHIR_JSON, R4_RENDERED, render
from bridge.renderings.rendering import Lost, RenderingSpec

_EVERYWHERE: Final = (Lost("**.provenance.content_hash", "compare items by the hashes of the events"),)

R4: Final = RenderingSpec(
    name="r4",
    reads=frozenset({RECORD_COMPLETED}),
    topics={R4_RENDERED: FHIR_JSON},
    losses=(*_EVERYWHERE, *(loss for area in AREAS_IN_R4.values() for loss in area.losses)),
    render=render,
)
