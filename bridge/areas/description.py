"""How each clinical area was answered: the meanings of an empty list, kept apart (digest §2.7)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from bridge.areas.spec import UNKNOWN_PARAMETER, AreaTable, Mapped, Parameter
from bridge.fhir.read import Item
from bridge.mapping.lists import NO_LIST, AreaList, Contained, Lists
from bridge.mapping.reading import COPY, Reading
from bridge.record.retrieval import Area, AreaOutcome
from bridge.values import dataclass

_IGNORED: Final = "search-date-ignored"
_MORE_THAN_EMPTY: tuple[AreaOutcome, ...] = (
    "only_withheld",
    "unavailable",
    "not_asked",
    "not_started",
    "closed",
    "empty_unexplained",
)
"""What an empty list may mean besides that nothing is recorded; of several lists, the first counts."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """What the practice says it cannot or will not send, with its words (CS-038 to CS-040).

    Attributes:
        areas: by the name of the list; a parameter that is not known here as `unknown`.
        parts: of an area's parameter, by the name of the area, then of the part.
    """

    areas: dict[str, str]
    parts: dict[str, dict[str, str]]


def read_refusals(reading: Reading, table: AreaTable) -> Refusals:
    """Read every OperationOutcome of the bundle."""
    said: dict[Parameter, set[str]] = {}
    for received in reading.index.resources("OperationOutcome"):
        for parameter, words in (
            reading.read(received, None, lambda item: _unsupported(item, table.parameters)) or ()
        ):
            said.setdefault(parameter, set()).add(words)
    refusals = Refusals({}, {})
    if not said:
        return refusals
    for parameter, each in said.items():
        words = " ".join(sorted(each))
        if parameter.part is None:
            refusals.areas[parameter.area] = words
        else:
            refusals.parts.setdefault(parameter.area, {})[parameter.part] = words
    for area in table.areas:
        if area.name in refusals.areas:
            for sent in area.lists:
                refusals.areas.setdefault(sent.name, refusals.areas[area.name])
    return refusals


def _unsupported(item: Item, parameters: Mapping[str, Parameter]) -> list[tuple[Parameter, str]]:
    found: list[tuple[Parameter, str]] = []
    for issue in item.many(item.resource.get("issue"), "issue"):
        details = item.one(issue.get("details"), "issue.details")
        text = item.text(details.get("text"), "issue.details.text")
        diagnostics = item.code(issue.get("diagnostics"), "issue.diagnostics")
        words = text or diagnostics or "not supported"
        parameter = parameters.get(diagnostics or "") or parameters.get(words.split()[0])
        found.append((parameter or Parameter(UNKNOWN_PARAMETER), words))
    return found


@dataclass(frozen=True, slots=True)
class _Said:
    """What is the same for every list of an answer.

    Attributes:
        copied: what `unmapped` says of a copy of something.
        copies: references of what was set aside as a copy, and stands in the record as what it is a copy of.
        no_items: references of those, and of what stands inside of an item and is none by itself.
        unmapped: references of all that is listed as unmapped.
    """

    reading: Reading
    lists: Lists
    refusals: Refusals
    copied: frozenset[str]
    copies: set[str]
    no_items: set[str]
    unmapped: set[str]

    @classmethod
    def of(cls, reading: Reading, table: AreaTable, refusals: Refusals, lists: Lists) -> Self:
        """That of an answer all of whose areas are mapped."""
        copied = table.copies | {COPY}
        copies = {entry["source_ref"] for entry in reading.unmapped if entry["detail"] in copied}
        copies -= reading.mapped_refs
        return cls(
            reading,
            lists,
            refusals,
            copied,
            copies=copies,
            no_items=copies.union(received.ref for received, _ in reading.shown.values()),
            unmapped={entry["source_ref"] for entry in reading.unmapped},
        )


def describe_areas(
    reading: Reading, table: AreaTable, refusals: Refusals, lists: Lists, mapped: Sequence[Mapped]
) -> dict[str, Area]:
    """The lists of the areas of this record, then every other area that the answer touches, by name."""
    received = table.received(reading)
    for each in lists.contained:
        name = _area_of_contained(table, each)
        received[name] = received.get(name, 0) + 1
    said = _Said.of(reading, table, refusals, lists)
    of_lists: dict[str, list[Any]] = {name: [] for name in table.list_names}
    for area in mapped:
        for name, items in area.by_list().items():
            of_lists.setdefault(name, []).extend(items)
    wanted = {name for area in mapped for name in area.wanted}
    touched = wanted.union(lists.areas, refusals.areas)
    described: dict[str, Area] = {}
    for name in (*of_lists, *sorted(touched.union(received).difference(of_lists))):
        items = of_lists.get(name, [])
        described[name] = found = (
            _area(said, name, items, wanted=name in wanted) if items or name in touched else _untouched(name)
        )
        found["received"] = received.get(name, 0)
    for area in mapped:
        if area.spec.brings_linked:
            _add_warnings_of_linked(table, lists, described[area.spec.name])
        _remark(area, described[area.spec.name])
    return described


def _add_warnings_of_linked(table: AreaTable, lists: Lists, described: Area) -> None:
    """What is withheld of a consultation or a problem, only a secondary list tells (§2.6)."""
    for code in sorted(lists.secondary):
        found = lists.secondary[code]
        if found.warnings and table.lists.owner_of(code) == described["area"]:
            described["complete"] = False
            described["warnings"] += [
                {**found.warnings[each], "secondary_list": code} for each in sorted(found.warnings)
            ]


def _area_of_contained(table: AreaTable, contained: Contained) -> str:
    """The list that a contained resource counts for: its own, if that is one of the area's."""
    area = next(area for area in table.areas if area.contains == contained.received.kind)
    names = [each.name for each in area.lists]
    return contained.area if contained.area in names else area.name


_Limits = dict[str, bool | int | str]
"""Options by their names in the request."""


def _tell_limits(area: Mapped, described: Area) -> None:
    """What of the request narrows the area, and what of it the practice says that it cannot do."""
    options, refused = area.answer.options, area.answer.refused
    if options is None or not (options.model_fields_set or refused):
        return
    said: _Limits = options.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    ignored: dict[str, str] = {}
    for part in sorted(refused):
        for name in area.spec.fields.get(part, part).split(", "):
            if not isinstance(said.pop(name, False), bool):
                ignored[part] = refused[part]
    if said:
        described["limited_to"] = said
    if ignored and all(warning["code"] != _IGNORED for warning in described["warnings"]):
        # More was sent than asked for, so the area may be complete; a reader that filters has to know.
        described["warnings"].append({"code": _IGNORED, "text": " ".join(ignored.values())})
        area.answer.reading.report("search_date_ignored", path=described["area"])


def _remark(area: Mapped, described: Area) -> None:
    area.spec.remark(area.answer, described)
    _tell_limits(area, described)
    if refused := area.answer.refused:
        said = [described.get("note"), *(refused[part] for part in area.spec.parts if part in refused)]
        if note := " ".join(filter(None, said)):
            described["note"] = note


def _area(said: _Said, name: str, items: Sequence[Any], *, wanted: bool) -> Area:
    reading = said.reading
    sent, unsupported = said.lists.areas.get(name), said.refusals.areas.get(name)
    # What came along says nothing about what the area was searched for.
    came_along = sum("linked_only" in item for item in items)
    if came_along:
        items = [item for item in items if "linked_only" not in item]
    found = sent or NO_LIST
    missing = found.targets - reading.mapped_refs - said.copies
    has_items = bool(items) or len(missing) < len(found.targets)
    outcome = _outcome(sent, unsupported, wanted=wanted, has_items=has_items)
    if wanted:
        if outcome == "list_absent":
            reading.report("list_absent", path=name)
        for target in missing - found.deleted - said.unmapped:
            reading.report("list_entry_missing", target, name)
    area: Area = {
        "area": name,
        "outcome": outcome,
        "complete": (
            outcome in ("items", "nothing_recorded")
            and found.whole
            and not missing
            and found.listed - len(found.targets & said.no_items) <= len(items)
            and all("not_in_list" not in item["issue_codes"] for item in items)
            and all(entry.get("area") != name or entry["detail"] in said.copied for entry in reading.unmapped)
        ),
        "listed": found.listed,
        "mapped": len(items),
        "received": 0,
        "warnings": [found.warnings[code] for code in sorted(found.warnings)],
        "placeholders": sorted(found.placeholders),
    }
    if came_along:
        area["linked"] = came_along
    if found.empty_reason is not None:
        area["empty_reason"] = found.empty_reason
    note = " ".join(filter(None, [unsupported, *sorted(found.notes)]))
    if note:
        area["note"] = note
    return area


def _untouched(name: str) -> Area:
    """A list that nobody asked for, and of which nothing came: most are."""
    return {
        "area": name,
        "outcome": "not_requested",
        "complete": False,
        "listed": 0,
        "mapped": 0,
        "received": 0,
        "warnings": [],
        "placeholders": [],
    }


def _outcome(sent: AreaList | None, unsupported: str | None, *, wanted: bool, has_items: bool) -> AreaOutcome:
    """The order of the questions matters: an empty list proves nothing when the area is switched off."""
    if unsupported is not None:
        return "not_supported"
    if not wanted:
        return "not_requested"
    if sent is None:
        return "list_absent"
    return "items" if has_items else _outcome_of_nothing(sent)


def _outcome_of_nothing(sent: AreaList) -> AreaOutcome:
    """Why a list gave no item."""
    if sent.unusable or (sent.deleted and sent.listed == len(sent.deleted)):
        return "list_unusable"
    if sent.listed:
        only_named = len(sent.placeholders) == sent.listed
        return "not_supported" if only_named else "failed"
    # CS-092: withheld, or nothing that matched; never "none".
    if "confidential-items" in sent.warnings:
        return "only_withheld"
    return next((reason for reason in _MORE_THAN_EMPTY if reason in sent.empty), "nothing_recorded")
