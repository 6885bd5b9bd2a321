"""What comes along with consultations and problems, and what stands for what cannot be sent (§2.2, §2.4)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from bridge.sandbox.structured.areas.spec import ListKind, PracticeArea
from bridge.sandbox.structured.areas.table import PRACTICE_AREAS
from bridge.sandbox.structured.entries import HeldEntry, reference_to

Json = dict[str, Any]

_SYSTEM: Final = "https://fhir.hl7.org.uk/STU3/CodeSystem/GPConnect-SecondaryListValues-1"
_PROBLEMS: Final = "includeProblems"
_OWNERS: Final = {"includeConsultations": "in_consultations", _PROBLEMS: "in_problems"}
_OWN_NAMES: Final = {"includeConsultations": "Consultations", _PROBLEMS: "Problems"}


class HeldRecord(Protocol):
    """What is asked of a record here."""

    entries: list[HeldEntry]
    warnings: dict[str, tuple[str, ...]]
    unsupported: frozenset[str]
    disabled: frozenset[str]

    def make_list(self, kind: ListKind, items: list[Json], warnings: tuple[str, ...], *, system: str) -> Json:
        """A list of these items."""


def linked_resources(
    record: HeldRecord,
    asked: Collection[str],
    selected: Mapping[str, Sequence[HeldEntry]],
    sent: Sequence[Json],
) -> list[Json]:
    """Secondary lists, and whatever they name that is not among what is sent already.

    Args:
        record: of the patient.
        asked: parameters of the areas that were asked for.
        selected: what is answered of each that can be.
        sent: the resources so far.
    """
    known = {reference_to(one) for one in sent if "id" in one}
    added: list[Json] = []

    def add(resources: Sequence[Json]) -> None:
        for one in resources:
            if reference_to(one) not in known:
                known.add(reference_to(one))
                added.append(one)

    for owner in _OWNERS:
        if owner not in selected:
            continue
        linked = _linked(selected[owner])
        for area in PRACTICE_AREAS.values():
            name = getattr(area, _OWNERS[owner])
            if name is None or area.parameter in record.unsupported | record.disabled:
                continue
            if area.parameter == _PROBLEMS and owner == _PROBLEMS:
                continue  # told below, for every query
            entries = [each for each in linked if each.area == area.parameter]
            for each in entries:
                add(each.everything)
            added += _secondary(record, owner, name, area, entries)
    added += _headers(record, asked, selected, known)
    return added


def _linked(entries: Sequence[HeldEntry]) -> list[HeldEntry]:
    """What entries name, each once."""
    return list({reference_to(one.resource): one for each in entries for one in each.linked}.values())


def _secondary(
    record: HeldRecord, owner: str, name: str, area: PracticeArea, entries: Sequence[HeldEntry]
) -> Iterator[Json]:
    """The list of what was linked of one area: absent without any, unless all was withheld (§2.4)."""
    warnings = record.warnings.get(area.parameter, ())
    if entries or "confidential-items" in warnings:
        title = f"{_OWN_NAMES[owner]} - {name}"
        code = f"{_OWN_NAMES[owner]}-{name}".lower().replace(" ", "-")
        kind = ListKind(code, title, title)
        yield record.make_list(kind, [each.resource for each in entries], warnings, system=_SYSTEM)


def _headers(
    record: HeldRecord, asked: Collection[str], selected: Mapping[str, Sequence[HeldEntry]], known: set[str]
) -> list[Json]:
    """Headers of problems that name what is sent, and are no answer to the question themselves."""
    if _PROBLEMS in record.unsupported | record.disabled:
        return []
    answered = {reference_to(each.resource) for each in selected.get(_PROBLEMS, ())}
    related = {reference_to(one.resource) for each in selected.get(_PROBLEMS, ()) for one in each.linked}
    found = [
        each
        for each in record.entries
        if each.area == _PROBLEMS
        and reference_to(each.resource) not in answered
        and (
            reference_to(each.resource) in related
            or any(reference_to(one.resource) in known for one in each.linked if one.area in asked)
        )
    ]
    if not found:
        return []
    headers = [each.resource for each in found if reference_to(each.resource) not in known]
    lists = _secondary(
        record, _PROBLEMS, PRACTICE_AREAS[_PROBLEMS].in_problems or "", PRACTICE_AREAS[_PROBLEMS], found
    )
    return [*headers, *lists]


def with_placeholders(record: HeldRecord, resources: list[Json]) -> list[Json]:
    """The resources, with words in place of references to what this practice cannot send (§2.7)."""
    unsent = {
        reference_to(each.resource): _words(record, each)
        for each in record.entries
        if each.area in record.unsupported | record.disabled
    }
    if not unsent:
        return resources
    return [
        _replaced(one, unsent) if one["resourceType"] in ("List", "Condition") else one for one in resources
    ]


def _words(record: HeldRecord, entry: HeldEntry) -> str:
    words = PRACTICE_AREAS[entry.area].words
    if entry.area in record.unsupported:
        return f"{words} items are not supported by the provider system."
    return f"{words} items have been disabled."


def _replaced(value: Any, unsent: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_replaced(each, unsent) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get("reference") in unsent:
        return {"display": unsent[value["reference"]]}
    return {name: _replaced(each, unsent) for name, each in value.items()}
