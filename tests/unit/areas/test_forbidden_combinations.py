"""What may be asked for together, told by the names of the request, and what is left unsaid."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.areas.period import PeriodOptions
from bridge.areas.requests import areas_model
from bridge.areas.spec import AreaTable
from bridge.errors import RequestRejected
from bridge.fhir.parameters import DayPeriod
from bridge.gpconnect import rules
from tests.contract.golden.areas import TWO_AREAS
from tests.unit.areas.immunisations.query import NOT_GIVEN
from tests.unit.areas.immunisations.spec import IMMUNISATIONS
from tests.unit.areas.visits import VISITS

TODAY = date(2026, 11, 22)
A_YEAR_AGO = TODAY - timedelta(days=365)


TABLE = AreaTable(
    areas=(
        *TWO_AREAS.areas,
        replace(
            IMMUNISATIONS,
            fields={NOT_GIVEN: "include_not_given"},
            practice_defaults={"include_not_given": False},
        ),
        VISITS,
    )
)
Areas = areas_model(TABLE)


def refusal(areas: dict[str, Any]) -> tuple[str, str]:
    wanted = Areas.model_validate(areas)
    with pytest.raises(RequestRejected) as rejection:
        rules.check(wanted.parameters(), today=TODAY, name=wanted.name_of)
    [fault] = rejection.value.faults
    return fault


@pytest.mark.duty("CS-022")
@pytest.mark.parametrize(
    ("areas", "field"),
    [
        ({"medications": {"search_from": TODAY}}, "data.areas.medications.search_from"),
        ({"immunisations": {"include_not_given": True}}, "data.areas.immunisations.include_not_given"),
        ({"immunisations": {"include_not_given": False}}, "data.areas.immunisations.include_not_given"),
    ],
)
def test_what_may_not_be_combined_is_refused_with_both_names(areas: dict[str, Any], field: str) -> None:
    assert refusal({"visits": {}, **areas}) == (field, "cannot be combined with data.areas.visits")


@pytest.mark.duty("CS-023")
def test_two_ways_to_choose_exclude_each_other_by_name() -> None:
    assert refusal({"visits": {"from": A_YEAR_AGO, "most_recent": 3}}) == (
        "data.areas.visits.most_recent",
        "cannot be combined with data.areas.visits.from, to",
    )


@pytest.mark.duty("CS-021")
def test_a_day_ahead_is_refused_by_name() -> None:
    tomorrow = TODAY + timedelta(days=1)
    with pytest.raises(RequestRejected, match="future"):
        rules.check({"includeReferrals": {"referralSearchPeriod": DayPeriod(end=tomorrow)}}, today=TODAY)


@pytest.mark.duty("CS-022")
def test_what_nobody_set_goes_unsaid_beside_linked_content() -> None:
    wanted = Areas.model_validate({"visits": {}, "immunisations": {}, "medications": {}})
    rules.check(wanted.parameters(), today=TODAY)
    assert wanted.parameters() == {
        "includeConsultations": {},
        "includeImmunisations": {},
        "includeMedication": {},
    }
    assert wanted.options()["immunisations"].model_dump() == {"include_not_given": False}
    alone = Areas.model_validate({"immunisations": {}})
    assert alone.parameters() == {"includeImmunisations": {NOT_GIVEN: True}}


@pytest.mark.duty("CS-022")
@pytest.mark.parametrize("more", [{}, {"immunisations": {}}])
def test_the_shape_of_a_predefined_search_can_be_asked_for(more: dict[str, Any]) -> None:
    areas = {
        "visits": {"most_recent": 3},
        "medications": {"search_from": A_YEAR_AGO},
        "allergies": {},
        **more,
    }
    wanted: dict[str, Any] = {**Areas.model_validate(areas).parameters(), "includeProblems": {}}
    if more:
        wanted["includeUncategorisedData"] = {}
    rules.check(wanted, today=TODAY)
    with pytest.raises(RequestRejected):
        rules.check(wanted, today=TODAY + timedelta(days=1))


def test_a_period_may_be_open_and_is_in_order() -> None:
    def period(**bounds: str) -> object:
        return PeriodOptions.model_validate({name.rstrip("_"): day for name, day in bounds.items()}).period(
            "p"
        )

    assert period() == {}
    assert period(from_="2020-01-02") == {"p": DayPeriod(start=date(2020, 1, 2))}
    assert period(to="2020-01-02") == {"p": DayPeriod(end=date(2020, 1, 2))}
    for bounds in ({"from_": "2020-01-03", "to": "2020-01-02"}, {"from_": "2020-01"}, {"to": "2999-01-01"}):
        with pytest.raises(ValidationError):
            period(**bounds)
