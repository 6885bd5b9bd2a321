"""FHIR R4 as one of the forms of an answer, and what it leaves out."""

from typing import Final

from bridge.areas.events import RECORD_COMPLETED
from bridge.renderings.fhir_r4.areas import AREAS_IN_R4
from bridge.renderings.fhir_r4.bundle import render
from bridge.renderings.fhir_r4.event import FHIR_JSON, R4_RENDERED, R4Bundle
from bridge.renderings.fhir_r4.items import LOSSES
from bridge.renderings.rendering import Lost, RenderingSpec

_OF_THE_ANSWER: Final = (
    Lost("record.parts", "The events themselves; a Bundle is whole."),
    Lost("record.counts", "What the practice sent of each type; `areas` counts what was made of it."),
    Lost("record.patient_key", "It is in the ids, and an attribute of the CloudEvent."),
    Lost("record.renderings", "It is said once all forms are made."),
    Lost("record.changed", "It is said once all forms are made."),
    Lost("record.compared", "It is said once all forms are made."),
    Lost("**.content_hash", "Compare events by it."),
)

R4: Final = RenderingSpec(
    name="r4",
    reads=frozenset({RECORD_COMPLETED}),
    topics={R4_RENDERED: FHIR_JSON},
    data={R4_RENDERED: R4Bundle},
    losses=(
        *dict.fromkeys(
            [*_OF_THE_ANSWER, *LOSSES, *(loss for area in AREAS_IN_R4.values() for loss in area.losses)]
        ),
    ),
    render=render,
)
