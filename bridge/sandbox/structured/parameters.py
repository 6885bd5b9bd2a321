"""The Parameters of ``$gpc.getstructuredrecord``, rule by rule (structured.md §1.2 to §1.4, §1.7)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from bridge.record.dates import uk_day
from bridge.record.nhs_number import NHS_NUMBER_SYSTEM, is_valid_nhs_number
from bridge.sandbox.structured.areas.allergies import RESOLVED
from bridge.sandbox.structured.areas.consultations import MOST_RECENT, PERIOD
from bridge.sandbox.structured.areas.medication import ISSUES, SEARCH_FROM
from bridge.sandbox.structured.areas.spec import LATEST, Version
from bridge.sandbox.structured.areas.table import PRACTICE_AREAS
from bridge.sandbox.structured.checks import BadParameters, value_of

Json = dict[str, Any]

ALLERGIES = "includeAllergies"
MEDICATION = "includeMedication"
CONSULTATIONS = "includeConsultations"
PROBLEMS = "includeProblems"
_PATIENT = "patientNHSNumber"
_PREDEFINED_RECENT = 3
_PREDEFINED_DAYS = 365

# PartValues that may not be combined with these areas: linked items would bypass the filter (§1.4).
_FORBIDDEN_WITH_PROBLEMS = {
    "medicationSearchFromDate",
    "uncategorisedDataSearchPeriod",
    "referralSearchPeriod",
    "diaryEntriesSearchDate",
    "includeNotGiven",
    "includeStatus",
}
_FORBIDDEN_WITH_CONSULTATIONS = _FORBIDDEN_WITH_PROBLEMS | {"filterStatus"}


@dataclass(frozen=True, slots=True)
class Query:
    """What was asked, once it is known to be in order.

    Attributes:
        areas: names of the area parameters asked for.
        parts: names and values of the parts that were sent; no two areas have one of the same name.
        unrecognised: names as they go into a warning: ``name`` or ``area.part``, coarsest level only.
        version: that the provider's system implements.
        remarks: what was accepted and yet is not as a consumer should do it.
    """

    nhs_number: str
    areas: tuple[str, ...] = ()
    parts: tuple[tuple[str, Any], ...] = ()
    unrecognised: tuple[str, ...] = ()
    version: Version = LATEST
    remarks: tuple[str, ...] = field(default=(), compare=False)


def read_query(resource: Any, *, version: str, today: date | None = None) -> Query:
    """What a Parameters resource asks of a provider that implements `version`.

    Raises:
        BadParameters: naming the first rule that is broken.
    """
    today = today or uk_day(datetime.now(UTC))
    parameters = _parameters(resource)
    major, minor, *_ = (int(number) for number in version.split("."))
    known = (major, minor)
    number = _nhs_number(parameters)
    found: dict[str, dict[str, Any]] = {}
    unrecognised: list[str] = []
    for parameter in parameters:
        name = parameter["name"]
        if name == _PATIENT:
            continue
        area = PRACTICE_AREAS.get(name)
        if area is None or area.main_list is None or area.since > known:
            unrecognised.append(name)
            continue
        if name in found:
            raise BadParameters(f"{name} may be sent once only")
        found[name] = _parts(parameter, known, unrecognised, today)
    if not found:
        raise BadParameters("no recognised parameter")
    _check_area_rules(found, today)
    return Query(
        number,
        tuple(found),
        tuple((name, value) for parts in found.values() for name, value in parts.items()),
        tuple(unrecognised),
        known,
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
    identifier = value_of(_PATIENT, given[0], "valueIdentifier", dict)
    if identifier.get("system") != NHS_NUMBER_SYSTEM:
        raise BadParameters(f"{_PATIENT} has another identifier system", "INVALID_IDENTIFIER_SYSTEM")
    number = identifier.get("value")
    if not isinstance(number, str) or not is_valid_nhs_number(number):
        raise BadParameters(f"{_PATIENT} fails its check", "INVALID_NHS_NUMBER")
    return number


def _parts(parameter: Json, known: Version, unrecognised: list[str], today: date) -> dict[str, Any]:
    area = parameter["name"]
    parts = parameter.get("part", [])
    if not isinstance(parts, list) or not all(_has_name(part) for part in parts):
        raise BadParameters(f"{area} has parts without a name", "INVALID_RESOURCE")
    values: dict[str, Any] = {}
    for part in parts:
        name = part["name"]
        legal = PRACTICE_AREAS[area].parts.get(name)
        if not any(key.startswith("value") for key in part):
            raise BadParameters(f"{area}.{name} has no value")
        if legal is None or legal.since > known:
            unrecognised.append(f"{area}.{name}")
            continue
        if name in values:
            raise BadParameters(f"{area}.{name} may be sent once only")
        values[name] = legal.check(f"{area}.{name}", part, today)
    return values


def _check_area_rules(found: Mapping[str, Mapping[str, Any]], today: date) -> None:
    for name, parts in found.items():
        for needed in sorted(PRACTICE_AREAS[name].required - parts.keys()):
            raise BadParameters(f"{name} needs {needed}")
    consultations = found.get(CONSULTATIONS, {})
    if {PERIOD, MOST_RECENT} <= consultations.keys():
        raise BadParameters(f"{PERIOD} and {MOST_RECENT} exclude each other", "INVALID_RESOURCE")
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
        CONSULTATIONS: {MOST_RECENT: _PREDEFINED_RECENT},
        PROBLEMS: {},
        ALLERGIES: {RESOLVED: True},
        MEDICATION: {SEARCH_FROM: today - timedelta(days=_PREDEFINED_DAYS)},
    }
    second = {**first, "includeImmunisations": {}, "includeUncategorisedData": {}}
    return found in (first, second)


def _remarks(parameters: list[Json], found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    remarks = []
    if parameters[0]["name"] != _PATIENT:
        remarks.append("several providers read only the first parameter as the patient")
    if MEDICATION in found and ISSUES not in found[MEDICATION]:
        remarks.append("CS-026: includePrescriptionIssues is not stated")
    return remarks
