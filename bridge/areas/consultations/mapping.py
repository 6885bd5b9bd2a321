"""Encounter, and the lists that name it, to `Consultation` (digest §5.2)."""

from collections.abc import Iterator
from typing import Final

from bridge.areas.consultations.model import (
    Consultation,
    ConsultationStatus,
    Heading,
    Narrative,
    Participant,
    ParticipantRole,
    Topic,
)
from bridge.areas.consultations.narrative import is_narrative, read_narrative
from bridge.areas.consultations.options import ConsultationOptions
from bridge.areas.consultations.structure import ContentList, Section, Structure, Structures
from bridge.areas.spec import AreaAnswer
from bridge.fhir.index import ReceivedEntry
from bridge.fhir.read import NOTHING, Item, JsonObject, best_text, first_code, target_of
from bridge.mapping.coded import DEGRADED_RECORD_ENTRY, coded_text
from bridge.mapping.items import newest_first
from bridge.mapping.modifiers import note_modifiers
from bridge.mapping.provenance import item_id, keep_apart, provenance
from bridge.mapping.reading import COPY, Reading
from bridge.mapping.set_aside import note_set_aside
from bridge.mapping.values import period, simple_quantity
from bridge.record.common import Link, Party

_AREA: Final = "consultations"
_NOT_PLACED: Final = "The consultation that these words were written in was not sent."
_NO_WORDS: Final = "A note of a consultation holds no words."
_STATUSES: Final[dict[str, ConsultationStatus]] = {"finished": "finished", "unknown": "draft"}
_ROLES: Final[dict[str, ParticipantRole]] = {
    "REC": "recorder",
    "PPRF": "primary_performer",
    "PART": "participant",
    "AUT": "author",
    "AUTH": "author",  # the specification's own samples
}
_SET_ASIDE: Final = frozenset(
    {
        "appointment",
        "diagnosis",
        "episodeOfCare",
        "hospitalization",
        "incomingReferral",
        "partOf",
        "priority",
        "reason",
    }
)
_MINUTES: Final = frozenset({"min", "mins", "minute", "minutes"})


def map_consultations(answer: AreaAnswer[ConsultationOptions]) -> list[Consultation]:
    """Every consultation of the bundle; the newest first."""
    reading = answer.reading
    structures, words = Structures(reading), _Words(reading)
    found: list[Consultation] = []
    # Words that two of them name stand in the first, which must not be a matter of the order of the answer.
    for received in sorted(reading.distinct("Encounter", _AREA), key=reading.index.key_of):
        mapper = _Mapper(reading, structures.of(received.ref), words)
        consultation = reading.read(received, _AREA, mapper.consultation)
        if consultation is not None:
            reading.keep(received)
            words.show(consultation)
            found.append(consultation)
        else:
            words.forget()
    words.place_the_rest(found)
    structures.set_strays_aside()
    keep_apart(reading, found)
    return newest_first(found, lambda each: each.get("started"))


class _Words:
    """The words written in consultations, each told in one of them."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._followed: set[str] = set()
        """What entries named."""
        self._told: set[tuple[str, str]] = set()
        self._telling: list[ReceivedEntry] = []
        """Those in the consultation that is being read."""
        self._refs = {each.ref for each in reading.of_area("Observation", is_narrative)}

    def told(self, part: ContentList, entry: JsonObject) -> Iterator[tuple[Narrative, list[str]]]:
        """The words that an entry leads to and their issue codes, unless they stand somewhere already."""
        for received in self._found(part, entry):
            if is_narrative(self._reading, received) and (read := self._read(received)) is not None:
                self._telling.append(received)
                yield read

    def show(self, consultation: Consultation) -> None:
        """Count the words of the consultation that was read as standing in it."""
        for received in self._telling:
            self._reading.show(received, consultation)
            self._told.add(self._reading.index.key_of(received))
        self._telling = []

    def forget(self) -> None:
        """End with a consultation that could not be read and so tells nothing."""
        self._telling = []

    def place_the_rest(self, consultations: list[Consultation]) -> None:
        """Add what no list names to the consultation that it names, in a topic without a title at the end."""
        reading = self._reading
        of = {each["provenance"]["source_ref"]: each for each in reversed(consultations)}
        topics: dict[str, Topic] = {}
        for received in sorted(self._rest(), key=reading.index.key_of):
            if reading.index.key_of(received) in self._told:
                reading.set_aside(received, "duplicate_id", COPY, _AREA)
            elif (read := self._read(received)) is not None:
                item = Item(received.resource, received.ref)
                named = item.reference(received.resource.get("context"), "context")
                encounter = reading.index.resolve(named, "Encounter")
                if encounter is None or encounter.ref not in of:
                    words = read[0]["text"]
                    reading.set_aside(received, "dangling_reference", _NOT_PLACED, _AREA, display=words)
                    continue
                if encounter.ref not in topics:
                    topics[encounter.ref] = {"problems": [], "items": [], "narrative": [], "headings": []}
                    of[encounter.ref]["topics"].append(topics[encounter.ref])
                self._add(received, item, read, topics[encounter.ref], of[encounter.ref])

    def _add(
        self,
        received: ReceivedEntry,
        item: Item,
        read: tuple[Narrative, list[str]],
        topic: Topic,
        consultation: Consultation,
    ) -> None:
        link = self._reading.links.one(item, {"reference": received.ref}, "context")
        topic["items"] += [link] if link is not None else []
        topic["narrative"].append(read[0])
        codes = consultation["issue_codes"]
        codes += [code for code in read[1] if code not in codes]
        self._reading.show(received, consultation)
        self._told.add(self._reading.index.key_of(received))

    def _rest(self) -> Iterator[ReceivedEntry]:
        for received in self._reading.of_area("Observation", is_narrative):
            if id(received.resource) not in self._reading.mapped:
                yield received

    def _found(self, part: ContentList, entry: JsonObject) -> list[ReceivedEntry]:
        """What an entry leads to, the first time that one does."""
        target = target_of(entry)
        if target is None:
            return []
        if is_inside := target.startswith("#"):
            name = f"{id(part)}{target}"
        elif (name := target if "/" in target else f"Observation/{target}") not in self._refs:
            return []
        if name in self._followed:
            return []
        self._followed.add(name)
        if is_inside:
            resource = part.contained.get(target[1:])
            if resource is None or resource.get("resourceType") != "Observation":
                return []
            return [ReceivedEntry("Observation", f"{part.item.ref}{target}", resource)]
        return self._reading.index.variants(target, "Observation")

    def _read(self, received: ReceivedEntry) -> tuple[Narrative, list[str]] | None:
        read = self._reading.read(received, _AREA, lambda item: (read_narrative(self._reading, item), item))
        if read is None or read[0] is None:
            self._reading.set_aside(received, "malformed", _NO_WORDS, _AREA)
            return None
        return read[0], read[1].codes()


class _Mapper:
    """Maps one consultation."""

    def __init__(self, reading: Reading, structure: Structure, words: _Words) -> None:
        self._reading = reading
        self._structure = structure
        self._words = words
        self._codes: list[str] = []
        """Issue codes of its lists and its words."""
        self._lists: dict[int, Item] = {}
        """Its lists, for what is noticed about their links."""

    def consultation(self, item: Item) -> Consultation:
        """The consultation; `item` is its Encounter."""
        reading, resource = self._reading, item.resource
        types = item.many(resource.get("type"), "type") or [NOTHING]
        participants = list(_participants(reading, item))
        origin = provenance(
            reading,
            item,
            recorder=_in_role(participants, "recorder"),
            author=_in_role(participants, "primary_performer"),
        )
        status = item.code(resource.get("status"), "status")
        consultation: Consultation = {
            "item_id": item_id(item, origin["business_ids"]),
            "encounter_type": coded_text(item, types[0], "type", degrade_to=DEGRADED_RECORD_ENTRY),
            "status": _STATUSES.get(status or "", "unknown"),
            "participants": participants,
            "location": _locations(reading, item),
            "topics": [self._topic(each) for each in self._structure.topics],
            "provenance": origin,
            "issue_codes": [],
        }
        if len(types) > 1:
            consultation["further_types"] = [coded_text(item, each, "type") for each in types[1:]]
        if consultation["status"] == "unknown":
            item.note("unknown_status", "status")
            if status is not None:
                consultation["source_status"] = status
        if not consultation["topics"]:
            item.note("content_not_sent")
        if len(reading.index.variants(item.ref)) > 1:
            item.note("duplicate_id")  # nobody can tell to which of them the lists belong
        _add_details(reading, item, consultation)
        reading.growth.repeat(len(participants) + len(consultation["location"]))
        self._add_of_lists(consultation)
        note_set_aside(item, resource, _SET_ASIDE)
        if "extension" in resource:
            item.note("unknown_extension", "extension")
        note_modifiers(reading, item)
        consultation["issue_codes"] = list(dict.fromkeys([*item.codes(), *self._codes_of_lists()]))
        return consultation

    def _add_of_lists(self, consultation: Consultation) -> None:
        """What the lists of the consultation as a whole say; usually there is one."""
        roots = self._structure.roots
        if titles := list(dict.fromkeys(each.title for each in roots if each.title is not None)):
            consultation["title"] = "; ".join(titles)
        if edited := [each.edited_at for each in roots if each.edited_at is not None]:
            consultation["edited_at"] = edited[0]
        sent = [(each, problem) for each in roots for problem in each.problems]
        if problems := self._links(sent, "extension"):
            consultation["problems"] = problems

    def _codes_of_lists(self) -> list[str]:
        """The issue codes of the lists; what their links gave is reported."""
        for item in self._lists.values():
            self._reading.report_all(item)
        of_parts = [code for part in self._structure.parts for code in part.item.codes()]
        return [*of_parts, *(code for item in self._lists.values() for code in item.codes()), *self._codes]

    def _topic(self, section: Section) -> Topic:
        return {**self._heading(section), "headings": [self._heading(each) for each in section.headings]}

    def _heading(self, section: Section) -> Heading:
        narrative = [told for part, entry in section.entries for told in self._words.told(part, entry)]
        self._codes += [code for _, codes in narrative for code in codes]
        heading: Heading = {
            "problems": self._links(section.problems, "extension"),
            "items": self._links(section.entries, "entry.item"),
            "narrative": [words for words, _ in narrative],
        }
        if section.title is not None:
            heading["title"] = section.title
        return heading

    def _links(self, sent: list[tuple[ContentList, JsonObject]], path: str) -> list[Link]:
        found: list[Link] = []
        links = self._reading.links
        for part, reference in sent:
            item = self._lists.get(id(part))
            if item is None:
                item = Item(part.item.resource, part.item.ref, self._reading.dates)
                self._lists[id(part)] = item
            if (link := links.one(item, reference, path)) is not None:
                found.append(link)
            else:
                item.note("unreadable_element", path)
        return found


def _participants(reading: Reading, item: Item) -> Iterator[Participant]:
    """Who took part, once for each role."""
    for sent in item.many(item.resource.get("participant"), "participant"):
        party = reading.parties.party(item, sent.get("individual"), "participant.individual")
        kinds = item.many(sent.get("type"), "participant.type")
        for role, words in dict.fromkeys(_role(each) for each in kinds) or {("unknown", None): None}:
            participant: Participant = {"role": role, "party": party or {"kind": "unknown"}}
            if role == "unknown":
                item.note("unknown_role", "participant.type")
                if words is not None:
                    participant["role_as_sent"] = words
            yield participant


def _role(concept: JsonObject) -> tuple[ParticipantRole, str | None]:
    """A role by its code, whatever the system: samples and suppliers name three (OD-42)."""
    code = first_code(concept)
    if code is not None and code.upper() in _ROLES:
        return _ROLES[code.upper()], None
    return "unknown", best_text({"code": concept}) or code


def _in_role(participants: list[Participant], role: ParticipantRole) -> Party | None:
    return next((each["party"] for each in participants if each["role"] == role), None)


def _locations(reading: Reading, item: Item) -> list[Party]:
    sent = item.many(item.resource.get("location"), "location")
    found = (reading.parties.party(item, each.get("location", each), "location") for each in sent)
    return [each for each in found if each is not None]


def _add_details(reading: Reading, item: Item, consultation: Consultation) -> None:
    resource = item.resource
    started, ended = period(item, resource.get("period"), "period")
    if started is not None:
        consultation["started"] = started
    if ended is not None:
        consultation["ended"] = ended
    if "length" in resource:
        length = simple_quantity(item, item.one(resource["length"], "length"), "length")
        unit = length.get("unit_code") or length.get("unit") or ""
        is_plain = "value" in length and "value_as_sent" not in length and "comparator" not in length
        if is_plain and unit.lower() in _MINUTES:
            consultation["length_minutes"] = length["value"]
        elif length:
            consultation["length"] = length
    provider = reading.parties.party(item, resource.get("serviceProvider"), "serviceProvider")
    if provider is not None:
        consultation["service_provider"] = provider
