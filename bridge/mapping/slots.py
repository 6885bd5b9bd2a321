"""Searchsets of free slots → `FreeSlots`. Pure; nothing raises; each slot is read alone.

A full practice sends thousands of slots of a few schedules, so what belongs to a schedule is read once and
shared by its slots.
Source: appointments_use_case_search_for_free_slots.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from bridge.fhir.index import BundleIndex, ReceivedEntry, index_bundle
from bridge.fhir.parsing import Parsed
from bridge.fhir.read import Item, JsonObject, reference_target
from bridge.mapping.diary import (
    Findings,
    actors_of,
    clinician,
    delivery_channel,
    is_small,
    job_role,
    moment,
    place,
    term_of,
    words_alone,
)
from bridge.mapping.identity import SentOrganisation, name_of, organisation
from bridge.mapping.memory import collector_paused
from bridge.mapping.modifiers import CHANGES_MEANING, modifiers_in
from bridge.record.appointments import HOME_VISIT, FreeSlots, Offer, OrganisationType, Slot, SlotSession
from bridge.record.logical_id import is_logical_id
from bridge.record.retrieval import UnmappedReason
from bridge.values import dataclass

_CONTEXT: Final = frozenset({"Schedule", "Practitioner", "Location", "Organization"})
_MINUTE: Final = timedelta(minutes=1)
_LONGEST_LABEL: Final = 200


@dataclass(frozen=True, slots=True)
class _Session:
    """What the slots of one schedule have in common.

    Attributes:
        offer, shown: of the offer, and of what is shown.
        is_active: whether the schedule is in use.
        channel: how its appointments take place, for slots that do not say so themselves.
    """

    offer: Offer
    shown: SlotSession
    is_active: bool
    channel: str | None


MALFORMED: Final = "The slot could not be read."
WITHOUT_SCHEDULE: Final = "The schedule of the slot, or its place, was not sent; it cannot be booked."
CLASH: Final = "Another slot with the same id was sent."
NO_SLOT: Final = "No part of a search for slots."


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotSearch:
    """What was asked, and when.

    Attributes:
        practice_ods_code: who was asked.
        window_start, window_end: of all searches together, RFC 3339.
        retrieved_at: of the first answer, RFC 3339; what has begun by then is not offered.
        A slot that does not lie wholly inside the window was not asked for, and is not offered either.
        organisation_type: with which it was searched; part of every offer.
    """

    practice_ods_code: str
    window_start: str
    window_end: str
    retrieved_at: str
    organisation_type: OrganisationType | None = None


def map_slots(answers: Iterable[Parsed], search: SlotSearch) -> FreeSlots:
    """Map the answers to the searches of one window.

    Args:
        answers: a Bundle for each search; searches overlap, and a slot that comes twice is kept once. Give a
            generator, so that one at a time is held.
        search: what was asked.
    """
    with collector_paused():  # the last bundle is let go inside
        return _Reading(search).of(answers)


class _Reading:
    """What the bundles read so far hold."""

    def __init__(self, search: SlotSearch) -> None:
        self._search = search
        self._now = datetime.fromisoformat(search.retrieved_at)
        self._from = datetime.fromisoformat(search.window_start)
        self._until = datetime.fromisoformat(search.window_end)
        self._slots: dict[str, tuple[datetime, Slot]] = {}
        self._not_offered: set[str] = set()
        self._aside: set[tuple[str, UnmappedReason]] = set()
        self._labels: dict[str, str] = {}
        self._organisations: list[SentOrganisation] = []
        self._findings = Findings()

    def of(self, answers: Iterable[Parsed]) -> FreeSlots:
        """All that these hold, in order of time."""
        for answer in answers:
            self._findings.report_answer(answer.issues)
            self._read(answer.content, may_hold_modifiers=answer.may_hold_modifiers)
        in_order = sorted(self._slots.items(), key=lambda each: (each[1][0], each[0]))
        result: FreeSlots = {
            "practice_ods_code": self._search.practice_ods_code,
            "window_start": self._search.window_start,
            "window_end": self._search.window_end,
            "retrieved_at": self._search.retrieved_at,
            "slots": [slot for _, (_, slot) in in_order],
            "not_offered": len(self._not_offered),
            "unmapped": self._findings.unmapped,
            "issues": self._findings.issues,
        }
        practice_name = name_of(self._search.practice_ods_code, self._organisations)
        if practice_name is not None:
            result["practice_name"] = practice_name
        return result

    def _read(self, bundle: JsonObject, *, may_hold_modifiers: bool) -> None:
        """Take in the answer to one search."""
        slots, index = _split(bundle)
        sessions: dict[str, _Session | None] = {}
        for resource in slots:
            item = Item(resource, "Slot")
            schedule = resource.get("schedule")
            written = schedule.get("reference") if type(schedule) is dict else None
            if type(written) is not str:
                written = item.reference(schedule, "schedule") or ""
            if written not in sessions:
                sessions[written] = self._session(index, index.resolve(reference_target(written), "Schedule"))
            if may_hold_modifiers:
                item.notes += modifiers_in(resource)
            self._add(item, sessions[written])
            if item.notes:
                item.ref = _ref(resource)
                self._findings.report(item)
        for received in index.resources("Organization"):
            self._organisations.append(organisation(Item(received.resource, received.ref)))
        for received in index.received:
            if received.kind not in _CONTEXT:
                self._set_aside(received.ref, "unknown_type", NO_SLOT)
        for _ in index.malformed:
            self._set_aside("entry", "malformed", MALFORMED)

    def _add(self, item: Item, session: _Session | None) -> None:
        resource = item.resource
        slot_id = resource.get("id")
        start, begins = moment(resource.get("start"))
        end, ends = moment(resource.get("end"))
        if begins is None or ends is None or ends <= begins or not is_logical_id(slot_id):
            self._set_aside(_ref(resource), "malformed", MALFORMED)
            return
        if session is None:
            self._set_aside(_ref(resource), "dangling_reference", WITHOUT_SCHEDULE)
            return
        channel = delivery_channel(item, item.extensions(resource)) or session.channel
        if (
            not CHANGES_MEANING.isdisjoint(item.codes())
            or resource.get("status") != "free"
            or resource.get("overbooked") is True
            or not session.is_active
            or begins <= self._now  # AP-021
            or begins < self._from
            or ends > self._until
            or channel == HOME_VISIT  # AP-057
        ):
            self._not_offered.add(slot_id)
            return
        offer: Offer = {**session.offer, "slot_id": slot_id, "start": start, "end": end}
        if label := self._label(channel):
            offer["delivery_channel"] = label
        if label := self._label(term_of(item, resource.get("serviceType"), "serviceType")):
            offer["service_type"] = label
        slot: Slot = {"offer": offer, "minutes": (ends - begins) // _MINUTE, **session.shown}
        known = self._slots.setdefault(slot_id, (begins, slot))[1]
        if known is not slot and known["offer"] != offer:
            self._set_aside(_ref(resource), "duplicate_id", CLASH)

    def _set_aside(self, ref: str, reason: UnmappedReason, detail: str) -> None:
        """List what is no slot to offer, once, though searches overlap."""
        if (ref, reason) not in self._aside:
            self._aside.add((ref, reason))
            self._findings.set_aside(ref, reason, detail)

    def _session(self, index: BundleIndex, schedule: ReceivedEntry | None) -> _Session | None:
        """What the slots of a schedule share; None when they cannot be booked for want of it (AP-039)."""
        if schedule is None:
            return None
        item = Item(schedule.resource, schedule.ref)
        actors = item.many(item.resource.get("actor"), "actor")
        locations = [each for each in actors_of(item, actors, "Location") if is_logical_id(each.id)]
        schedule_id = schedule.ref.removeprefix("Schedule/")
        if not locations or not is_logical_id(schedule_id):
            return None
        offer: Offer = {
            "practice_ods_code": self._search.practice_ods_code,
            "slot_id": "",
            "schedule_id": schedule_id,
            "location_id": locations[0].id,
            "start": "",
            "end": "",
        }
        shared: SlotSession = {"location": place(index, locations[0])}
        practitioners = [each for each in actors_of(item, actors, "Practitioner") if is_logical_id(each.id)]
        if practitioners:
            offer["practitioner_id"] = practitioners[0].id
            shared["practitioner"] = clinician(index, practitioners[0])
        if self._search.organisation_type is not None:
            offer["organisation_type"] = self._search.organisation_type
        if also := words_alone(item, actors):
            shared["also_named"] = also
        extensions = item.extensions(item.resource)
        if (role := job_role(item, extensions)) is not None:
            shared["practitioner_role"] = role
        if (session := term_of(item, item.resource.get("serviceCategory"), "serviceCategory")) is not None:
            shared["session"] = session
        if not is_small(shared):  # a few hundred bytes in real life, and repeated by every slot
            item.note("unreadable_element", "Schedule")
            shared = {"location": {"location_id": locations[0].id}}
        is_active, channel = item.resource.get("active") is not False, delivery_channel(item, extensions)
        self._findings.report(item)
        return _Session(offer, shared, is_active, channel)

    def _label(self, text: str | None) -> str:
        """On one line and of bounded length, because it comes back in a booking; the few there are, once."""
        if text is None:
            return ""
        label = self._labels.get(text)
        if label is None:
            plain = "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
            label = self._labels[text] = plain[:_LONGEST_LABEL].strip()
        return label


def _split(bundle: JsonObject) -> tuple[list[JsonObject], BundleIndex]:
    """The slots, which nothing refers to, and an index of everything else."""
    slots: list[JsonObject] = []
    others: list[object] = []
    entries = bundle.get("entry")
    for entry in entries if type(entries) is list else ():
        resource = entry.get("resource") if type(entry) is dict else None
        if type(resource) is dict and resource.get("resourceType") == "Slot":
            slots.append(resource)
        else:
            others.append(entry)
    return slots, index_bundle({"entry": others})


def _ref(slot: JsonObject) -> str:
    """How a slot is named in what is said about it."""
    slot_id = slot.get("id")
    return f"Slot/{slot_id}" if is_logical_id(slot_id) else "Slot"
