"""Which Observations belong to which report, and how they hang together in it (digest §5.5).

A report names its groups, its single results and its filing comments; results of a group are reached through
`has-member` of the group or their own `derived-from`, or both. Each Observation belongs to one report: to
the first, by name, of those that name it, else of those that lead to it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Final

from bridge.fhir.index import ReceivedEntry
from bridge.fhir.read import Item, JsonObject, has_snomed_code, reference_target
from bridge.mapping.observation_uses import COMMENT_NOTE
from bridge.mapping.reading import Reading
from bridge.values import dataclass

_MARKER: Final = "364712009"
"""Laboratory test observable: by one supplier the heading of all that follows, which nothing else relates."""
_HAS_MEMBER: Final = "has-member"
_DERIVED_FROM: Final = "derived-from"
_Relation = tuple[str | None, str]


@dataclass(slots=True)
class Member:
    """What a report holds under one reference: several resources only where they carry the same id."""

    received: list[ReceivedEntry]
    is_comment: bool


@dataclass(slots=True)
class Battery:
    """A heading and the results under it, by their references."""

    heading: str
    results: list[str]
    by_order: bool = False


@dataclass(slots=True)
class ReportStructure:
    """What a report holds.

    Attributes:
        members: by reference, in the order of the report; what it only leads to comes after what leads there.
        elsewhere: References of its `result` to what is none of its members.
        groups: with the results under each.
        results: references of the results that are in no group.
        comments: references of filing comments, and of the results and groups that each is about.
    """

    members: dict[str, Member] = field(default_factory=dict)
    elsewhere: list[JsonObject] = field(default_factory=list)
    groups: list[Battery] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    comments: dict[str, list[str]] = field(default_factory=dict)


def structures(reading: Reading, reports: Iterable[ReceivedEntry]) -> list[ReportStructure]:
    """What each of these reports holds, in the order of the reports, which decides who has what two name."""
    return _ReportStructures(reading).of(list(reports))


def is_of_report(reading: Reading, received: ReceivedEntry) -> bool:
    """Whether an Observation is a result, a group of them or a filing comment."""
    return reading.uses.of(received.ref, received.resource) in ("result", "filing_comment")


class _ReportStructures:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._relations: dict[str, list[_Relation]] = {}
        self._named_by: dict[str, set[str]] = {}
        self._contained: dict[str, ReceivedEntry] = {}
        for received in reading.of_area("Observation", is_of_report):
            self._relate(received.ref, received.resource)

    def of(self, reports: list[ReceivedEntry]) -> list[ReportStructure]:
        found = [ReportStructure() for _ in reports]
        taken: set[str] = set()
        named = [
            self._name(report, structure, taken) for report, structure in zip(reports, found, strict=True)
        ]
        for structure, direct in zip(found, named, strict=True):
            self._follow(structure, direct, taken)
            self._arrange(structure, direct)
        return found

    def _name(self, report: ReceivedEntry, structure: ReportStructure, taken: set[str]) -> list[str]:
        """Give a report what it names itself; the references of that."""
        item = Item(report.resource, report.ref)
        contained = dict(contained_in(item, "Observation"))
        self._contained |= contained
        for ref, each in contained.items():
            self._relate(ref, each.resource)
        for sent in item.many(report.resource.get("result"), "result"):
            written = item.code(sent.get("reference"), "result") or ""
            ref = f"{report.ref}{written}"
            if written.startswith("#") and ref in contained:
                received = [contained[ref]]
            else:
                received = self._reading.index.variants(reference_target(written), "Observation")
                ref = received[0].ref if received else ""
            if ref in structure.members:
                continue
            is_taken = ref in taken and ref not in contained
            if is_taken or not received or received[0].kind != "Observation":
                structure.elsewhere.append(sent)
                continue
            taken.add(ref)
            structure.members[ref] = self._member(received)
        return list(structure.members)

    def _follow(self, structure: ReportStructure, direct: list[str], taken: set[str]) -> None:
        """Add what these lead to, and what leads to them, unless a report has it already."""
        left = list(direct)
        for ref in left:
            beside = [target for _, target in self._relations.get(ref, ())]
            for other in [*beside, *sorted(self._named_by.get(ref, ()))]:
                if other in taken:
                    continue
                inside = self._contained.get(other)
                received = [inside] if inside is not None else self._reading.index.variants(other)
                if received:
                    taken.add(other)
                    structure.members[other] = self._member(received)
                    left.append(other)

    def _member(self, received: list[ReceivedEntry]) -> Member:
        return Member(received, has_snomed_code(received[0].resource.get("code"), COMMENT_NOTE))

    def _arrange(self, structure: ReportStructure, direct: list[str]) -> None:
        under: dict[str, list[str]] = {}
        for one, other in self._pairs(structure.members, direct):
            comments = [each for each in (one, other) if structure.members[each].is_comment]
            if not comments:
                under.setdefault(one, []).append(other)
            elif comments == [one]:
                _add(structure.comments.setdefault(one, []), other)
            elif comments == [other]:
                _add(structure.comments.setdefault(other, []), one)
        placed: set[str] = set()
        for ref, member in structure.members.items():
            if member.is_comment:
                structure.comments.setdefault(ref, [])
            elif ref in under:
                results = [
                    each for each in dict.fromkeys(under[ref]) if each not in under and each not in placed
                ]
                placed.update(results)
                structure.groups.append(Battery(ref, results))
        of_groups = placed.union(under)
        structure.results = [
            ref for ref, member in structure.members.items() if not member.is_comment and ref not in of_groups
        ]
        if not under:
            _group_by_order(structure)

    def _pairs(self, members: Mapping[str, Member], direct: list[str]) -> Iterator[tuple[str, str]]:
        """Heading and what is under it, of all that is related inside of a report; of comments either way."""
        named = set(direct)
        for wanted in (_HAS_MEMBER, None, _DERIVED_FROM):
            for ref in members:
                for kind, target in self._relations.get(ref, ()):
                    if kind != wanted or target not in members or target == ref:
                        continue
                    # Without a type: what the report names itself is the heading of what it does not.
                    is_heading = kind == _HAS_MEMBER or (
                        kind is None and ref in named and target not in named
                    )
                    yield (ref, target) if is_heading else (target, ref)

    def _relate(self, ref: str, observation: JsonObject) -> None:
        if "related" not in observation:
            return
        item = Item(observation, ref)
        for each in item.many(observation.get("related"), "related"):
            kind = item.code(each.get("type"), "related.type")
            target = self._target(ref, item.one(each.get("target"), "related.target"))
            if target is not None and kind in (_HAS_MEMBER, _DERIVED_FROM, None):
                self._relations.setdefault(ref, []).append((kind, target))
                self._named_by.setdefault(target, set()).add(ref)

    def _target(self, ref: str, sent: JsonObject) -> str | None:
        written = sent.get("reference")
        if type(written) is not str:
            return None
        if written.startswith("#"):
            return ref.partition("#")[0] + written
        found = self._reading.index.resolve(reference_target(written), "Observation")
        return found.ref if found is not None and found.kind == "Observation" else None


def contained_in(item: Item, kind: str) -> Iterator[tuple[str, ReceivedEntry]]:
    """What of a type a resource contains, by the reference that a link to it has."""
    for resource in item.many(item.resource.get("contained"), "contained"):
        local_id = item.code(resource.get("id"), "contained.id")
        if local_id is not None and resource.get("resourceType") == kind:
            ref = f"{item.ref}#{local_id.removeprefix('#')}"
            yield ref, ReceivedEntry(kind, ref, resource)


def _group_by_order(structure: ReportStructure) -> None:
    """Without any relation the marker of a supplier is the heading of the results that follow it."""
    groups: list[Battery] = []
    alone: list[str] = []
    for ref in structure.results:
        if has_snomed_code(structure.members[ref].received[0].resource.get("code"), _MARKER):
            groups.append(Battery(ref, [], by_order=True))
        elif groups:
            groups[-1].results.append(ref)
        else:
            alone.append(ref)
    structure.groups = groups
    structure.results = alone


def _add(refs: list[str], ref: str) -> None:
    if ref not in refs:
        refs.append(ref)
