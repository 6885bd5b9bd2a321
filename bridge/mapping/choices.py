"""What several resources of one id make doubtful: each item that depends on one of them says so.

A practice's answer may hold different resources under one `Type/id`. Which one a reference means nobody can
tell; whatever is shown is then a choice, and a choice is never made silently: the items that depend on it are
marked, and their area is not complete.
"""

from collections import Counter
from collections.abc import Iterator

from bridge.fhir.index import Received
from bridge.fhir.read import JsonObject, reference_target, references_in
from bridge.mapping.reading import Reading
from bridge.record.allergies import Allergy
from bridge.record.gp_record import Area
from bridge.record.medications import MedicationCourse, MedicationIssue, MedicationPlan

_MEANT = {"medicationReference": "Medication", "basedOn": "MedicationRequest"}
"""What a bare id means, by the element it stands in."""
_ABOUT_WHOM = ("subject", "patient")
"""A contested Patient is a matter of the whole record: see `bridge.mapping.identity`."""
_USED = frozenset(
    {"Medication", "MedicationRequest", "Practitioner", "PractitionerRole", "Organization", "RelatedPerson"}
)
"""What is read through a reference; the rest of what a resource names is passed on as a reference only."""

Part = Allergy | MedicationCourse | MedicationPlan | MedicationIssue


def tell_choices(
    reading: Reading,
    areas: list[Area],
    medications: list[MedicationCourse],
    allergies: list[Allergy],
    contained: list[Received],
) -> None:
    """Report every id that different resources claim, and mark what depends on one."""
    if reading.identity.conflicts:
        _mark_incomplete(areas, {area["area"] for area in areas})
    contested = set(reading.index.contested()) | _repeated(contained)
    if not contested:
        return
    for ref in contested:
        reading.report("duplicate_id", ref)
    doubts = _Doubts(reading, contested, contained)
    doubtful: set[str] = set()
    for area, part in _parts(medications, allergies):
        if doubts.concern(part):
            doubtful.add(area)
    _mark_incomplete(areas, doubtful)


def _mark_incomplete(areas: list[Area], names: set[str]) -> None:
    for area in areas:
        if area["area"] in names:
            area["complete"] = False


def _repeated(contained: list[Received]) -> set[str]:
    """References that more than one contained resource carries."""
    return {ref for ref, times in Counter(each.ref for each in contained).items() if times > 1}


def _parts(medications: list[MedicationCourse], allergies: list[Allergy]) -> Iterator[tuple[str, Part]]:
    for allergy in allergies:
        yield "ended_allergies" if allergy["clinical_status"] == "resolved" else "allergies", allergy
    for course in medications:
        yield "medications", course
        if "issue_without_plan" in course:
            yield "medications", course["issue_without_plan"]
        if "plan" in course:
            yield "medications", course["plan"]
            for issue in course["plan"]["issues"]:
                yield "medications", issue


class _Doubts:
    """What depends on an id that several resources claim."""

    def __init__(self, reading: Reading, contested: set[str], contained: list[Received]) -> None:
        self._reading = reading
        self._contested = contested
        self._sent: dict[str, list[JsonObject]] = {}
        kinds = ("MedicationStatement", "MedicationRequest", "AllergyIntolerance")
        for received in (*(each for kind in kinds for each in reading.index.resources(kind)), *contained):
            self._sent.setdefault(received.ref, []).append(received.resource)
        self._roles: dict[str, list[Received]] = {}
        for role in reading.index.resources("PractitionerRole"):
            for target in _targets(role.resource.get("practitioner")):
                self._roles.setdefault(target, []).append(role)
        self._known: dict[str, bool] = {}
        self._paths: dict[str, set[str]] = {}
        self._reported: dict[str, set[str]] = {}
        for issue in reading.issues:
            if issue["code"] == "duplicate_id" and "source_ref" in issue and "path" in issue:
                self._reported.setdefault(issue["source_ref"], set()).add(issue["path"])

    def concern(self, part: Part) -> bool:
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
            target = f"{_MEANT.get(key, '')}/{target}"
        if target.partition("/")[0] not in _USED:
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
