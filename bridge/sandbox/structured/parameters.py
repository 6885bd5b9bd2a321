"""The Parameters of ``$gpc.getstructuredrecord``, rule by rule (structured.md §1.2 to §1.4, §1.7)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from bridge.record.dates import uk_day
from bridge.record.nhs_number import NHS_NUMBER_SYSTEM, is_valid_nhs_number

Json = dict[str, Any]

ALLERGIES = "includeAllergies"
MEDICATION = "includeMedication"
CONSULTATIONS = "includeConsultations"
PROBLEMS = "includeProblems"
_PATIENT = "patientNHSNumber"
_FULL_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_PREDEFINED_RECENT = 3
_PREDEFINED_DAYS = 365

# Parts that may not be combined with these areas: linked items would bypass the filter (§1.4).
_FORBIDDEN_WITH_PROBLEMS = {
    "medicationSearchFromDate",
    "uncategorisedDataSearchPeriod",
    "referralSearchPeriod",
    "diaryEntriesSearchDate",
    "includeNotGiven",
    "includeStatus",
}
_FORBIDDEN_WITH_CONSULTATIONS = _FORBIDDEN_WITH_PROBLEMS | {"filterStatus"}


class BadParameters(Exception):  # noqa: N818 - named for what it is about
    """A rule that the Parameters break, and the Spine code it is answered with."""

    def __init__(self, rule: str, code: str = "INVALID_PARAMETER") -> None:
        super().__init__(rule)
        self.code = code


@dataclass(frozen=True, slots=True)
class Query:
    """What was asked, once it is known to be in order.

    Attributes:
        areas: names of the area parameters asked for.
        unrecognised: names as they go into a warning: ``name`` or ``area.part``, coarsest level only.
        remarks: what was accepted and yet is not as a consumer should do it.
    """

    nhs_number: str
    areas: tuple[str, ...] = ()
    resolved_allergies: bool = False
    issues: bool = True
    search_from: date | None = None
    unrecognised: tuple[str, ...] = ()
    remarks: tuple[str, ...] = field(default=(), compare=False)


CheckValue = Callable[[str, Json, date], Any]


def _value(name: str, part: Json, key: str, kind: type) -> Any:
    value = part.get(key)
    if value is None or not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise BadParameters(f"{name} needs a {key}")
    return value


def _boolean(name: str, part: Json, _: date) -> bool:
    return bool(_value(name, part, "valueBoolean", bool))


def _positive(name: str, part: Json, _: date) -> int:
    value: int = _value(name, part, "valuePositiveInt", int)
    if value < 1:
        raise BadParameters(f"{name} must be at least 1")
    return value


def _status(name: str, part: Json, _: date) -> str:
    value: str = _value(name, part, "valueCode", str)
    if value not in {"active", "inactive"}:
        raise BadParameters(f"{name} must be active or inactive")
    return value


def _date(name: str, text: str) -> date:
    if not _FULL_DATE.fullmatch(text):
        raise BadParameters(f"{name} must be a whole date")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadParameters(f"{name} is not a day of the calendar") from None


def _past_date(name: str, part: Json, today: date) -> date:
    value = _date(name, _value(name, part, "valueDate", str))
    if value > today:
        raise BadParameters(f"{name} must not be in the future")
    return value


def _future_date(name: str, part: Json, today: date) -> date:
    value = _date(name, _value(name, part, "valueDate", str))
    if value < today:
        raise BadParameters(f"{name} must not be in the past")
    return value


def _past_period(name: str, part: Json, today: date) -> tuple[date, ...]:
    period = _value(name, part, "valuePeriod", dict)
    bounds = tuple(_date(name, str(period[bound])) for bound in ("start", "end") if bound in period)
    if not bounds:
        raise BadParameters(f"{name} needs a start or an end")
    if any(bound > today for bound in bounds):
        raise BadParameters(f"{name} must not be in the future")
    if bounds[0] > bounds[-1]:
        raise BadParameters(f"{name} must not end before it starts")
    return bounds


AREAS: Mapping[str, Mapping[str, CheckValue]] = {
    ALLERGIES: {"includeResolvedAllergies": _boolean},
    MEDICATION: {"includePrescriptionIssues": _boolean, "medicationSearchFromDate": _past_date},
    CONSULTATIONS: {"consultationSearchPeriod": _past_period, "includeNumberOfMostRecent": _positive},
    PROBLEMS: {"filterStatus": _status},
    "includeImmunisations": {"includeNotGiven": _boolean, "includeStatus": _boolean},
    "includeUncategorisedData": {"uncategorisedDataSearchPeriod": _past_period},
    "includeInvestigations": {"investigationSearchPeriod": _past_period},
    "includeReferrals": {"referralSearchPeriod": _past_period},
    "includeDiaryEntries": {"diaryEntriesSearchDate": _future_date},
}
_SINCE: Mapping[str, tuple[int, int]] = {
    CONSULTATIONS: (1, 3),
    PROBLEMS: (1, 3),
    "includeImmunisations": (1, 3),
    "includeUncategorisedData": (1, 3),
    "includeInvestigations": (1, 4),
    "includeReferrals": (1, 4),
    "includeDiaryEntries": (1, 5),
    "includeImmunisations.includeNotGiven": (1, 5),
    "includeImmunisations.includeStatus": (1, 5),
}
"""The version that a parameter, or a part of one, came with; all others came with the first, 1.2 (§1.7)."""


def read_query(resource: Any, *, version: str, today: date | None = None) -> Query:
    """What a Parameters resource asks of a provider that implements `version`.

    Raises:
        BadParameters: naming the first rule that is broken.
    """
    today = today or uk_day(datetime.now(UTC))
    parameters = _parameters(resource)
    major, minor, *_ = (int(number) for number in version.split("."))
    unknown = {name for name, since in _SINCE.items() if since > (major, minor)}
    number = _nhs_number(parameters)
    found: dict[str, dict[str, Any]] = {}
    unrecognised: list[str] = []
    for parameter in parameters:
        name = parameter["name"]
        if name == _PATIENT:
            continue
        if name not in AREAS or name in unknown:
            unrecognised.append(name)
            continue
        if name in found:
            raise BadParameters(f"{name} may be sent once only")
        found[name] = _parts(parameter, unknown, unrecognised, today)
    if not found:
        raise BadParameters("no recognised parameter")
    _check_area_rules(found, today)
    medication, allergies = found.get(MEDICATION, {}), found.get(ALLERGIES, {})
    return Query(
        number,
        tuple(found),
        allergies.get("includeResolvedAllergies", False),
        medication.get("includePrescriptionIssues", True),
        medication.get("medicationSearchFromDate"),
        tuple(unrecognised),
        tuple(_remarks(parameters, found)),
    )


def _parameters(resource: Any) -> list[Json]:
    if not isinstance(resource, dict) or resource.get("resourceType") != "Parameters":
        raise BadParameters("the body must be a Parameters resource", "BAD_REQUEST")
    parameters = resource.get("parameter")
    if not isinstance(parameters, list) or not parameters or not all(_has_name(item) for item in parameters):
        raise BadParameters("parameter must be a list of named parameters", "INVALID_RESOURCE")
    return parameters


def _has_name(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("name"), str)


def _nhs_number(parameters: list[Json]) -> str:
    given = [parameter for parameter in parameters if parameter["name"] == _PATIENT]
    if len(given) != 1:
        raise BadParameters(f"{_PATIENT} must be sent once")
    identifier = _value(_PATIENT, given[0], "valueIdentifier", dict)
    if identifier.get("system") != NHS_NUMBER_SYSTEM:
        raise BadParameters(f"{_PATIENT} has another identifier system", "INVALID_IDENTIFIER_SYSTEM")
    number = identifier.get("value")
    if not isinstance(number, str) or not is_valid_nhs_number(number):
        raise BadParameters(f"{_PATIENT} fails its check", "INVALID_NHS_NUMBER")
    return number


def _parts(parameter: Json, unknown: set[str], unrecognised: list[str], today: date) -> dict[str, Any]:
    area = parameter["name"]
    parts = parameter.get("part", [])
    if not isinstance(parts, list) or not all(_has_name(part) for part in parts):
        raise BadParameters(f"{area} has parts without a name", "INVALID_RESOURCE")
    values: dict[str, Any] = {}
    for part in parts:
        name = part["name"]
        check = AREAS[area].get(name)
        if not any(key.startswith("value") for key in part):
            raise BadParameters(f"{area}.{name} has no value")
        if check is None or f"{area}.{name}" in unknown:
            unrecognised.append(f"{area}.{name}")
            continue
        if name in values:
            raise BadParameters(f"{area}.{name} may be sent once only")
        values[name] = check(f"{area}.{name}", part, today)
    return values


def _check_area_rules(found: Mapping[str, Mapping[str, Any]], today: date) -> None:
    if ALLERGIES in found and "includeResolvedAllergies" not in found[ALLERGIES]:
        raise BadParameters(f"{ALLERGIES} needs includeResolvedAllergies")
    consultations = found.get(CONSULTATIONS, {})
    if {"consultationSearchPeriod", "includeNumberOfMostRecent"} <= consultations.keys():
        raise BadParameters(
            "consultationSearchPeriod and includeNumberOfMostRecent exclude each other", "INVALID_RESOURCE"
        )
    sent = {part for parts in found.values() for part in parts}
    forbidden = set()
    if CONSULTATIONS in found:
        forbidden |= sent & _FORBIDDEN_WITH_CONSULTATIONS
    if PROBLEMS in found:
        forbidden |= sent & _FORBIDDEN_WITH_PROBLEMS
    if forbidden and not _is_predefined(found, today):
        raise BadParameters(f"{min(forbidden)} may not be combined with consultations or problems")


def _is_predefined(found: Mapping[str, Mapping[str, Any]], today: date) -> bool:
    """The two searches that may mix what others may not, in exactly their shape."""
    first = {
        CONSULTATIONS: {"includeNumberOfMostRecent": _PREDEFINED_RECENT},
        PROBLEMS: {},
        ALLERGIES: {"includeResolvedAllergies": True},
        MEDICATION: {"medicationSearchFromDate": today - timedelta(days=_PREDEFINED_DAYS)},
    }
    second = {**first, "includeImmunisations": {}, "includeUncategorisedData": {}}
    return found in (first, second)


def _remarks(parameters: list[Json], found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    remarks = []
    if parameters[0]["name"] != _PATIENT:
        remarks.append("several providers read only the first parameter as the patient")
    if MEDICATION in found and "includePrescriptionIssues" not in found[MEDICATION]:
        remarks.append("CS-026: includePrescriptionIssues is not stated")
    return remarks
