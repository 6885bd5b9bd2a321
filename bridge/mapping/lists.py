"""The lists of a bundle: which area each stands for, what it names and warns of (digest §2.3 to §2.7)."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Final

from bridge.fhir import systems
from bridge.fhir.index import LONGEST_ID, ReceivedEntry, comparable_hash
from bridge.fhir.read import (
    Item,
    JsonObject,
    code_in,
    extension_name,
    extension_value,
    first_code,
    list_code,
    snomed_codes,
)
from bridge.mapping.modifiers import note_modifiers
from bridge.mapping.reading import Reading
from bridge.mapping.values import iso_day
from bridge.record.retrieval import AreaOutcome, AreaWarning, WarningCode
from bridge.values import dataclass

_USABLE_STATUSES = frozenset({"current", None})
_USABLE_MODES = frozenset({"snapshot", "working", None})
# Why a list is empty, without blanks and hyphens: what GP Connect sends (§2.5), then the codes of FHIR. All
# others, `nilknown` among them, are of no known meaning here.
_EMPTY: dict[str, AreaOutcome] = {
    "nocontentrecorded": "nothing_recorded",
    "withheld": "only_withheld",
    "unavailable": "unavailable",
    "notasked": "not_asked",
    "notstarted": "not_started",
    "closed": "closed",
}

_MENTIONED = ("withheld", "unavailable", "notasked", "notstarted")
_REASON_SYSTEMS = frozenset({systems.LIST_EMPTY_REASON, systems.HL7_EMPTY_REASON})

_FLAGS = re.IGNORECASE | re.DOTALL
_BEFORE_DAY = re.compile(r"before\s+(\d{1,2}-[a-z]{3}-\d{4})", _FLAGS)


@dataclass(frozen=True, slots=True)
class _Warning:
    """A warning: its standard words, how a note says it, and what the day it holds for comes after."""

    words: str
    in_note: re.Pattern[str]
    before_day: re.Pattern[str] | None = None

    def day(self, note: str) -> str | None:
        """The first day after the words; two searches, because one pattern for both may go back and forth."""
        start = self.before_day.search(note) if self.before_day else None
        found = _BEFORE_DAY.search(note, start.end()) if start else None
        return iso_day(found[1]) if found else None


_WARNINGS: dict[WarningCode, _Warning] = {
    "confidential-items": _Warning(
        "Items excluded due to confidentiality and/or patient preferences.",
        re.compile(r"excluded due to (confidentiality|patient preference)", _FLAGS),
    ),
    "data-in-transit": _Warning(
        "The transfer of the record from the previous practice is not complete; information may be missing.",
        re.compile(r"transfer from previous gp practice not yet complete", _FLAGS),
        re.compile(r"transfer from previous gp practice", _FLAGS),
    ),
    "data-awaiting-filing": _Warning(
        "Items in the practice's workflow have not been reviewed yet; information may be missing.",
        re.compile(r"in the gp practice workflow|awaiting review before becoming available", _FLAGS),
        re.compile(r"in the gp practice workflow", _FLAGS),
    ),
}
_UNKNOWN_WARNING = "The practice marked this list with a warning that is not known here."


@dataclass(slots=True)
class AreaList:
    """What the primary lists of one area say, all of them together.

    Attributes:
        targets: everything the lists name.
        firm: what they name without any doubt: not as deleted, and not in a list that is unusable.
        deleted: what they name as deleted.
        unusable: one of them is entered in error, not current, of changes only, or has `modifiers`.
        modifiers: codes of what stands on them and may change their meaning (`bridge.mapping.modifiers`).
        empty: what the reasons for being empty mean.
    """

    targets: set[str] = field(default_factory=set)
    firm: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    placeholders: list[str] = field(default_factory=list)
    unreadable: int = 0
    unusable: bool = False
    modifiers: set[str] = field(default_factory=set)
    codes: set[str | None] = field(default_factory=set)
    warnings: dict[str, AreaWarning] = field(default_factory=dict)
    notes: set[str] = field(default_factory=set)
    empty: set[AreaOutcome] = field(default_factory=set)
    empty_reason: str | None = None

    @property
    def listed(self) -> int:
        """Entries, placeholders included."""
        return len(self.targets) + len(self.placeholders) + self.unreadable

    @property
    def whole(self) -> bool:
        """Nothing about the lists themselves says that something is missing, or may be."""
        return not (self.warnings or self.unusable or self.deleted or self.empty - {"nothing_recorded"})


NO_LIST: Final = AreaList()
"""Of an area that no list was sent of; never changed."""
NameByContent = Callable[[Item, Sequence[ReceivedEntry]], str | None]
"""The name of a list that has no code, by the list and by what it contains."""


@dataclass(frozen=True, slots=True)
class ListRules:
    """Which lists there are.

    Attributes:
        area_of: the name of each list, by its SNOMED code; of several codes of one list the first counts.
        bare_ids: the type that an entry means which names an id alone, by the name of the list.
        contained: the types of resources that may be contained in a list.
        name_by_content: what names a list without a code; the first answer counts.
        owners: the areas that have secondary lists, of what comes along with them (§2.4).
    """

    area_of: Mapping[str, str]
    bare_ids: Mapping[str, str]
    contained: frozenset[str]
    name_by_content: Sequence[NameByContent]
    owners: tuple[str, ...] = ()

    def named(self, codes: Sequence[str]) -> str | None:
        """The name of a list of these SNOMED codes."""
        if len(codes) == 1:
            return self.area_of.get(codes[0])
        return next((name for code, name in self.area_of.items() if code in codes), None)

    def owner_of(self, code: str) -> str | None:
        """The area of a secondary list, with which its code begins; some systems send the title for it."""
        name = code.lower()
        return next((owner for owner in self.owners if name.startswith((f"{owner}-", f"{owner} "))), None)


@dataclass(frozen=True, slots=True)
class Contained:
    """A resource inside a list, named `List[code]#id`, and the name of that list."""

    received: ReceivedEntry
    area: str | None


@dataclass(slots=True)
class Lists:
    """The primary lists by name, what secondary ones say of themselves, and the resources contained in lists.

    Attributes:
        areas: by the name of the list.
        secondary: of what comes along with consultations or problems, by code; only their signals are read.
    """

    areas: dict[str, AreaList] = field(default_factory=dict)
    secondary: dict[str, AreaList] = field(default_factory=dict)
    contained: list[Contained] = field(default_factory=list)


def read_lists(reading: Reading, rules: ListRules) -> Lists:
    """Read every List of the bundle, each on its own.

    It fills `reading.codes_of` and `reading.links.in_lists`.
    """
    lists = Lists()
    codes_of: dict[str, set[str]] = {}
    for received in reading.index.resources("List"):
        if reading.identity.subject_of(received.resource) == "other":
            # Specification examples do this; the items' own subjects decide (CS-051).
            reading.report("list_subject_conflict", received.ref)
        reading.read(
            received,
            None,
            lambda item: _read_list(reading, rules, item, lists, codes_of),
            check_subject=False,
        )
    lists.contained = _without_copies(lists.contained)
    for each in lists.contained:
        named = f"{each.received.kind}/{each.received.ref.partition('#')[2]}"
        reading.links.in_lists.setdefault(named, []).append(each.received)
    for area in (*lists.areas.values(), *lists.secondary.values()):
        _warn(area)
    for target, codes in codes_of.items():  # nearly all are in one list
        reading.codes_of[target] = sorted(codes) if len(codes) > 1 else [*codes]
    return lists


def _read_list(
    reading: Reading, rules: ListRules, item: Item, lists: Lists, codes_of: dict[str, set[str]]
) -> None:
    concept = item.resource.get("code")
    snomed = snomed_codes(concept)
    code = snomed[0] if snomed else list_code(concept)
    contained = _contained(item, rules.contained)
    # Of several codes the one of active allergies counts before that of ended ones, in whatever order.
    area_name = rules.named(snomed)
    if area_name is None and contained:
        area_name = next(filter(None, (name(item, contained) for name in rules.name_by_content)), None)
    entries = item.many(item.resource.get("entry"), "entry")
    # What is contained in a list is read as an item, and speaks for itself alone.
    own = item.resource
    if "contained" in own:
        own = {key: value for key, value in own.items() if key != "contained"}
    modifiers = note_modifiers(reading, item, own)
    lists.contained += [Contained(each, area_name) for each in contained]
    if area_name is None:
        targets = [item.reference(entry.get("item"), "entry.item") for entry in entries]
        if code is not None and len(code) <= LONGEST_ID and rules.owner_of(code) is not None:
            _read_signals(item, lists.secondary.setdefault(code, AreaList()), is_empty=not entries)
    else:
        area = lists.areas.setdefault(area_name, AreaList())
        usable = _is_usable(item)
        if not usable:
            item.note("list_unusable")
        usable = usable and not modifiers
        area.unusable |= not usable
        area.modifiers |= modifiers
        # An entry of no readable form still names something.
        sent = item.resource.get("entry")
        area.unreadable += len(sent) - len(entries) if isinstance(sent, list) else 0
        targets = [
            _add_entry(item, area, entry, rules.bare_ids.get(area_name), usable=usable) for entry in entries
        ]
        _read_signals(item, area, is_empty=not entries)
    if code is not None and len(code) <= LONGEST_ID:
        for target in targets:
            if target is not None:
                codes_of.setdefault(target, set()).add(code)


def _is_usable(item: Item) -> bool:
    """Whether a list says what there is: not when it was a mistake, is old, or tells changes only."""
    status = item.code(item.resource.get("status"), "status")
    return status in _USABLE_STATUSES and item.code(item.resource.get("mode"), "mode") in _USABLE_MODES


def _without_copies(contained: list[Contained]) -> list[Contained]:
    """Each resource once, also where a practice sends the list that contains it twice."""
    refs = [each.received.ref for each in contained]
    if len(set(refs)) == len(refs):
        return contained
    return list(
        {(each.received.ref, comparable_hash(each.received.resource)): each for each in contained}.values()
    )


def _contained(item: Item, kinds: frozenset[str]) -> list[ReceivedEntry]:
    found: list[ReceivedEntry] = []
    if "contained" not in item.resource:
        return found
    for resource in item.many(item.resource["contained"], "contained"):
        kind = resource.get("resourceType")
        if type(kind) is str and kind in kinds:
            local_id = item.code(resource.get("id"), "contained.id") or "no id"
            found.append(ReceivedEntry(kind, f"{item.ref}#{local_id.removeprefix('#')}", resource))
        else:
            item.note("unreadable_element", "contained")
    return found


def _add_entry(
    item: Item, area: AreaList, entry: JsonObject, kind: str | None, *, usable: bool
) -> str | None:
    """Add one entry to its area; its target, a contained one with the list's own reference."""
    deleted = entry.get("deleted") not in (None, False, "false")
    if deleted:
        item.note("list_entry_deleted", "entry.deleted")
    if "flag" in entry:
        item.note("element_not_in_profile", "entry.flag")
    sent = item.one(entry.get("item"), "entry.item")
    target = item.reference(sent, "entry.item")
    if target is None or " " in target:
        # Some suppliers put the words of a placeholder where the reference belongs.
        words = item.text(sent.get("display"), "entry.item.display") or target
        if words is None:
            area.unreadable += 1
            item.note("unreadable_element", "entry.item")
        else:
            area.placeholders.append(words)
        return None
    if target.startswith("#"):
        target = item.ref + target
    elif "/" not in target and kind is not None:
        target = f"{kind}/{target}"
    area.targets.add(target)
    if deleted:
        area.deleted.add(target)
    elif usable:
        area.firm.add(target)
    return target


def _read_signals(item: Item, area: AreaList, *, is_empty: bool) -> None:
    notes = item.resource.get("note")
    for each in notes if isinstance(notes, list) else [notes]:
        text = item.text(each.get("text") if isinstance(each, dict) else each, "note")
        if text is not None:
            area.notes.add(text)
    for extension in item.extensions(item.resource).get("listwarningcode", ()):
        # A warning is never left out for its system.
        warning = extension_value(extension)
        area.codes.add(code_in(warning, systems.LIST_WARNING) or first_code(warning))
    reason = item.resource.get("emptyReason")
    if reason is None and not is_empty:
        return
    said = _reasons(item, reason)
    area.empty_reason = next(iter(said), area.empty_reason)
    meanings = set(said.values()) or {None}
    if None in meanings:
        item.note("empty_list_unexplained", "emptyReason")
    area.empty |= {meaning or "empty_unexplained" for meaning in meanings}


def _reasons(item: Item, reason: object) -> dict[str, AreaOutcome | None]:
    """Every reason given for an empty list, and what it means where that is known.

    A code of another system than the two that are known means nothing by itself. It is passed over beside one
    that does, as are words; but not one that speaks of more than an empty list.
    """
    if isinstance(reason, str):
        reason = {"coding": {"code": reason}}
    codes: list[str] = []
    others: list[str] = []
    words: list[str] = []
    concepts = item.many(reason, "emptyReason")
    for coding in (each for one in concepts for each in item.many(one.get("coding", one), "emptyReason")):
        system = item.code(coding.get("system"), "emptyReason")
        if (code := item.code(coding.get("code"), "emptyReason")) is not None:
            is_known = system is None or extension_name(system) in _REASON_SYSTEMS
            (codes if is_known else others).append(code)
        if (display := item.text(coding.get("display"), "emptyReason")) is not None:
            words.append(display)
    texts = [text for one in concepts if (text := item.text(one.get("text"), "emptyReason")) is not None]
    said = {code: _EMPTY.get(_letters(code)) for code in codes}
    if not said:
        said = {text: _meaning(text) for text in texts or ([] if others else words)}
    if not said:
        said = {f"unknown: {code}": None for code in others}
    for each in (*others, *texts, *words):
        if (meaning := _meaning(each)) not in (None, "nothing_recorded", *said.values()):
            said[each] = meaning
    return said


def _meaning(words: str) -> AreaOutcome | None:
    """What words for the reason mean: those of a code, or any that mention why there may be more."""
    letters = _letters(words)
    return next((_EMPTY[key] for key in _MENTIONED if key in letters), _EMPTY.get(letters))


def _letters(words: str) -> str:
    return "".join(letter for letter in words.lower() if letter.isalnum())


def _warn(area: AreaList) -> None:
    """Say what all lists of an area together warn of."""
    if not (area.notes or area.codes):
        return
    note = " ".join(sorted(area.notes))
    # A warning that stands only in the words counts too: withheld must not look like nothing recorded.
    for code in area.codes | {code for code, warning in _WARNINGS.items() if warning.in_note.search(note)}:
        warning = _warning(code, note)
        area.warnings[warning["code"]] = warning


def _warning(code: str | None, note: str) -> AreaWarning:
    for known, standard in _WARNINGS.items():
        if code == known:
            warning: AreaWarning = {"code": known, "text": note or standard.words}
            if (day := standard.day(note)) is not None:
                warning["missing_before"] = {"value": day, "precision": "day"}
            return warning
    return {"code": "other", "text": note or _UNKNOWN_WARNING}
