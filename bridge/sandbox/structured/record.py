"""One patient's record at a practice, and the answer a provider gives from it (structured.md §2 to §4)."""

import json
from calendar import monthrange
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from bridge.sandbox.structured.parameters import ALLERGIES, AREAS, MEDICATION, Query

Json = dict[str, Any]

_PROFILE = "https://fhir.nhs.uk/STU3/StructureDefinition/"
_SNOMED = "http://snomed.info/sct"
ACTIVE_ALLERGIES = ("886921000000105", "Allergies and adverse reactions", "Allergies and adverse reactions")
ENDED_ALLERGIES = ("1103671000000101", "Ended allergies", "Ended allergies")
MEDICATIONS = ("933361000000108", "Medications and medical devices", "Medications and medical devices")
# code, preferred term, title
_OTHER_LISTS = {
    "includeConsultations": ("1149501000000101", "List of consultations", "List of consultations"),
    "includeProblems": ("717711000000103", "Problems", "Problems"),
    "includeImmunisations": ("1102181000000102", "Immunisations", "Immunisations"),
    "includeUncategorisedData": ("826501000000100", "Miscellaneous record", "Uncategorised data"),
    "includeInvestigations": ("887191000000108", "Investigations and results", "Investigations and results"),
    "includeReferrals": ("792931000000107", "Outbound referral", "Outbound referral"),
    "includeDiaryEntries": (
        "714311000000108",
        "Patient recall administration",
        "Patient recall administration",
    ),
}
assert set(_OTHER_LISTS) | {ALLERGIES, MEDICATION} == set(AREAS)

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
            return _latest(self.end) >= day
        # No end: an acute lasts for its day only; a repeat, or what has no type, goes on.
        is_acute = self.kind in {"acute", "acute-handwritten", "delayed-prescribing"}
        return not is_acute or _latest(self.start) >= day


@dataclass(slots=True)
class Record:
    """What the practice holds, in pieces.

    Attributes:
        administrative: Organization, Practitioner and PractitionerRole resources.
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
    others: list[Json] = field(default_factory=list)
    warnings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unsupported: frozenset[str] = frozenset()
    disabled: frozenset[str] = frozenset()
    missing_lists: frozenset[str] = frozenset()
    finish: Callable[[Json], None] | None = None

    def answer(self, query: Query) -> Json:
        """The Bundle for `query`, but for its id."""
        available = [area for area in query.areas if area not in self.unsupported | self.disabled]
        resources = [self.patient, *self.administrative]
        for area in query.areas:
            if area in self.unsupported or area in self.missing_lists:
                continue
            # A list of an area that is switched off may be there, and is then empty.
            resources += self._area(area, query, available=area in available)
        resources += self.others
        outcome = self._outcome(query)
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

    def _area(self, area: str, query: Query, *, available: bool) -> list[Json]:
        answer = _ANSWERS.get(area)
        if answer is None:
            return [self._list(_OTHER_LISTS[area], [], self.warnings.get(area, ()))]
        return answer(self, query, available=available)

    def _medications(self, query: Query, *, available: bool) -> list[Json]:
        courses = [
            course
            for course in self.courses
            if available and (query.search_from is None or course.is_active_since(query.search_from))
        ]
        statements = [course.statement for course in courses]
        warnings = self.warnings.get(MEDICATION, ())
        return [self._list(MEDICATIONS, statements, warnings), *_resources(courses, issues=query.issues)]

    def _allergies(self, query: Query, *, available: bool) -> list[Json]:
        active, ended = (self.allergies, self.ended) if available else ([], [])
        warnings = self.warnings.get(ALLERGIES, ())
        resources = [self._list(ACTIVE_ALLERGIES, active, warnings), *active]
        if query.resolved_allergies:
            resources.append(self._list(ENDED_ALLERGIES, ended, warnings, contained=True))
        return resources

    def _list(
        self,
        kind: tuple[str, str, str],
        items: list[Json],
        warnings: tuple[str, ...],
        *,
        contained: bool = False,
    ) -> Json:
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
            "code": {"coding": [{"system": _SNOMED, "code": code, "display": display}]},
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
                {"item": {"reference": prefix + (item["id"] if contained else _reference(item))}}
                for item in items
            ]
        else:
            value["emptyReason"] = _NO_CONTENT
        return value

    def _outcome(self, query: Query) -> Json | None:
        unsupported = [area for area in query.areas if area in self.unsupported]
        issues = [
            *(_not_implemented(name, "is an unrecognised parameter") for name in query.unrecognised),
            *(_not_implemented(name, "is an unrecognised parameter") for name in unsupported),
            *(_not_implemented(area, "has been disabled") for area in query.areas if area in self.disabled),
        ]
        if not issues:
            return None
        return {
            "resourceType": "OperationOutcome",
            "meta": {"profile": [_PROFILE + "GPConnect-OperationOutcome-1"]},
            "issue": issues,
        }


_ANSWERS = {MEDICATION: Record._medications, ALLERGIES: Record._allergies}  # noqa: SLF001 - of this very class
"""What a practice sends of each area that it holds anything of; of any other, its empty list."""

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


def _reference(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _resources(courses: list[Course], *, issues: bool) -> list[Json]:
    """Everything of these courses, each resource once: a product may be shared."""
    found: dict[str, Json] = {}
    for course in courses:
        orders = course.issues if issues else []
        for resource in (course.statement, course.plan, *orders, course.product):
            found.setdefault(_reference(resource), resource)
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


def _latest(text: str) -> date:
    """Last day of a date, dateTime or partial date."""
    parts = [int(part) for part in text.partition("T")[0].split("-")]
    year, month = parts[0], parts[1] if len(parts) > 1 else 12
    day = parts[2] if len(parts) > 2 else monthrange(year, month)[1]  # noqa: PLR2004 - year, month, day
    return date(year, month, day)
