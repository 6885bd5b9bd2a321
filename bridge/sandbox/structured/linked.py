"""What comes along with consultations and problems, and what stands for what cannot be sent (§2.2, §2.4)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from bridge.sandbox.structured.areas.allergies import ALLERGIES, ENDED
from bridge.sandbox.structured.areas.spec import SECONDARY_LISTS, ListKind, PracticeArea
from bridge.sandbox.structured.areas.table import PRACTICE_AREAS
from bridge.sandbox.structured.entries import HeldEntry, reference_to
from bridge.sandbox.structured.parameters import Query

Json = dict[str, Any]

_SYSTEM: Final = "https://fhir.hl7.org.uk/STU3/CodeSystem/GPConnect-SecondaryListValues-1"
_PROBLEMS: Final = "includeProblems"
_OWNERS: Final = {"includeConsultations": "in_consultations", _PROBLEMS: "in_problems"}
_OWN_NAMES: Final = {"includeConsultations": "Consultations", _PROBLEMS: "Problems"}


class HeldRecord(Protocol):
    """What is asked of a record here."""

    entries: list[HeldEntry]
    warnings: dict[str, tuple[str, ...]]

    def make_list(
        self,
        kind: ListKind,
        items: list[Json],
        warnings: tuple[str, ...],
        *,
        contained: bool = ...,
        system: str = ...,
    ) -> Json:
        """A list of these items."""


@dataclass(frozen=True, slots=True)
class Unsent:
    """Parameters of the areas that this practice cannot send, asked for or linked."""

    unsupported: Collection[str]
    disabled: Collection[str]

    def __contains__(self, area: str) -> bool:
        return area in self.unsupported or area in self.disabled

    def words(self, area: str) -> str:
        """What stands in the place of an item of such an area (structured.md §2.7)."""
        name = PRACTICE_AREAS[area].words
        if area in self.unsupported:
            return f"{name} items are not supported by the provider system."
        return f"{name} items have been disabled."


def linked_resources(
    record: HeldRecord,
    query: Query,
    selected: Mapping[str, Sequence[HeldEntry]],
    unsent: Unsent,
    sent: Sequence[Json],
) -> list[Json]:
    """Secondary lists, and whatever they name that is not among what is sent already.

    A version without secondary lists sends what they would name.

    Args:
        record: of the patient.
        query: what was asked.
        selected: what is answered of each area that can be.
        unsent: the areas that cannot.
        sent: the resources so far.
    """
    known = {reference_to(one) for one in sent if "id" in one}
    added: list[Json] = []
    ended: dict[str, Json] = {}
    for owner in _OWNERS:
        if owner in selected:
            linked = _linked(selected[owner])
            ended |= {one.resource["id"]: one.resource for one in linked if _is_ended_allergy(one)}
            added += _brought(record, owner, linked, unsent, known)
    if ended and ALLERGIES.parameter not in unsent and not any(_is_ended_list(one) for one in sent):
        # The one place where an ended allergy may stand (CS-085); others refer to it (§2.4).
        warnings = record.warnings.get(ALLERGIES.parameter, ())
        added.append(record.make_list(ENDED, list(ended.values()), warnings, contained=True))
    if _PROBLEMS not in unsent:
        added += _headers(record, query.areas, selected, known)
    if query.version < SECONDARY_LISTS:
        return [one for one in added if not _is_secondary(one)]
    return added


def _is_secondary(resource: Json) -> bool:
    return resource["resourceType"] == "List" and bool(resource["code"]["coding"][0]["system"] == _SYSTEM)


def _is_ended_list(resource: Json) -> bool:
    return resource["resourceType"] == "List" and bool(resource["code"]["coding"][0]["code"] == ENDED.code)


def _is_ended_allergy(entry: HeldEntry) -> bool:
    return entry.area == ALLERGIES.parameter and entry.resource["clinicalStatus"] == "resolved"


def _brought(
    record: HeldRecord, owner: str, linked: Sequence[HeldEntry], unsent: Unsent, known: set[str]
) -> list[Json]:
    """What consultations or problems name, area by area, and the list that tells it; adds to `known`."""
    found: list[Json] = []
    for area in PRACTICE_AREAS.values():
        name = getattr(area, _OWNERS[owner])
        if name is None or area.parameter in unsent:
            continue
        if area.parameter == _PROBLEMS and owner == _PROBLEMS:
            continue  # told for every query, with the headers
        named = [each for each in linked if each.area == area.parameter]
        ended = [each for each in named if _is_ended_allergy(each)]
        entries = [each for each in named if each not in ended]
        for one in (one for each in entries for one in each.everything):
            if reference_to(one) not in known:
                known.add(reference_to(one))
                found.append(one)
        found += _secondary(record, owner, name, area, entries)
        if ended:
            ended_name = name.replace("allergies", "allergies that have been ended")
            found += _secondary(record, owner, ended_name, area, ended)
    return found


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


def with_placeholders(
    record: HeldRecord, unsent: Unsent, resources: list[Json]
) -> tuple[list[Json], list[str]]:
    """The resources, with words in place of references to what this practice cannot send (§2.7).

    Returns:
        them, and the parameters of the areas of which something was named that is not sent.
    """
    held = (one for each in record.entries for one in (each, *each.linked))
    areas = {reference_to(one.resource): one.area for one in held if one.area in unsent}
    if not areas:
        return resources, []
    words = {reference: unsent.words(area) for reference, area in areas.items()}
    named: set[str] = set()
    replaced = []
    for one in resources:
        if "id" in one and reference_to(one) in areas:
            named.add(reference_to(one))
            continue
        if one["resourceType"] in ("List", "Condition"):
            replaced.append(_replaced(one, words, named))
        else:
            replaced.append(one)
    return replaced, list(dict.fromkeys(area for reference, area in areas.items() if reference in named))


def _replaced(value: Any, words: Mapping[str, str], named: set[str]) -> Any:
    if isinstance(value, list):
        return [_replaced(each, words, named) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get("reference") in words:
        named.add(value["reference"])
        return {"display": words[value["reference"]]}
    return {name: _replaced(each, words, named) for name, each in value.items()}
