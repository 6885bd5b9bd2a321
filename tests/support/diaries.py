"""Searchsets of free slots as a practice sends them, and single resources of a diary."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson

Resource = dict[str, Any]

PRACTICE = "A99001"
LONDON = ZoneInfo("Europe/London")
MONDAY = datetime(2027, 3, 15, 8, 30, tzinfo=LONDON)
"""The fortnight from here has a change of clocks in it."""

_DEFINITIONS = "https://fhir.nhs.uk/STU3/StructureDefinition/"


def slot(
    slot_id: str, begins: datetime, *, minutes: int = 10, schedule: str = "1", **changes: Any
) -> Resource:
    """A free slot; `changes` replace elements, None removes them."""
    end = (begins.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(LONDON)
    resource = {
        "resourceType": "Slot",
        "id": slot_id,
        "meta": {"versionId": "1469448000000", "profile": [_DEFINITIONS + "GPConnect-Slot-1"]},
        "extension": [
            {"url": _DEFINITIONS + "Extension-GPConnect-DeliveryChannel-2", "valueCode": "In-person"}
        ],
        "serviceType": [{"text": "General GP appointment"}],
        "schedule": {"reference": f"Schedule/{schedule}"},
        "status": "free",
        "start": begins.astimezone(LONDON).isoformat(),
        "end": end.isoformat(),
    } | changes
    return {name: value for name, value in resource.items() if value is not None}


def schedule(schedule_id: str, *, location: str = "1", practitioner: str | None = "1") -> Resource:
    """The session of one clinician at one place."""
    actors = [f"Location/{location}"] + ([f"Practitioner/{practitioner}"] if practitioner else [])
    role = {
        "coding": [
            {
                "system": "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-SDSJobRoleName-1",
                "code": "R0260",
                "display": "General Medical Practitioner",
            }
        ]
    }
    return {
        "resourceType": "Schedule",
        "id": schedule_id,
        "meta": {"versionId": "1", "profile": [_DEFINITIONS + "GPConnect-Schedule-1"]},
        "extension": [
            {"url": _DEFINITIONS + "Extension-GPConnect-PractitionerRole-1", "valueCodeableConcept": role}
        ],
        "serviceCategory": {"text": "Morning surgery"},
        "actor": [{"reference": actor} for actor in actors],
        "planningHorizon": {"start": "2027-03-01T00:00:00+00:00", "end": "2027-04-30T00:00:00+01:00"},
    }


def practitioner(practitioner_id: str, *, family: str = "Slater", **changes: Any) -> Resource:
    """A clinician."""
    return {
        "resourceType": "Practitioner",
        "id": practitioner_id,
        "meta": {"versionId": "1", "profile": [_DEFINITIONS + "CareConnect-GPC-Practitioner-1"]},
        "identifier": [{"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "100000000001"}],
        "name": [{"use": "official", "family": family, "given": ["Kevin"], "prefix": ["Dr"]}],
        "gender": "male",
    } | changes


def location(location_id: str, *, name: str = "Example Surgery", **changes: Any) -> Resource:
    """A surgery."""
    return {
        "resourceType": "Location",
        "id": location_id,
        "meta": {"versionId": "1", "profile": [_DEFINITIONS + "CareConnect-GPC-Location-1"]},
        "name": name,
        "address": {"line": ["1 High Street"], "city": "Leeds", "postalCode": "LS1 1AA"},
        "telecom": {"system": "phone", "value": "0113 496 0000", "use": "work"},
        "managingOrganization": {"reference": "Organization/1"},
    } | changes


def organisation() -> Resource:
    """The practice itself."""
    return {
        "resourceType": "Organization",
        "id": "1",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": PRACTICE}],
        "name": "Example Practice",
    }


def searchset(*resources: Resource) -> Resource:
    """A Bundle as a practice answers a search."""
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": resource} for resource in resources],
    }


def full_practice(clinicians: int = 30, days: int = 10, slots_a_day: int = 20) -> bytes:
    """Two weeks of a practice with many clinicians, all of it free: about 6,000 slots."""
    resources = [organisation(), *(location(str(number)) for number in range(1, 4))]
    for number in range(1, clinicians + 1):
        resources.append(practitioner(str(number), family=f"Clinician{number}"))
        resources.append(schedule(str(number), location=str(number % 3 + 1), practitioner=str(number)))
        resources.extend(_slots_of(str(number), days, slots_a_day))
    return orjson.dumps(searchset(*resources))


def _slots_of(schedule_id: str, days: int, slots_a_day: int) -> Iterator[Resource]:
    for working_day in range(days):
        opening = MONDAY + timedelta(days=working_day + 2 * (working_day // 5))
        for number in range(slots_a_day):
            start = (opening.astimezone(UTC) + timedelta(minutes=15 * number)).astimezone(LONDON)
            yield slot(f"{schedule_id}-{working_day}-{number}", start, schedule=schedule_id)
