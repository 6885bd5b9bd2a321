"""Places, people and ways to reach them, as slots, appointments and patients name them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

import orjson

from bridge.fhir import systems
from bridge.fhir.index import BundleIndex
from bridge.fhir.read import Item, JsonObject, code_in, extension_value, first_code, is_old
from bridge.mapping.issues import issue_of
from bridge.record.appointments import Address, Clinician, ContactPoint, JobRole, Place, SlotSession
from bridge.record.common import Issue
from bridge.record.retrieval import Unmapped, UnmappedReason
from bridge.values import dataclass

_LONGEST_NAME: Final = 200
"""Characters of the words of a reference: they name somebody, or some place."""
_LARGEST_SHARED: Final = 8 * 1024
"""Bytes, as JSON, of what many slots repeat. Real places and people take a few hundred."""


class Findings:
    """What was noticed, each once, and what was set aside.

    Attributes:
        issues, unmapped: as they stand in what is published.
    """

    def __init__(self) -> None:
        self.issues: list[Issue] = []
        self.unmapped: list[Unmapped] = []
        self._known: set[tuple[str, str, str]] = set()

    def report(self, item: Item) -> None:
        """Take over what was noted while a resource was read."""
        for code, path in item.notes:
            self._add(code, item.ref, path)

    def report_answer(self, codes: Iterable[str]) -> None:
        """Tell what concerns an answer as a whole."""
        for code in codes:
            self._add(code)

    def _add(self, code: str, ref: str | None = None, path: str | None = None) -> None:
        key = code, ref or "", path or ""
        if key in self._known:
            return
        self._known.add(key)
        self.issues.append(issue_of(code, ref, path))

    def set_aside(self, ref: str, reason: UnmappedReason, detail: str) -> None:
        """List something received that is not among the items."""
        self.unmapped.append({"source_ref": ref, "reason": reason, "detail": detail})


@dataclass(frozen=True, slots=True)
class ReferencedActor:
    """Who, or where: as a reference names it.

    Attributes:
        id: its logical id.
        display: the words of the reference.
    """

    id: str
    display: str | None


def place(index: BundleIndex, actor: ReferencedActor) -> Place:
    """A location; its id and the words of the reference when it was not sent."""
    named: Place = {"location_id": actor.id}
    if actor.display is not None:
        named["name"] = actor.display
    received = index.resolve(f"Location/{actor.id}")
    if received is None:
        return named
    found, item = named.copy(), Item(received.resource, received.ref)
    if (name := item.text(item.resource.get("name"), "name")) is not None:
        found["name"] = name
    if addresses := addresses_of(item):
        found["address"] = addresses[0]
    if contacts := contacts_of(item):
        found["contacts"] = contacts
    return found if is_small(found) else named


def clinician(index: BundleIndex, actor: ReferencedActor) -> Clinician:
    """A practitioner; the id and the words of the reference when nothing else was sent (AP-018)."""
    named: Clinician = {"practitioner_id": actor.id}
    if actor.display is not None:
        named["name"] = actor.display
    received = index.resolve(f"Practitioner/{actor.id}")
    if received is None:
        return named
    found, item = named.copy(), Item(received.resource, received.ref)
    names = (spoken_name(item, sent) for sent in item.many(item.resource.get("name"), "name"))
    if (name := next(filter(None, names), None)) is not None:
        found["name"] = name
    if (gender := item.code(item.resource.get("gender"), "gender")) is not None:
        found["gender"] = gender
    for identifier in item.many(item.resource.get("identifier"), "identifier"):
        kind = systems.PROFESSIONAL_IDS.get(str(identifier.get("system")))
        if kind == "sds_user_id" and not is_old(identifier):
            if (value := item.code(identifier.get("value"), "identifier.value")) is not None:
                found["sds_user_id"] = value
            break
    return found if is_small(found) else named


def spoken_name(item: Item, name: JsonObject) -> str | None:
    """A HumanName as it is spoken. From 1.6.2 it comes in parts, or as one text and then without a family."""
    if (text := item.text(name.get("text"), "name.text")) is not None:
        return text
    return " ".join(part for key in ("prefix", "given", "family") for part in words(name.get(key))) or None


def words(sent: object) -> list[str]:
    """The texts of a list, or one alone, without the blanks around them."""
    listed = sent if isinstance(sent, list) else [sent]
    return [each.strip() for each in listed if isinstance(each, str) and each.strip()]


def job_role(item: Item, extensions: Mapping[str, list[JsonObject]]) -> JobRole | None:
    """The role of whoever gives an appointment, from its extension on a schedule or an appointment."""
    for extension in extensions.get(systems.PRACTITIONER_ROLE, ()):
        concept = extension_value(extension)
        code = code_in(concept, systems.JOB_ROLE) or first_code(concept)
        term = term_of(item, concept, "practitionerRole") or code
        if term is not None:
            return {"term": term, "code": code} if code is not None else {"term": term}
    return None


def delivery_channel(item: Item, extensions: Mapping[str, list[JsonObject]]) -> str | None:
    """How an appointment takes place."""
    for extension in extensions.get(systems.DELIVERY_CHANNEL, ()):
        if (channel := item.code(extension_value(extension), "deliveryChannel")) is not None:
            return channel
    return None


def term_of(item: Item, sent: object, path: str) -> str | None:
    """The words of a CodeableConcept, or of the first of several: its text, else a display."""
    for concept in item.many(sent, path):
        if (text := item.text(concept.get("text"), path)) is not None:
            return text
        for coding in item.many(concept.get("coding"), path):
            if (display := item.text(coding.get("display"), path)) is not None:
                return display
    return None


def addresses_of(item: Item) -> list[Address]:
    """Postal addresses, in the order sent."""
    found: list[Address] = []
    for sent in item.many(item.resource.get("address"), "address"):
        address: Address = {"lines": words(sent.get("line")) or words(sent.get("text"))}
        if (use := item.code(sent.get("use"), "address.use")) is not None:
            address["use"] = use
        if (city := item.text(sent.get("city"), "address.city")) is not None:
            address["city"] = city
        if (district := item.text(sent.get("district"), "address.district")) is not None:
            address["district"] = district
        if (postcode := item.code(sent.get("postalCode"), "address.postalCode")) is not None:
            address["postcode"] = postcode
        if (country := item.text(sent.get("country"), "address.country")) is not None:
            address["country"] = country
        if address["lines"] or len(address) > 1:
            found.append(address)
    return found


def contacts_of(item: Item, holder: JsonObject | None = None) -> list[ContactPoint]:
    """Numbers and addresses by which somebody is reached; practices send one object for a list."""
    sent = (item.resource if holder is None else holder).get("telecom")
    found: list[ContactPoint] = []
    for each in item.many(sent, "telecom"):
        value = item.code(each.get("value"), "telecom.value")
        if value is None:
            continue
        contact: ContactPoint = {"value": value}
        if (system := item.code(each.get("system"), "telecom.system")) is not None:
            contact["system"] = system
        if (use := item.code(each.get("use"), "telecom.use")) is not None:
            contact["use"] = use
        found.append(contact)
    return found


def moment(value: object) -> tuple[str, datetime | None]:
    """A date-time with its offset, as sent and as a moment; None for anything else."""
    if not isinstance(value, str):
        return "", None
    written = value.strip()
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return written, None
    return written, moment if moment.tzinfo else None


def actors_of(item: Item, references: Iterable[object], kind: str) -> list[ReferencedActor]:
    """What those references name that point at one type of resource."""
    found: list[ReferencedActor] = []
    for each in references:
        type_, _, logical_id = (item.reference(each, "actor") or "").partition("/")
        if type_ == kind and logical_id:
            found.append(ReferencedActor(logical_id, display_of(item, each)))
    return found


def words_alone(item: Item, references: Iterable[object]) -> list[str]:
    """The words of those references that point at nothing: nobody knows of whom, or of what, they are."""
    named = (display_of(item, each) for each in references if item.reference(each, "actor") is None)
    return [words for words in named if words is not None]


def display_of(item: Item, reference: object) -> str | None:
    """The words of a reference."""
    words = item.text(item.one(reference, "actor").get("display"), "actor.display")
    return None if words is None else words[:_LONGEST_NAME]


def is_small(shared: Place | Clinician | SlotSession) -> bool:
    """Whether any number of slots or appointments may repeat this."""
    return len(orjson.dumps(shared)) <= _LARGEST_SHARED
