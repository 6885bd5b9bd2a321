"""What we hold to be allowed is what a practice allows, for whatever may be asked together.

The sandbox judges requests by the specification, and shares nothing with the rules that are held to it here.
"""

from datetime import date, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.errors import RequestRejected
from bridge.fhir.build import patient_parameters
from bridge.fhir.parameters import DayPeriod
from bridge.gpconnect import rules
from bridge.sandbox.structured.checks import BadParameters
from bridge.sandbox.structured.parameters import read_query

NHS_NUMBER = "9990000018"
TODAY = date(2026, 11, 22)
A_YEAR_AGO = TODAY - timedelta(days=365)
DAYS = st.sampled_from([A_YEAR_AGO, TODAY - timedelta(days=1), TODAY, TODAY + timedelta(days=1)])
VALUES: dict[type, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(1, 4),
    str: st.sampled_from(["active", "inactive"]),
    date: DAYS,
    DayPeriod: st.builds(DayPeriod, st.none() | DAYS, st.none() | DAYS).filter(lambda p: p != DayPeriod()),
}
WANTED = st.fixed_dictionaries(
    {},
    optional={
        name: st.fixed_dictionaries({}, optional={part: VALUES[kind] for part, kind in parts.items()})
        for name, parts in rules.PARAMETERS.items()
    },
).filter(bool)
FIRST: dict[str, dict[str, Any]] = {
    "includeConsultations": {"includeNumberOfMostRecent": 3},
    "includeProblems": {},
    "includeAllergies": {"includeResolvedAllergies": True},
    "includeMedication": {"medicationSearchFromDate": A_YEAR_AGO},
}
SECOND = {**FIRST, "includeImmunisations": {}, "includeUncategorisedData": {}}


def ours(wanted: dict[str, Any]) -> bool:
    try:
        rules.check(wanted, today=TODAY)
    except RequestRejected:
        return False
    return True


def theirs(wanted: dict[str, Any]) -> bool:
    try:
        read_query(orjson.loads(patient_parameters(NHS_NUMBER, wanted)), version="1.6.2", today=TODAY)
    except BadParameters:
        return False
    return True


@pytest.mark.duty("CS-020", "CS-021", "CS-022", "CS-023")
@given(WANTED)
@example(FIRST)
@example(SECOND)
@example({**FIRST, "includeImmunisations": {}})
@example(
    {
        **FIRST,
        "includeMedication": {"medicationSearchFromDate": A_YEAR_AGO, "includePrescriptionIssues": True},
    }
)
def test_nothing_is_sent_that_is_refused_and_nothing_refused_that_could_be_sent(wanted):
    assert ours(wanted) == theirs(wanted)


@pytest.mark.duty("CS-022")
def test_the_predefined_searches_are_allowed():
    assert ours(FIRST)
    assert ours(SECOND)
    assert not ours({**FIRST, "includeProblems": {"filterStatus": "active"}})


def test_every_area_may_be_asked_for_beside_every_other():
    wanted: dict[str, Any] = {name: {} for name in rules.PARAMETERS}
    assert ours(wanted | {"includeAllergies": {"includeResolvedAllergies": True}})
