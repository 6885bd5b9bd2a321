"""One patient's record at a practice, and the answer a provider gives from it (structured.md §2 to §5)."""

import json
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from bridge.sandbox.structured.areas.allergies import ACTIVE, ENDED, RESOLVED
from bridge.sandbox.structured.areas.medication import ISSUES, LIST, SEARCH_FROM
from bridge.sandbox.structured.areas.spec import ListKind, PartValues, PracticeArea
from bridge.sandbox.structured.areas.table import PRACTICE_AREAS
from bridge.sandbox.structured.entries import HeldEntry, latest, reference_to
from bridge.sandbox.structured.linked import Unsent, linked_resources, with_placeholders
from bridge.sandbox.structured.parameters import ALLERGIES, MEDICATION, Query

Json = dict[str, Any]

_PROFILE = "https://fhir.nhs.uk/STU3/StructureDefinition/"
_SNOMED = "http://snomed.info/sct"

WARNING_TEXTS = {
    "confidential-items": "Items excluded due to confidentiality and/or patient preferences.",
    "data-in-transit": (
        "Patient record transfer from previous GP practice not yet complete; "
        "information recorded before 14-Oct-2025 may be missing."
    ),
    "data-awaiting-filing": (
        "Patient record contains some items in the GP practice workflow that have not been reviewed "
        "for inclusion in this message; information recorded before 14-Oct-2025 may be missing."
    ),
}
_EMPTY_TEXT = "Information not available"


@dataclass(slots=True)
class Course:
    """One medication: statement, plan, product and issues, with what a date search looks at (§3.9)."""

    statement: Json
    plan: Json
    product: Json
    issues: list[Json]
    kind: str | None
    start: str
    end: str | None
    elsewhere: bool = False

    def is_active_since(self, day: date) -> bool:
        """Whether a search from `day` returns it; partial dates count as their last day."""
        if self.elsewhere:
            return True
        if self.end:
            return latest(self.end) >= day
        # No end: an acute lasts for its day only; a repeat, or what has no type, goes on.
        is_acute = self.kind in {"acute", "acute-handwritten", "delayed-prescribing"}
        return not is_acute or latest(self.start) >= day


@dataclass(slots=True)
class Record:
    """What the practice holds, in pieces.

    Attributes:
        administrative: Organization, Practitioner and PractitionerRole resources.
        entries: what is held of every other area.
        others: linked problem headers and their list: sent whatever is asked.
        warnings: codes by area parameter; ended allergies take those of allergies.
        unsupported: area parameters that this practice's system does not know.
        disabled: area parameters that are switched off here.
        missing_lists: area parameters whose list the provider forgets.
        finish: what a scenario does to the finished Bundle that no conformant provider would.
    """

    patient: Json
    administrative: list[Json] = field(default_factory=list)
    courses: list[Course] = field(default_factory=list)
    allergies: list[Json] = field(default_factory=list)
    ended: list[Json] = field(default_factory=list)
    entries: list[HeldEntry] = field(default_factory=list)
    others: list[Json] = field(default_factory=list)
    warnings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unsupported: frozenset[str] = frozenset()
    disabled: frozenset[str] = frozenset()
    missing_lists: frozenset[str] = frozenset()
    finish: Callable[[Json], None] | None = None

    def answer(self, query: Query) -> Json:
        """The Bundle for `query`, but for its id."""
        parts = dict(query.parts)
        resources = [self.patient, *self.administrative]
        too_new = {name for name, area in PRACTICE_AREAS.items() if area.since > query.version}
        unsent = Unsent(self.unsupported | too_new, self.disabled)
        for name in query.areas:
            if name in self.unsupported or name in self.missing_lists:
                continue
            # A list of an area that is switched off may be there, and is then empty.
            resources += self._area(PRACTICE_AREAS[name], parts, available=name not in self.disabled)
        resources += self.others
        selected = {
            name: self._entries(PRACTICE_AREAS[name], parts) for name in query.areas if name not in unsent
        }
        resources += linked_resources(self, query, selected, unsent, resources)
        resources, named = with_placeholders(self, unsent, resources)
        outcome = self._outcome(query, named)
        if outcome:
            resources.append(outcome)
        bundle = {
            "resourceType": "Bundle",
            "meta": {"profile": [_PROFILE + "GPConnect-StructuredRecord-Bundle-1"]},
            "type": "collection",
            "entry": [{"resource": resource} for resource in resources],
        }
        if self.finish is None:
            return bundle
        bundle = deepcopy(bundle)
        self.finish(bundle)
        return bundle

    def _area(self, area: PracticeArea, parts: PartValues, *, available: bool) -> list[Json]:
        if area.parameter == MEDICATION:
            return self._medications(parts, available=available)
        if area.parameter == ALLERGIES:
            return self._allergies(parts, available=available)
        entries = self._entries(area, parts) if available else []
        main = self.list_of(area, [each.resource for each in entries])
        return [main, *_each_once(one for each in entries for one in each.everything)]

    def _entries(self, area: PracticeArea, parts: PartValues) -> list[HeldEntry]:
        return area.select([each for each in self.entries if each.area == area.parameter], parts)

    def _medications(self, parts: PartValues, *, available: bool) -> list[Json]:
        since = parts.get(SEARCH_FROM)
        courses = [
            course
            for course in self.courses
            if available and (since is None or course.is_active_since(since))
        ]
        statements = [course.statement for course in courses]
        warnings = self.warnings.get(MEDICATION, ())
        return [
            self.make_list(LIST, statements, warnings),
            *_resources(courses, issues=parts.get(ISSUES, True)),
        ]

    def _allergies(self, parts: PartValues, *, available: bool) -> list[Json]:
        active, ended = (self.allergies, self.ended) if available else ([], [])
        warnings = self.warnings.get(ALLERGIES, ())
        resources = [self.make_list(ACTIVE, active, warnings), *active]
        if parts[RESOLVED]:
            resources.append(self.make_list(ENDED, ended, warnings, contained=True))
        return resources

    def list_of(self, area: PracticeArea, items: list[Json]) -> Json:
        """The main list of an area."""
        if area.main_list is None:
            raise ValueError(f"{area.parameter} has no list")
        return self.make_list(area.main_list, items, self.warnings.get(area.parameter, ()))

    def make_list(
        self,
        kind: ListKind,
        items: list[Json],
        warnings: tuple[str, ...],
        *,
        contained: bool = False,
        system: str = _SNOMED,
    ) -> Json:
        """A primary or secondary list; one without items says so."""
        code, display, title = kind
        texts = [WARNING_TEXTS[warning] for warning in warnings]
        if not items:
            texts.append(_EMPTY_TEXT)
        value: Json = {
            "resourceType": "List",
            "meta": {"profile": [_PROFILE + "CareConnect-GPC-List-1"]},
            "extension": [_CLINICAL_SETTING, *(_warning(code) for code in warnings)],
            "status": "current",
            "mode": "snapshot",
            "title": title,
            "code": {"coding": [{"system": system, "code": code, "display": display}]},
            "subject": {"reference": f"Patient/{self.patient['id']}"},
            "date": "2025-11-20T09:00:00+00:00",
        }
        if items and contained:
            # CS-085: an ended allergy must not be usable outside its list.
            value["contained"] = items
        if texts:
            value["note"] = [{"text": " ".join(texts)}]
        if items:
            prefix = "#" if contained else ""
            value["entry"] = [
                {"item": {"reference": prefix + (item["id"] if contained else reference_to(item))}}
                for item in items
            ]
        else:
            value["emptyReason"] = _NO_CONTENT
        return value

    def _outcome(self, query: Query, named: list[str]) -> Json | None:
        unsupported = [area for area in query.areas if area in self.unsupported]
        # An area that is switched off is told where something links to it as well, asked for or not (§1.7).
        disabled = [area for area in dict.fromkeys([*query.areas, *named]) if area in self.disabled]
        issues = [
            *(_not_implemented(name, "is an unrecognised parameter") for name in query.unrecognised),
            *(_not_implemented(name, "is an unrecognised parameter") for name in unsupported),
            *(_not_implemented(area, "has been disabled") for area in disabled),
        ]
        if not issues:
            return None
        return {
            "resourceType": "OperationOutcome",
            "meta": {"profile": [_PROFILE + "GPConnect-OperationOutcome-1"]},
            "issue": issues,
        }


_CLINICAL_SETTING = {
    "url": _PROFILE + "Extension-CareConnect-GPC-ClinicalSetting-1",
    "valueCodeableConcept": {
        "coding": [{"system": _SNOMED, "code": "1060971000000108", "display": "General practice service"}]
    },
}
_NO_CONTENT = {
    "coding": [
        {
            "system": "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-ListEmptyReasonCode-1",
            "code": "no-content-recorded",
            "display": "No Content Recorded",
        }
    ]
}


def encode(bundle: Json) -> bytes:
    """As it goes on the wire; the same Bundle gives the same bytes."""
    return json.dumps(bundle, ensure_ascii=False, separators=(",", ":")).encode()


def _each_once(resources: Iterable[Json]) -> list[Json]:
    return list({reference_to(one): one for one in resources}.values())


def _resources(courses: list[Course], *, issues: bool) -> list[Json]:
    """Everything of these courses, each resource once: a product may be shared."""
    found: dict[str, Json] = {}
    for course in courses:
        orders = course.issues if issues else []
        for resource in (course.statement, course.plan, *orders, course.product):
            found.setdefault(reference_to(resource), resource)
    return list(found.values())


def _warning(code: str) -> Json:
    return {"url": _PROFILE + "Extension-CareConnect-GPC-ListWarningCode-1", "valueCode": code}


def _not_implemented(name: str, text: str) -> Json:
    return {
        "severity": "warning",
        "code": "not-supported",
        "details": {
            "coding": [
                {
                    "system": "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1",
                    "code": "NOT_IMPLEMENTED",
                    "display": "Not implemented",
                }
            ],
            "text": f"{name} {text}",
        },
        "diagnostics": name,
    }
