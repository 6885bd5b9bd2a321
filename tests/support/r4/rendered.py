"""A record as a Bundle of R4, the way tests want it."""

from typing import Any

import orjson

from bridge.areas import AREAS, map_record
from bridge.mapping import Asked, Source
from bridge.renderings.fhir_r4.areas import AREAS_IN_R4
from bridge.renderings.fhir_r4.scope import R4Scope
from bridge.renderings.fhir_r4.uk_core import DATA_ABSENT_REASON, profile_of
from tests.support import bundles as b
from tests.support.r4.bundles import faults

_EVERYTHING = {area.name: area.options() if area.options is not None else None for area in AREAS.areas}
_SOURCE = Source(request_id="r1", retrieved_at="2026-11-22T09:00:00Z", body_sha256="0" * 64)
_seen: set[Any] = set()


def rendered(*sent: Any) -> Any:
    """The bundle of a record with the people of the practice and these resources; it has no fault."""
    record = map_record(b.record(*sent), asked=Asked(areas=_EVERYTHING), source=_SOURCE)
    bundle = rendered_record(record)
    assert faults(bundle, seen=_seen) == []
    return bundle


def rendered_record(record: Any) -> Any:
    """The bundle of a record, as a reader parses it."""
    scope = R4Scope(record, "ukcore-current")
    patient = {"resourceType": "Patient", "id": scope.patient["reference"][9:], "meta": scope.meta("Patient")}
    found = [
        resource
        for name, area in AREAS_IN_R4.items()
        for resource in area.resources(record.get(name, []), scope)
    ]
    scope.settle()
    bundle = {
        "resourceType": "Bundle",
        "id": "b1",
        "meta": {"profile": [profile_of("Bundle")]},
        "type": "collection",
        "timestamp": record["retrieved_at"],
        "entry": [
            {"fullUrl": f"urn:uuid:{each['id']}", "resource": each}
            for each in [patient, *scope.shared, *found]
        ],
    }
    return orjson.loads(orjson.dumps(bundle))


def absent(reason: str = "unknown") -> Any:
    """An element that says only why it is not there."""
    return {"extension": [{"url": DATA_ABSENT_REASON, "valueCode": reason}]}
