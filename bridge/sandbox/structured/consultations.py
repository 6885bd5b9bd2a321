"""A consultation with the lists that tell its content, as a conformant provider sends them (§5.2)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.sandbox.structured.builder import Builder
from bridge.sandbox.structured.clinical import NOTE_CODE, bare_observation, held, uk_extension
from bridge.sandbox.structured.elements import CODES, coded, to
from bridge.sandbox.structured.entries import HeldEntry

Json = dict[str, Any]

_LISTS: Final = {
    "consultation": ("325851000000107", "Consultation"),
    "topic": ("25851000000105", "Topic"),
    "heading": ("24781000000107", "Category"),
}


@dataclass(frozen=True, slots=True)
class ContentPart:
    """A topic or a heading of a consultation.

    Attributes:
        title: None leaves it out.
        content: entries, words that were written, or a placeholder (a dict with ``display``).
        headings: of a topic; then it has no content of its own in a conformant provider's answer.
        problems: that a topic is about.
    """

    title: str | None
    content: Sequence[HeldEntry | str | Json] = ()
    headings: Sequence["ContentPart"] = ()
    problems: Sequence[HeldEntry] = ()


def consultation(
    b: Builder,
    *topics: ContentPart,
    on: str = "2024-03-05T09:30:00+00:00",
    kind: Json | None = None,
    draft: bool = False,
) -> HeldEntry:
    """An Encounter, and the lists that hold its content together."""
    encounter = b.clinical("Encounter") | {
        "status": "unknown" if draft else "finished",
        "type": [kind or {"text": "GP Surgery"}],
        "subject": to(b.patient),
        "participant": [
            {
                "type": [coded("REC", "recorder", system=CODES + "GPConnect-ParticipantType-1")],
                "individual": to(b.gp),
            },
            {
                "type": [
                    coded("PPRF", "primary performer", system="http://hl7.org/fhir/v3/ParticipationType")
                ],
                "individual": to(b.gp),
            },
        ],
        "period": {"start": on},
        "length": {"value": 10, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"},
        "serviceProvider": to(b.practice),
    }
    structure = _Structure(b, encounter)
    structure.add("consultation", "GP Surgery", [to(structure.topic(topic)) for topic in topics])
    entry = HeldEntry("includeConsultations", encounter, structure.made, structure.linked, on, on)
    return held(b, entry)


@dataclass(slots=True)
class _Structure:
    """The lists of one consultation, and what they name."""

    b: Builder
    encounter: Json
    made: list[Json] = field(default_factory=list)
    linked: list[HeldEntry] = field(default_factory=list)

    def topic(self, topic: ContentPart) -> Json:
        items = [to(self.add("heading", each.title, self._items(each))) for each in topic.headings]
        made = self.add("topic", topic.title, items + self._items(topic))
        if topic.problems:
            made["extension"] = [
                uk_extension("RelatedProblemHeader", valueReference=to(each.resource))
                for each in topic.problems
            ]
            self.linked += topic.problems
        return made

    def _items(self, part: ContentPart) -> list[Json]:
        items = []
        for each in part.content:
            if isinstance(each, HeldEntry):
                self.linked.append(each)
                items.append(to(each.resource))
            elif isinstance(each, str):
                written = words(self.b, each, context=self.encounter)
                self.made.append(written)
                items.append(to(written))
            else:
                items.append(each)
        return items

    def add(self, kind: str, title: str | None, items: Sequence[Json]) -> Json:
        code, display = _LISTS[kind]
        made = self.b.clinical("List") | {
            "status": "current",
            "mode": "snapshot",
            **({"title": title} if title else {}),
            "code": coded(code, display),
            "subject": to(self.b.patient),
            "encounter": to(self.encounter),
            "date": "2024-03-05T09:45:00+00:00",
            "orderedBy": coded("system", "Sorted by System", system="http://hl7.org/fhir/list-order"),
            "entry": [{"item": item} for item in items],
        }
        # Structure lists have no identifier (§5.2).
        del made["identifier"]
        self.made.append(made)
        return made


def words(b: Builder, text: str, *, context: Json | None = None) -> Json:
    """What was written in words: an Observation that no list of an area names (§5.4.4)."""
    return bare_observation(b, NOTE_CODE) | {"comment": text, **({"context": to(context)} if context else {})}
