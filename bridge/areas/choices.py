"""What several resources of one id make doubtful: each item that depends on one of them says so.

A practice's answer may hold different resources under one `Type/id`. Which one a reference means nobody can
tell; whatever is shown is then a choice, and a choice is never made silently: the items that depend on it are
marked, and their area is not complete.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from bridge.areas.spec import AreaTable, Mapped
from bridge.fhir.index import ReceivedEntry
from bridge.fhir.read import JsonObject, reference_target, references_in
from bridge.mapping.reading import Reading
from bridge.record import Area, Identified

_ABOUT_WHOM = ("subject", "patient")
"""A contested Patient is a matter of the whole record: see `bridge.mapping.identity`."""
_PEOPLE = frozenset({"Practitioner", "PractitionerRole", "Organization", "RelatedPerson"})
"""Read through a reference, as is what items are read from; the rest of what a resource names is passed on as
a reference only."""


def tell_choices(
    reading: Reading,
    table: AreaTable,
    areas: Mapping[str, Area],
    mapped: Iterable[Mapped],
    contained: list[ReceivedEntry],
) -> None:
    """Report every id that different resources claim, and mark what depends on one."""
    if reading.identity.conflicts:
        _mark_incomplete(areas, areas)
    contested = set(reading.index.contested()) | _repeated(contained)
    if not contested:
        return
    for ref in contested:
        reading.report("duplicate_id", ref)
    doubts = _Contests(reading, table, contested, contained)
    doubtful: set[str] = set()
    for area in mapped:
        for item in area.items:
            for part in area.spec.parts_of(item):
                if doubts.concern(part):
                    doubtful.add(area.spec.list_name(item))
    _mark_incomplete(areas, doubtful)


def _mark_incomplete(areas: Mapping[str, Area], names: Iterable[str]) -> None:
    for name in names:
        areas[name]["complete"] = False


def _repeated(contained: list[ReceivedEntry]) -> set[str]:
    """References that more than one contained resource carries."""
    return {ref for ref, times in Counter(each.ref for each in contained).items() if times > 1}


class _Contests:
    """What depends on an id that several resources claim."""

    def __init__(
        self, reading: Reading, table: AreaTable, contested: set[str], contained: list[ReceivedEntry]
    ) -> None:
        self._reading = reading
        self._refers_to = table.refers_to
        self._used = _PEOPLE.union(table.refers_to.values())
        self._contested = contested
        self._sent: dict[str, list[JsonObject]] = {}
        sent = (each for kind in table.mapped_kinds for each in reading.index.resources(kind))
        for received in (*sent, *contained):
            self._sent.setdefault(received.ref, []).append(received.resource)
        self._roles: dict[str, list[ReceivedEntry]] = {}
        for role in reading.index.resources("PractitionerRole"):
            for target in _targets(role.resource.get("practitioner")):
                self._roles.setdefault(target, []).append(role)
        self._known: dict[str, bool] = {}
        self._paths: dict[str, set[str]] = {}
        self._reported: dict[str, set[str]] = {}
        for issue in reading.issues:
            if issue["code"] == "duplicate_id" and "source_ref" in issue and "path" in issue:
                self._reported.setdefault(issue["source_ref"], set()).add(issue["path"])

    def concern(self, part: Identified) -> bool:
        """Whether a part of the record is doubtful; then it is marked."""
        ref = part["provenance"]["source_ref"]
        if ref not in self._paths:
            # Many may share one reference: what they depend on is looked at once.
            self._paths[ref] = self._doubtful_paths(self._sent.get(ref, []))
            for path in sorted(self._paths[ref] - self._reported.get(ref, set())):
                self._reading.report("duplicate_id", ref, path)
        if not self._paths[ref] and ref not in self._contested:
            return False
        if "duplicate_id" not in part["issue_codes"]:
            part["issue_codes"].append("duplicate_id")
        return True

    def _doubtful_paths(self, resources: list[JsonObject]) -> set[str]:
        return {
            key
            for resource in resources
            for key, value in resource.items()
            if key not in _ABOUT_WHOM and any(self._is_doubtful(key, each) for each in _targets(value))
        }

    def _is_doubtful(self, key: str, target: str) -> bool:
        if "/" not in target:
            target = f"{self._refers_to.get(key, '')}/{target}"
        if target.partition("/")[0] not in self._used:
            return False
        if target not in self._known:
            self._known[target] = target in self._contested  # also the answer where references go in circles
            self._known[target] |= any(self._is_doubtful(key, other) for other in self._behind(target))
        return self._known[target]

    def _behind(self, target: str) -> Iterator[str]:
        """What else is read about a person: the roles that name it, and whom a role names."""
        role = self._reading.index.resolve(target) if target.startswith("PractitionerRole/") else None
        if role is not None:
            yield from _targets(role.resource.get("practitioner"), role.resource.get("organization"))
        for naming in self._roles.get(target, []):
            yield naming.ref
            yield from _targets(naming.resource.get("organization"))


def _targets(*values: object) -> Iterator[str]:
    """What all references inside some values point at, as `Type/id`."""
    return filter(None, map(reference_target, references_in(*values)))
