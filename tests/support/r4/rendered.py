"""A record as a Bundle of R4, the way tests want it."""

from typing import Any

from bridge.areas import AREAS, map_record
from bridge.areas.events import record_completed
from bridge.mapping import Asked, Source
from bridge.renderings.fhir_r4.spec import R4
from bridge.renderings.fhir_r4.uk_core import DATA_ABSENT_REASON
from bridge.renderings.rendering import R4Profile, RenderingOptions
from tests.support import bundles as b
from tests.support.answers import answer_with, only
from tests.support.r4.bundles import faults

_EVERYTHING = {area.name: area.options() if area.options is not None else None for area in AREAS.areas}
_SOURCE = Source(request_id="r1", retrieved_at="2026-11-22T09:00:00Z", body_sha256="0" * 64)
_seen: set[Any] = set()


def rendered(*sent: Any, profile: R4Profile = "ukcore-current") -> Any:
    """The bundle of a record with the people of the practice and these resources; it has no fault."""
    record = map_record(b.record(*sent), asked=Asked(areas=_EVERYTHING), source=_SOURCE)
    bundle = rendered_record(record, profile)
    assert faults(bundle, seen=_seen) == []
    return bundle


def rendered_record(record: Any, profile: R4Profile = "ukcore-current") -> Any:
    """The bundle of a record, as a reader parses it."""
    parts = [
        area.publish(record, area.options() if area.options is not None else None)
        for area in AREAS.areas
        if area.name in record
    ]
    answer = answer_with([*parts, record_completed(record, parts, request_id="r1")])
    return only(R4, answer, RenderingOptions(r4_profile=profile))


def absent(reason: str = "unknown") -> Any:
    """An element that says only why it is not there."""
    return {"extension": [{"url": DATA_ABSENT_REASON, "valueCode": reason}]}
