"""The lists that tell the content of a consultation: topics, and the headings of each (digest §5.2).

Nothing leads from an Encounter to its lists: they name it. Systems bend the form: items where a topic or a
heading belongs, headings inside of headings, lists that nothing names, lists of one id. Whatever the form,
each entry comes out once and in its place; a list of no consultation is listed as unmapped.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from functools import partial
from typing import Final, Literal

from bridge.fhir.index import ReceivedEntry
from bridge.fhir.read import Item, JsonObject, extension_value, list_code, target_of
from bridge.mapping.modifiers import note_modifiers
from bridge.mapping.reading import Reading
from bridge.mapping.set_aside import note_set_aside
from bridge.record.common import PartialDate
from bridge.values import dataclass

ContentLevel = Literal["consultation", "topic", "heading"]
_LEVELS: Final[dict[str, ContentLevel]] = {
    "325851000000107": "consultation",
    "25851000000105": "topic",
    "24781000000107": "heading",
}
_STRAY: Final = "The consultation that this list is a part of was not sent."
_AREA: Final = "consultations"
_KNOWN_EXTENSIONS: Final = frozenset({"clinicalsetting", "problemreference", "relatedproblemheader"})
_SET_ASIDE: Final = frozenset({"note", "emptyReason"})
_CURRENT: Final = frozenset({"current", None})
_WHOLE: Final = frozenset({"snapshot", "working", None})


@dataclass(slots=True)
class ContentList:
    """One list of a consultation.

    Attributes:
        item: of the List, which takes the issues.
        contained: what stands inside of the List, by its local id.
        problems, entries: References as sent; an entry that names nothing is left out.
    """

    item: Item
    level: ContentLevel | None
    contained: dict[str, JsonObject]
    title: str | None
    problems: list[JsonObject]
    entries: list[JsonObject]
    edited_at: PartialDate | None


@dataclass(slots=True)
class Section:
    """A topic or a heading as it comes out: the entries of a list, or of a part of one.

    Attributes:
        entries: each with the ContentList that it stands in, by which it is read.
        headings: of a topic.
        is_artificial: it stands for entries that are in no topic, or in no heading.
    """

    title: str | None = None
    problems: list[tuple[ContentList, JsonObject]] = field(default_factory=list)
    entries: list[tuple[ContentList, JsonObject]] = field(default_factory=list)
    headings: list["Section"] = field(default_factory=list)
    is_artificial: bool = False


@dataclass(slots=True)
class Structure:
    """The lists of one consultation, in their order.

    Attributes:
        roots: the lists of the consultation as a whole; usually one.
        parts: every list, each of which says something of the consultation.
    """

    roots: list[ContentList] = field(default_factory=list)
    topics: list[Section] = field(default_factory=list)
    parts: list[ContentList] = field(default_factory=list)


class Structures:
    """The lists of all consultations of an answer; each is told in one of them."""

    def __init__(self, reading: Reading) -> None:
        """Read every one of them, each on its own."""
        self._reading = reading
        self._received: list[tuple[ReceivedEntry, ContentList]] = []
        self._placed: set[int] = set()
        """`id()` of the parts that are told."""
        self._named: dict[tuple[str, str | None], list[ContentList]] = {}
        """What is not told yet, by what names it and by the consultation that it names itself."""
        self._encounters: dict[str, set[str | None]] = {}
        """The consultations that lists of one name belong to."""
        self._of: dict[str, list[ContentList]] = {}
        """By the reference of the Encounter."""
        read: dict[tuple[str, str], ContentList] = {}
        for received in reading.index.resources("List"):
            if (level := _LEVELS.get(list_code(received.resource.get("code")) or "")) is None:
                continue
            # Lists without an id of their own are all called the same.
            if (key := reading.index.key_of(received)) in read:
                continue
            part = reading.read(received, _AREA, partial(_part, reading, level=level))
            if part is not None:
                read[key] = part
                self._received.append((received, part))
        # In an order that is not that of the answer.
        self._sort([read[key] for key in sorted(read)])

    def of(self, encounter: str) -> Structure:
        """The content of a consultation, by the reference of its Encounter; once."""
        return _StructureBuilder(encounter, self._of.pop(encounter, []), self._inner, self._placed).build()

    def set_strays_aside(self) -> None:
        """List as unmapped what is part of no consultation that was sent."""
        for received, part in self._received:
            if id(part) not in self._placed:
                self._reading.set_aside(received, "dangling_reference", _STRAY, _AREA, display=part.title)

    def _sort(self, parts: list[ContentList]) -> None:
        encounters = [self._encounter(part) for part in parts]
        for part, encounter in zip(parts, encounters, strict=True):
            self._name(part.item.ref, encounter, part)
            for local_id, resource in part.contained.items():
                if resource.get("resourceType") == "List" and self._is_own(resource):
                    inner = self._inside(part, local_id, resource)
                    self._name(f"{id(part)}#{local_id}", self._encounter(inner), inner)
        for part, encounter in zip(parts, encounters, strict=True):
            owner = self._of_all_in(part) if encounter is None and part.level == "consultation" else encounter
            if owner is not None:
                self._of.setdefault(owner, []).append(part)

    def _is_own(self, contained: JsonObject) -> bool:
        """What a list contains is not read as a resource by itself, which would tell."""
        return self._reading.identity.subject_of(contained) != "other"

    def _inside(self, outer: ContentList, local_id: str, resource: JsonObject) -> ContentList:
        item = Item(resource, f"{outer.item.ref}#{local_id}", self._reading.dates)
        part = _part(self._reading, item, level=_LEVELS.get(list_code(resource.get("code")) or ""))
        self._reading.report_all(item)
        return part

    def _name(self, name: str, encounter: str | None, part: ContentList) -> None:
        self._named.setdefault((name, encounter), []).append(part)
        self._encounters.setdefault(name, set()).add(encounter)

    def _encounter(self, part: ContentList) -> str | None:
        sent = part.item.one(part.item.resource.get("encounter"), "encounter")
        found = self._reading.index.resolve(target_of(sent), "Encounter")
        return found.ref if found is not None and found.kind == "Encounter" else None

    def _of_all_in(self, part: ContentList) -> str | None:
        """The one consultation that everything in a list belongs to, for want of its own word."""
        found: set[str | None] = set()
        for entry in part.entries:
            found |= self._encounters.get(_name(part, entry) or "", set())
            if len(found) > 1:
                return None
        return found.pop() if found else None

    def _inner(self, encounter: str, part: ContentList, entry: JsonObject) -> list[ContentList]:
        """The lists that an entry stands for: of this consultation, or of none; those not told yet."""
        if (name := _name(part, entry)) is None:
            return []
        found = self._named.pop((name, encounter), None) or self._named.pop((name, None), [])
        return [each for each in found if id(each) not in self._placed]


class _StructureBuilder:
    """Puts the lists of one consultation together."""

    def __init__(
        self,
        encounter: str,
        parts: Sequence[ContentList],
        inner: Callable[[str, ContentList, JsonObject], list[ContentList]],
        placed: set[int],
    ) -> None:
        self._encounter = encounter
        self._own = parts
        self._inner = inner
        self._placed = placed
        self._structure = Structure(roots=[each for each in parts if each.level == "consultation"])

    def build(self) -> Structure:
        """The structure; what is in it counts as told."""
        for root in self._structure.roots:
            if id(root) not in self._placed:
                self._take(root)
                for entry in root.entries:
                    self._add_entry(root, entry)
        for part in self._left():
            if id(part) not in self._placed:
                self._add_list(part)
        return self._structure

    def _left(self) -> list[ContentList]:
        """What no list leads to, and names the consultation all the same: topics, then headings of none."""
        left = [part for part in self._own if id(part) not in self._placed]
        named = {_name(part, entry) for part in left for entry in part.entries}
        # Those that name each other come last: what one of them leads to stands there.
        return sorted(left, key=lambda part: (part.item.ref in named, part.level != "topic"))

    def _take(self, part: ContentList) -> None:
        self._placed.add(id(part))
        self._structure.parts.append(part)

    def _add_entry(self, root: ContentList, entry: JsonObject) -> None:
        inner = self._inner(self._encounter, root, entry)
        for part in inner:
            self._add_list(part)
        if not inner:
            _put(self._artificial_topic(), root, entry)

    def _add_list(self, part: ContentList) -> None:
        if part.level == "heading":
            self._add_headings(self._artificial_topic(), [part])
        else:
            self._add_topic(part)

    def _artificial_topic(self) -> Section:
        """What is in no topic stands in one without a title, in its place (§5.2)."""
        topics = self._structure.topics
        if not topics or not topics[-1].is_artificial:
            topics.append(Section(is_artificial=True))
        return topics[-1]

    def _add_topic(self, part: ContentList) -> None:
        self._take(part)
        topic = _section(part)
        self._structure.topics.append(topic)
        for entry in part.entries:
            if inner := self._inner(self._encounter, part, entry):
                self._add_headings(topic, inner)
            else:
                _put(topic, part, entry)

    def _add_headings(self, topic: Section, parts: list[ContentList]) -> None:
        """Headings, and after each whatever is inside of it, however deep."""
        waiting = parts[::-1]
        open_parts: list[tuple[ContentList, Section, Iterator[JsonObject]]] = []
        while waiting or open_parts:
            if waiting:
                part = waiting.pop()
                self._take(part)
                section = _section(part)
                topic.headings.append(section)
                entries = iter(part.entries)
            else:
                part, section, entries = open_parts.pop()
            for entry in entries:
                if inner := self._inner(self._encounter, part, entry):
                    open_parts.append((part, section, entries))
                    waiting += inner[::-1]
                    break
                if topic.headings[-1] is not section:
                    section = Section(part.title)
                    topic.headings.append(section)
                section.entries.append((part, entry))


def _put(topic: Section, part: ContentList, entry: JsonObject) -> None:
    """Add what is in no heading: after one it stands in a heading without a title, in its place."""
    if topic.headings and not topic.headings[-1].is_artificial:
        topic.headings.append(Section(is_artificial=True))
    (topic.headings[-1] if topic.headings else topic).entries.append((part, entry))


def _section(part: ContentList) -> Section:
    return Section(part.title, problems=[(part, each) for each in part.problems])


def _part(reading: Reading, item: Item, *, level: ContentLevel | None) -> ContentList:
    resource = item.resource
    extensions = item.extensions(resource)
    if not _KNOWN_EXTENSIONS.issuperset(extensions):
        item.note("unknown_extension", "extension")
    named = [*extensions.get("relatedproblemheader", ()), *extensions.get("problemreference", ())]
    is_current = item.code(resource.get("status"), "status") in _CURRENT
    if not is_current or item.code(resource.get("mode"), "mode") not in _WHOLE:
        item.note("list_unusable")
    note_set_aside(item, resource, _SET_ASIDE)
    note_modifiers(reading, item)
    return ContentList(
        item=item,
        level=level,
        contained=dict(_contained(item)) if "contained" in resource else {},
        title=item.text(resource.get("title"), "title"),
        problems=[problem for each in named for problem in _problems(item, each)],
        entries=list(_entries(item)),
        edited_at=item.date(resource.get("date"), "date"),
    )


def _problems(item: Item, extension: JsonObject) -> Iterator[JsonObject]:
    """The references of one extension: plain on some lists, inside of `target` on others (OD-41)."""
    if (value := extension_value(extension)) is not None:
        yield from item.many(value, "extension")
    for part in item.extensions(extension).get("target", ()):
        yield from item.many(extension_value(part), "extension.target")


def _entries(item: Item) -> Iterator[JsonObject]:
    for entry in item.many(item.resource.get("entry"), "entry"):
        if entry.get("deleted") not in (None, False, "false"):
            item.note("list_entry_deleted", "entry.deleted")
        if sent := item.one(entry.get("item"), "entry.item"):
            yield sent
        else:
            item.note("unreadable_element", "entry.item")


def _contained(item: Item) -> Iterator[tuple[str, JsonObject]]:
    for resource in item.many(item.resource["contained"], "contained"):
        if (local_id := item.code(resource.get("id"), "contained.id")) is not None:
            yield local_id.removeprefix("#"), resource


def _name(part: ContentList, entry: JsonObject) -> str | None:
    """What an entry names: a list of the answer by its reference, one inside of `part` by that too."""
    target = target_of(entry)
    if target is None:
        return None
    if "/" in target:
        return target if target.startswith("List/") else None
    return f"{id(part)}{target}" if target.startswith("#") else f"List/{target}"
