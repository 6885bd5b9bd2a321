"""What a practice of the sandbox refuses to answer (structured.md §1.2, §1.4)."""

import pytest

from bridge.sandbox.structured.checks import BadParameters
from bridge.sandbox.structured.parameters import read_query
from tests.unit.sandbox.wire import (
    MAIN_LIST,
    NUMBER,
    PERIODS,
    TODAY,
    YEAR_AGO,
    area,
    issues,
    items,
    lists,
    question,
    whole,
)


def refusal(*parameters, version="1.6.2"):
    with pytest.raises(BadParameters) as refused:
        read_query(question(*parameters), version=version, today=TODAY)
    return refused.value.code, str(refused.value)


FORBIDDEN = [
    ("includeMedication", "medicationSearchFromDate", ("valueDate", "2020-01-01"), True),
    ("includeUncategorisedData", "uncategorisedDataSearchPeriod", ("valuePeriod", {"start": "2020-01-01"}), True),
    ("includeReferrals", "referralSearchPeriod", ("valuePeriod", {"start": "2020-01-01"}), True),
    ("includeDiaryEntries", "diaryEntriesSearchDate", ("valueDate", "2026-01-01"), True),
    ("includeImmunisations", "includeNotGiven", ("valueBoolean", True), True),
    ("includeImmunisations", "includeStatus", ("valueBoolean", True), True),
    # Neither of these filters what a problem or a consultation links (§1.4).
    ("includeInvestigations", "investigationSearchPeriod", ("valuePeriod", {"start": "2020-01-01"}), False),
    ("includeMedication", "includePrescriptionIssues", ("valueBoolean", False), False),
    ("includeAllergies", "includeResolvedAllergies", ("valueBoolean", False), False),
]  # fmt: skip


@pytest.mark.duty("CS-022")
@pytest.mark.parametrize("beside", ["includeConsultations", "includeProblems"])
@pytest.mark.parametrize(("name", "part", "value", "is_forbidden"), FORBIDDEN)
def test_a_filter_that_links_would_bypass_is_refused_beside_what_links(
    name, part, value, is_forbidden, beside
):
    asked = (area(beside), area(name, **{part: value}))
    if not is_forbidden:
        assert MAIN_LIST[name] in lists(whole(*asked))
        return
    code, text = refusal(*asked)
    assert code == "INVALID_PARAMETER"
    assert part in text
    assert NUMBER not in text
    assert MAIN_LIST[name] in lists(whole(asked[1]))


@pytest.mark.duty("CS-022")
def test_a_filter_of_problems_is_refused_beside_consultations():
    active = area("includeProblems", filterStatus=("valueCode", "active"))
    assert refusal(area("includeConsultations"), active)[0] == "INVALID_PARAMETER"
    assert MAIN_LIST["includeProblems"] in lists(whole(active))


FIRST = {
    "includeConsultations": {"includeNumberOfMostRecent": ("valuePositiveInt", 3)},
    "includeProblems": {},
    "includeAllergies": {},
    "includeMedication": {"medicationSearchFromDate": ("valueDate", YEAR_AGO)},
}
SECOND = {**FIRST, "includeImmunisations": {}, "includeUncategorisedData": {}}


@pytest.mark.parametrize("shape", [FIRST, SECOND])
def test_the_two_predefined_searches_are_answered(shape):
    found = lists(whole(*(area(name, **parts) for name, parts in reversed(shape.items()))))
    assert {MAIN_LIST[name] for name in shape} <= found.keys()


@pytest.mark.parametrize(
    "change",
    [
        {"includeConsultations": {"includeNumberOfMostRecent": ("valuePositiveInt", 4)}},
        {"includeConsultations": {}},
        {"includeProblems": {"filterStatus": ("valueCode", "active")}},
        {"includeAllergies": {"includeResolvedAllergies": ("valueBoolean", False)}},
        {"includeMedication": {"medicationSearchFromDate": ("valueDate", "2024-11-21")}},
        {
            "includeMedication": {
                "medicationSearchFromDate": ("valueDate", YEAR_AGO),
                "includePrescriptionIssues": ("valueBoolean", True),
            }
        },
        {"includeImmunisations": {}},
        {"includeUncategorisedData": {}},
        {"includeImmunisations": {}, "includeUncategorisedData": {}, "includeReferrals": {}},
    ],
)
def test_what_differs_from_a_predefined_search_in_anything_is_refused(change):
    assert YEAR_AGO == "2024-11-20"
    shape = {**FIRST, **change}
    assert refusal(*(area(name, **parts) for name, parts in shape.items()))[0] == "INVALID_PARAMETER"


BAD_DATES = [
    {"start": "2020"}, {"start": "2020-01"}, {"start": "2020-02-30"}, {"start": "2020-01-01T00:00:00Z"},
    {"end": "2025-11-21"}, {"start": "2020-01-02", "end": "2020-01-01"}, {},
]  # fmt: skip


@pytest.mark.duty("CS-021")
@pytest.mark.parametrize("name", PERIODS)
@pytest.mark.parametrize("period", BAD_DATES)
def test_a_period_of_anything_but_whole_days_until_today_is_refused(name, period):
    code, text = refusal(area(name, **{PERIODS[name]: ("valuePeriod", period)}))
    assert code == "INVALID_PARAMETER"
    assert f"{name}.{PERIODS[name]}" in text


@pytest.mark.duty("CS-021")
@pytest.mark.parametrize("name", PERIODS)
def test_a_period_of_the_one_day_of_today_is_answered(name):
    today = {"start": TODAY.isoformat(), "end": TODAY.isoformat()}
    assert MAIN_LIST[name] in lists(whole(area(name, **{PERIODS[name]: ("valuePeriod", today)})))


@pytest.mark.duty("CS-021")
@pytest.mark.parametrize(("day", "is_refused"), [("2025-11-19", True), ("2025-11-20", False), ("2026", True)])
def test_diary_entries_alone_are_searched_from_today_on(day, is_refused):
    asked = area("includeDiaryEntries", diaryEntriesSearchDate=("valueDate", day))
    if is_refused:
        assert refusal(asked)[0] == "INVALID_PARAMETER"
    else:
        assert MAIN_LIST["includeDiaryEntries"] in lists(whole(asked))


@pytest.mark.duty("CS-023", "CS-024")
@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (
            area(
                "includeConsultations",
                consultationSearchPeriod=("valuePeriod", {"start": "2020-01-01"}),
                includeNumberOfMostRecent=("valuePositiveInt", 3),
            ),
            "INVALID_RESOURCE",
        ),
        (area("includeConsultations", includeNumberOfMostRecent=("valuePositiveInt", 0)), "INVALID_PARAMETER"),
        (area("includeConsultations", includeNumberOfMostRecent=("valueInteger", 3)), "INVALID_PARAMETER"),
        (area("includeProblems", filterStatus=("valueCode", "resolved")), "INVALID_PARAMETER"),
        (area("includeImmunisations", includeNotGiven=("valueString", "true")), "INVALID_PARAMETER"),
        ({"name": "includeReferrals", "part": [{"name": "referralSearchPeriod"}]}, "INVALID_PARAMETER"),
        ({"name": "includeAllergies"}, "INVALID_PARAMETER"),
        ({"name": "includeImmunizations"}, "INVALID_PARAMETER"),
        ({"name": "DocumentReferences"}, "INVALID_PARAMETER"),
    ],
)  # fmt: skip
def test_values_outside_of_their_rules_are_refused(asked, code):
    assert refusal(asked)[0] == code


def test_a_part_is_known_in_its_own_parameter_only():
    found = whole(area("includeProblems"), area("includeReferrals", filterStatus=("valueCode", "active")))
    assert issues(found) == [
        (
            "warning",
            "NOT_IMPLEMENTED",
            "includeReferrals.filterStatus is an unrecognised parameter",
            "includeReferrals.filterStatus",
        )
    ]
    # What is not known narrows nothing.
    assert len(items(found, MAIN_LIST["includeProblems"])) == 2
