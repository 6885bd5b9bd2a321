"""The lists of a bundle: which area each stands for, what it names and warns of (digest §2.3 to §2.7)."""

import re
from dataclasses import dataclass, field

from bridge.fhir.index import LONGEST_ID, Received
from bridge.fhir.read import Item, JsonObject, extension_value, first_code
from bridge.mapping.reading import Reading
from bridge.mapping.values import iso_day
from bridge.record.gp_record import AreaWarning, WarningCode

# Lists are told apart by code alone: titles and displays vary (OD-28).
AREA_OF_LIST = {
    "933361000000108": "medications",
    "886921000000105": "allergies",
    "1103671000000101": "ended_allergies",
    "1149501000000101": "consultations",
    "717711000000103": "problems",
    "1102181000000102": "immunisations",
    "826501000000100": "uncategorised",
    "887191000000108": "investigations",
    "792931000000107": "referrals",
    "714311000000108": "diary",
}

_KIND_OF_ENTRIES = {"medications": "MedicationStatement", "allergies": "AllergyIntolerance"}

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
    """What the primary lists of one area say, all of them together."""

    targets: set[str] = field(default_factory=set)
    placeholders: list[str] = field(default_factory=list)
    unreadable: int = 0
    codes: set[str | None] = field(default_factory=set)
    warnings: dict[str, AreaWarning] = field(default_factory=dict)
    notes: set[str] = field(default_factory=set)
    empty_reason: str | None = None

    @property
    def listed(self) -> int:
        """Entries, placeholders included."""
        return len(self.targets) + len(self.placeholders) + self.unreadable


@dataclass(slots=True)
class Lists:
    """The primary lists by area, and the allergies contained in lists, named `List[code]#id`."""

    areas: dict[str, AreaList] = field(default_factory=dict)
    contained: list[Received] = field(default_factory=list)


def read_lists(reading: Reading) -> Lists:
    """Read every List of the bundle, each on its own; fills `reading.codes_of`."""
    lists = Lists()
    codes_of: dict[str, set[str]] = {}
    for received in reading.index.resources("List"):
        if reading.identity.subject_of(received.resource) == "other":
            # Specification examples do this; the items' own subjects decide (CS-051).
            reading.report("list_subject_conflict", received.ref)
        reading.read(received, None, lambda item: _read_list(item, lists, codes_of), check_subject=False)
    for area in lists.areas.values():
        _warn(area)
    reading.codes_of = {target: sorted(codes) for target, codes in codes_of.items()}
    return lists


def _read_list(item: Item, lists: Lists, codes_of: dict[str, set[str]]) -> None:
    code = first_code(item.resource.get("code"))
    contained = _contained(item)
    # CS-085: an allergy that a list contains is an ended one, whatever code the list bears.
    area_name = "ended_allergies" if contained else AREA_OF_LIST.get(code or "")
    entries = item.many(item.resource.get("entry"), "entry")
    if area_name is None:
        targets = [item.reference(entry.get("item"), "entry.item") for entry in entries]
    else:
        area = lists.areas.setdefault(area_name, AreaList())
        lists.contained += contained
        targets = [_add_entry(item, area, entry, area_name) for entry in entries]
        _read_signals(item, area)
    for target in targets:
        if target is not None and code is not None and len(code) <= LONGEST_ID:
            codes_of.setdefault(target, set()).add(code)


def _contained(item: Item) -> list[Received]:
    found: list[Received] = []
    for resource in item.many(item.resource.get("contained"), "contained"):
        if resource.get("resourceType") == "AllergyIntolerance":
            local_id = item.code(resource.get("id"), "contained.id") or "no id"
            found.append(Received("AllergyIntolerance", f"{item.ref}#{local_id.removeprefix('#')}", resource))
        else:
            item.note("unreadable_element", "contained")
    return found


def _add_entry(item: Item, area: AreaList, entry: JsonObject, area_name: str) -> str | None:
    """Add one entry to its area; its target, a contained one with the list's own reference."""
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
    elif "/" not in target and area_name in _KIND_OF_ENTRIES:
        target = f"{_KIND_OF_ENTRIES[area_name]}/{target}"
    area.targets.add(target)
    return target


def _read_signals(item: Item, area: AreaList) -> None:
    notes = item.resource.get("note")
    for each in notes if isinstance(notes, list) else [notes]:
        text = item.text(each.get("text") if isinstance(each, dict) else each, "note")
        if text is not None:
            area.notes.add(text)
    for extension in item.extensions(item.resource).get("listwarningcode", ()):
        area.codes.add(first_code(extension_value(extension)))
    reason = item.resource.get("emptyReason")
    if reason is not None:
        words = item.text(reason.get("text"), "emptyReason") if isinstance(reason, dict) else None
        area.empty_reason = first_code(reason) or words or area.empty_reason


def _warn(area: AreaList) -> None:
    """Say what all lists of an area together warn of."""
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
