"""Searching for free slots: the parameters rule by rule, and the Bundle (appointments.md §3)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import orjson

from bridge.sandbox.appointments.diary import Diary
from bridge.sandbox.appointments.rota import LONDON, RotaSlot, Schedule, uk
from bridge.sandbox.outcomes import Refusal
from bridge.sandbox.structured.elements import CODES, PROFILE, coded

Json = dict[str, Any]

ORG_TYPE = CODES + "GPConnect-OrganisationType-1"
ORG_TYPES = frozenset({"gp-practice", "urgent-care"})
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
_ROLE_SYSTEM = CODES + "CareConnect-SDSJobRoleName-1"
_TWO_WEEKS = timedelta(days=14)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}[+-]\d{2}:\d{2}")
_PRACTITIONER = "Schedule:actor:Practitioner"
_LOCATION = "Schedule:actor:Location"


@dataclass(frozen=True, slots=True)
class SlotQuery:
    """What was asked, once it is known to be in order. `start` and `end` are instants."""

    start: datetime
    end: datetime
    org_type: str | None
    ods: str | None
    with_practitioners: bool
    with_locations: bool


def read_search(parameters: Iterable[tuple[str, str]]) -> SlotQuery:
    """The search that a query means; parameters that no rule knows are ignored.

    Raises:
        Refusal: naming the first rule that is broken.
    """
    given: dict[str, list[str]] = {}
    for name, value in parameters:
        given.setdefault(name, []).append(value)
    start, starts_on = _moment("start", "ge", given, last=False)
    end, ends_on = _moment("end", "le", given, last=True)
    if given.get("status") != ["free"]:
        raise _wrong("status must be given once, and be free")
    if "Slot:schedule" not in given.get("_include", []):
        raise _wrong("_include=Slot:schedule must be given")
    if end < start or ends_on.date() < starts_on.date():
        raise _wrong("end must not be before start")
    # Over a change of the clocks two weeks are an hour more or less; either way of counting will do.
    if min(ends_on - starts_on, end - start) > _TWO_WEEKS:
        raise _wrong("the range must not be longer than two weeks")
    filters = dict(value.split("|", 1) for value in given.get("searchFilter", []) if "|" in value)
    recursed = given.get("_include:recurse", [])
    return SlotQuery(
        start, end, filters.get(ORG_TYPE), filters.get(ODS), _PRACTITIONER in recursed, _LOCATION in recursed
    )


def _moment(name: str, prefix: str, given: dict[str, list[str]], *, last: bool) -> tuple[datetime, datetime]:
    """The instant that a parameter names, and its place on the calendar and clock of the United Kingdom.

    The last day of a range that names days counts to its end.
    """
    values = given.get(name, [])
    if len(values) != 1 or not values[0].startswith(prefix):
        raise _wrong(f"{name} must be given once, with {prefix}")
    text = values[0].removeprefix(prefix)
    try:
        if _DATE.fullmatch(text):
            day = date.fromisoformat(text)
            moment = uk(day + timedelta(days=1)) if last else uk(day)
            return moment, datetime.combine(day, moment.time())
        if _DATE_TIME.fullmatch(text):
            moment = datetime.fromisoformat(text)
            if moment.utcoffset() == moment.astimezone(LONDON).utcoffset():
                return moment, moment.replace(tzinfo=None)
            raise _wrong(f"{name} must have the offset of the United Kingdom")
    except (ValueError, OverflowError):
        raise _wrong(f"{name} is no day of the calendar") from None
    raise _wrong(f"{name} must be a whole date, or a date-time with its offset")


def _wrong(rule: str) -> Refusal:
    return Refusal("INVALID_PARAMETER", rule)


def search_bundle(diary: Diary, search: SlotQuery) -> bytes:
    """The searchset as JSON; slots are written once and put together as bytes, for there may be thousands."""
    premises = diary.premises
    found = diary.free(search.start, search.end, search.org_type, search.ods)
    schedules = {slot.schedule.id: slot.schedule for slot in found}.values()
    others: list[Json] = [schedule_resource(schedule) for schedule in schedules]
    if search.with_practitioners:
        people = {one.clinician.id: one.clinician for one in schedules if one.clinician}
        others += [premises.practitioner(person) for person in people.values()]
    if search.with_locations:
        places = {one.place.id: one.place for one in schedules}
        others += [premises.location(place) for place in places.values()]
    if found:
        others.append(premises.organisation)
    entries = [_encoded(slot) for slot in found]
    entries += [b'{"resource":' + orjson.dumps(one) + b"}" for one in others]
    return b'{"resourceType":"Bundle","type":"searchset","entry":[' + b",".join(entries) + b"]}"


def _encoded(slot: RotaSlot) -> bytes:
    if slot.encoded is None:
        slot.encoded = b'{"resource":' + orjson.dumps(slot_resource(slot)) + b"}"
    return slot.encoded


def channel_extension(channel: str) -> Json:
    """How the patient and the clinician meet."""
    return {"url": f"{PROFILE}Extension-GPConnect-DeliveryChannel-2", "valueCode": channel}


def role_extension(role: tuple[str, str]) -> Json:
    """The job role of whoever holds a session."""
    return {
        "url": f"{PROFILE}Extension-GPConnect-PractitionerRole-1",
        "valueCodeableConcept": coded(*role, system=_ROLE_SYSTEM),
    }


def slot_resource(slot: RotaSlot) -> Json:
    """A free slot as a search shows it."""
    return {
        "resourceType": "Slot",
        "id": slot.id,
        "meta": {"versionId": "1", "profile": [f"{PROFILE}GPConnect-Slot-1"]},
        "extension": [channel_extension(slot.channel)],
        "serviceType": [{"text": slot.service}],
        "schedule": {"reference": f"Schedule/{slot.schedule.id}"},
        "status": "free",
        "start": slot.start.isoformat(),
        "end": slot.end.isoformat(),
    }


def schedule_resource(schedule: Schedule) -> Json:
    """One session: who holds it, and where."""
    return {
        "resourceType": "Schedule",
        "id": schedule.id,
        "meta": {"versionId": "1", "profile": [f"{PROFILE}GPConnect-Schedule-1"]},
        "extension": [role_extension(schedule.role)],
        "serviceCategory": {"text": schedule.name},
        "actor": [{"reference": reference} for reference in actors(schedule)],
        "planningHorizon": {
            "start": uk(schedule.day).isoformat(),
            "end": uk(schedule.day + timedelta(days=1)).isoformat(),
        },
    }


def actors(schedule: Schedule) -> list[str]:
    """References to the place and, when there is one, the clinician."""
    clinician = [f"Practitioner/{schedule.clinician.id}"] if schedule.clinician else []
    return [f"Location/{schedule.place.id}", *clinician]
