"""Consultations to Encounter and List of R4: the tree of lists that GP Connect has, built of the record.

A consultation is a List of topics, a topic one of its entries and its headings, a heading one of its
entries; each names what stands in it, in its order. Words that were written in it are Observations, coded as
comments, as GP Connect has them. What the practice could only name stands in its place, in words.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from bridge.fhir.systems import SNOMED
from bridge.record import Quantity
from bridge.renderings.fhir_r4.amounts import UCUM, is_of_ucum
from bridge.renderings.fhir_r4.common import Resource, absent, concept, concept_of, put, put_date, quantity
from bridge.renderings.fhir_r4.items import Told, links, note, put_instant, put_period, put_status, start
from bridge.renderings.fhir_r4.observation import STATUSES as OBSERVATION_STATUSES
from bridge.renderings.fhir_r4.problems import related_problem
from bridge.renderings.fhir_r4.scope import PARTIES, R4Scope
from bridge.renderings.fhir_r4.uk_core import CODES
from bridge.renderings.rendering import Lost

_STATUSES: Final = frozenset(
    {
        "planned",
        "arrived",
        "triaged",
        "in-progress",
        "onleave",
        "finished",
        "cancelled",
        "entered-in-error",
        "unknown",
    }
)
_FINISHED: Final = "finished"
"""What the page says of words, where systems send ``final`` (OD-34)."""
_CONSULTATION: Final = "325851000000107", "Consultation"
_TOPIC: Final = "25851000000105", "Topic (EHR)"
_HEADING: Final = "24781000000107", "Category (EHR)"
_COMMENT: Final = "37331000000100", "Comment note"
_PARTICIPATION: Final = f"{CODES}v3-ParticipationType"
_ROLES: Final[Mapping[str, Resource]] = {
    "recorder": {
        "system": "https://fhir.nhs.uk/STU3/CodeSystem/GPConnect-ParticipantType-1",
        "code": "REC",
        "display": "recorder",
    },
    "primary_performer": {"system": _PARTICIPATION, "code": "PPRF", "display": "primary performer"},
    "participant": {"system": _PARTICIPATION, "code": "PART", "display": "Participation"},
    "author": {"system": _PARTICIPATION, "code": "AUT", "display": "author (originator)"},
}
_INDIVIDUALS: Final = frozenset({"Practitioner", "PractitionerRole", "RelatedPerson"})
_OF_LIST: Final = ("title", "edited_at", "problems")
_DRAFT: Final = "Draft: not finished by whoever wrote it."


LOSSES: Final[Sequence[Lost]] = (
    Lost("consultations.items.length", "Of a length that is told in minutes too, the minutes alone."),
)


def resources(items: Sequence[Told], scope: R4Scope) -> list[Resource]:
    """An Encounter for each item, followed by its lists and by the words that were written in it."""
    found: dict[str, Resource] = {}
    for item in items:
        for resource in _consultation(scope, item):
            # Words that stand in several places are written once.
            found.setdefault(resource["id"], resource)
    return list(found.values())


def _consultation(scope: R4Scope, item: Told) -> Iterator[Resource]:
    yield _encounter(scope, item)
    if item["topics"] or item["status"] == "draft" or any(name in item for name in _OF_LIST):
        yield from _ListsOfConsultation(scope, item).all()


def _encounter(scope: R4Scope, item: Told) -> Resource:
    resource = start(scope, "Encounter", item)
    # A draft is sent as unknown, and is that here too: its lists say that they are worked on.
    as_sent = "unknown" if item["status"] == "draft" else item["status"]
    put_status(resource, item.get("source_status", as_sent), _STATUSES)
    resource["class"] = absent("unknown")  # GP Connect has none, and R4 demands one
    resource["type"] = [
        concept(each, scope.profile) for each in (item["encounter_type"], *item.get("further_types", ()))
    ]
    resource["subject"] = scope.patient
    if item["participants"]:
        resource["participant"] = [_participant(scope, each) for each in item["participants"]]
    put_period(resource, "period", item.get("started"), item.get("ended"))
    if "length_minutes" in item:
        resource["length"] = {"value": item["length_minutes"], "unit": "min", "system": UCUM, "code": "min"}
    elif "length" in item:
        resource["length"] = _length(item["length"])
    if item["location"]:
        resource["location"] = [{"location": scope.party(each, {"Location"})} for each in item["location"]]
    if "service_provider" in item:
        resource["serviceProvider"] = scope.party(item["service_provider"], {"Organization"})
    return resource


def _participant(scope: R4Scope, item: Told) -> Resource:
    role = item["role"]
    kind: Resource = {"coding": [_ROLES[role]]} if role in _ROLES else {}
    if "role_as_sent" in item:
        kind["text"] = item["role_as_sent"]
    found = {"type": [kind]} if kind else {}
    return {**found, "individual": scope.party(item["party"], _INDIVIDUALS)}


def _length(item: Quantity) -> Resource:
    """A Duration has a unit of UCUM, or none that is coded (drt-1)."""
    length = quantity(item)
    if not is_of_ucum(item):
        for name in ("system", "code"):
            length.pop(name, None)
    return length


class _ListsOfConsultation:
    """The lists of one consultation."""

    def __init__(self, scope: R4Scope, item: Told) -> None:
        self._scope = scope
        self._item = item
        self._encounter = scope.reference(item["provenance"]["source_ref"])

    def all(self) -> Iterator[Resource]:
        """The list of its topics, and after it each topic with its headings."""
        topics = self._item["topics"]
        names = [f"topic {number}" for number in range(len(topics))]
        top = self._list("topics", _CONSULTATION, self._item)
        put_date(top, "date", self._item.get("edited_at"))
        put(top, entry=[self._entry(name) for name in names])
        yield top
        for name, topic in zip(names, topics, strict=True):
            headings = [f"{name} heading {number}" for number in range(len(topic["headings"]))]
            yield from self._section(name, _TOPIC, topic, [self._entry(each) for each in headings])
            for each, heading in zip(headings, topic["headings"], strict=True):
                yield from self._section(each, _HEADING, heading, [])

    def _entry(self, name: str) -> Resource:
        """An entry that leads to one of its own lists."""
        return {"item": {"reference": f"urn:uuid:{self._derived(name)['id']}"}}

    def _derived(self, name: str) -> Resource:
        return self._scope.derived("List", self._item, name)  # type: ignore[arg-type]  # an item of the area

    def _section(
        self, name: str, code: tuple[str, str], section: Told, below: list[Resource]
    ) -> Iterator[Resource]:
        resource = self._list(name, code, section)
        entries = [{"item": each} for each in links(self._scope, section["items"])]
        put(resource, entry=[*entries, *below])
        yield resource
        yield from (self._words(each) for each in section["narrative"])

    def _list(self, name: str, code: tuple[str, str], section: Told) -> Resource:
        resource = self._derived(name)
        if section.get("problems"):
            resource["extension"] = [related_problem(self._scope, each) for each in section["problems"]]
        is_draft = self._item["status"] == "draft"
        resource["status"] = "current"
        resource["mode"] = "working" if is_draft else "snapshot"
        if "title" in section:
            resource["title"] = section["title"]
        resource["code"] = concept_of(SNOMED, *code)
        resource["subject"] = self._scope.patient
        resource["encounter"] = self._encounter
        if is_draft:
            resource["note"] = [note(_DRAFT)]
        return resource

    def _words(self, item: Told) -> Resource:
        """Words of a consultation, as an Observation; what they are about is its focus."""
        resource = start(self._scope, "Observation", item)
        sent = item.get("source_status", item.get("status"))
        put_status(resource, "final" if sent == _FINISHED else sent, OBSERVATION_STATUSES)
        resource["code"] = concept_of(SNOMED, *_COMMENT)
        resource["subject"] = self._scope.patient
        if "about" in item:
            resource["focus"] = links(self._scope, item["about"])
        resource["encounter"] = self._encounter
        put_date(resource, "effectiveDateTime", item.get("effective"))
        put_instant(resource, "issued", item.get("recorded_at"))
        if item["performers"]:
            resource["performer"] = [self._scope.party(each, PARTIES) for each in item["performers"]]
        resource["note"] = [note(item["text"])]
        return resource
