"""What a structured record request must not say, checked before anything is sent.

Source: Access Record Structured, retrieve_patient_record and search, 1.6.2. The table holds every clinical
area, so that an area added later is held to it from its first day.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Final

from bridge.errors import RequestRejected
from bridge.fhir.parameters import DayPeriod, Value, Wanted

_DIARY: Final = "diaryEntriesSearchDate"
_PERIOD: Final = "consultationSearchPeriod"
_MOST_RECENT: Final = "includeNumberOfMostRecent"
_STATUSES: Final = frozenset({"active", "inactive"})

PARAMETERS: Final[Mapping[str, Mapping[str, type]]] = {
    "includeAllergies": {"includeResolvedAllergies": bool},
    "includeMedication": {"includePrescriptionIssues": bool, "medicationSearchFromDate": date},
    "includeConsultations": {_PERIOD: DayPeriod, _MOST_RECENT: int},
    "includeProblems": {"filterStatus": str},
    "includeImmunisations": {"includeNotGiven": bool, "includeStatus": bool},
    "includeUncategorisedData": {"uncategorisedDataSearchPeriod": DayPeriod},
    "includeInvestigations": {"investigationSearchPeriod": DayPeriod},
    "includeReferrals": {"referralSearchPeriod": DayPeriod},
    "includeDiaryEntries": {_DIARY: date},
}
"""Every parameter with its parts and their types; a part is legal inside its own parameter only."""

MANDATORY: Final[Mapping[str, str]] = {"includeAllergies": "includeResolvedAllergies"}
"""Parts without which their parameter is refused (CS-020)."""

_WITH_PROBLEMS: Final = frozenset(
    {
        "medicationSearchFromDate",
        "uncategorisedDataSearchPeriod",
        "referralSearchPeriod",
        _DIARY,
        "includeNotGiven",
        "includeStatus",
    }
)
FORBIDDEN: Final[Mapping[str, frozenset[str]]] = {
    # Items linked from these areas bypass the filters of their own area: an old linked medicine would
    # come and a newer one would not, and a reader would take the list for a complete one (CS-022).
    "includeProblems": _WITH_PROBLEMS,
    "includeConsultations": _WITH_PROBLEMS | {"filterStatus"},
}


Name = Callable[[str, str | None], str]
"""How the sender of a request calls a parameter, or a part of one."""


def as_sent(parameter: str, part: str | None) -> str:
    """The name that a parameter, or a part of one, has in FHIR."""
    return parameter if part is None else f"{parameter}.{part}"


def check(wanted: Wanted, *, today: date, name: Name = as_sent) -> None:
    """Hold a request to the rules.

    Args:
        wanted: what is to be sent.
        today: by the clocks of practices.
        name: for what is told of it.

    Raises:
        RequestRejected: naming the first parameter or part that breaks a rule, and the rule.
    """
    if not wanted:
        raise RequestRejected("parameter", "at least one clinical area must be asked for")
    for parameter, parts in wanted.items():
        _check_parts(parameter, parts, today, name)
    if not FORBIDDEN.keys().isdisjoint(wanted) and wanted not in _predefined(today):
        _check_combinations(wanted, name)


def _check_parts(parameter: str, parts: Mapping[str, Value], today: date, name: Name) -> None:
    known = PARAMETERS.get(parameter)
    if known is None:
        raise RequestRejected(name(parameter, None), "is no parameter of a structured record request")
    mandatory = MANDATORY.get(parameter)
    if mandatory is not None and mandatory not in parts:
        raise RequestRejected(name(parameter, mandatory), "must be stated")
    if {_PERIOD, _MOST_RECENT} <= parts.keys():  # CS-023
        excluded = name(parameter, _PERIOD)
        raise RequestRejected(name(parameter, _MOST_RECENT), f"cannot be combined with {excluded}")
    for part, value in parts.items():
        if type(value) is not known.get(part):
            raise RequestRejected(name(parameter, part), "is no such part, or is of another type")
        for problem in _problems(part, value, today):
            raise RequestRejected(name(parameter, part), problem)


def _problems(part: str, value: Value, today: date) -> Iterator[str]:
    match value:
        case DayPeriod(start=None, end=None):
            yield "must have a start or an end"
        case DayPeriod(start=date() as start, end=date() as end) if start > end:
            yield "must not start after its end"
        case str() if value not in _STATUSES:  # CS-024
            yield "must be active or inactive"
        case int() if not isinstance(value, bool) and value < 1:
            yield "must be at least 1"
    for day in _days(value):  # CS-021
        if part == _DIARY and day < today:
            yield "must not be in the past"
        if part != _DIARY and day > today:
            yield "must not be in the future"


def _days(value: Value) -> Iterator[date]:
    if isinstance(value, DayPeriod):
        yield from (bound for bound in (value.start, value.end) if bound)
    elif isinstance(value, date):
        yield value


def _check_combinations(wanted: Wanted, name: Name) -> None:
    for area, forbidden in FORBIDDEN.items():
        if area not in wanted:
            continue
        for parameter, parts in wanted.items():
            for part in parts:
                if part in forbidden:
                    raise RequestRejected(
                        name(parameter, part), f"cannot be combined with {name(area, None)}"
                    )


def _predefined(today: date) -> tuple[Wanted, Wanted]:
    """The two searches that may mix what is otherwise forbidden, in exactly these shapes."""
    first: dict[str, dict[str, Value]] = {
        "includeConsultations": {_MOST_RECENT: 3},
        "includeProblems": {},
        "includeAllergies": {"includeResolvedAllergies": True},
        "includeMedication": {"medicationSearchFromDate": today - timedelta(days=365)},
    }
    return first, first | {"includeImmunisations": {}, "includeUncategorisedData": {}}
