from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest
from fhir.resources.STU3.parameters import Parameters

from bridge.areas.requests import Areas
from bridge.errors import RequestRejected
from bridge.fhir.build import patient_parameters
from bridge.fhir.parameters import DayPeriod, Wanted
from bridge.gpconnect import rules
from bridge.gpconnect.structured import structured_parameters

NHS_NUMBER = "9990000018"
TODAY = date(2026, 11, 22)
PAST, FUTURE = TODAY - timedelta(days=1), TODAY + timedelta(days=1)


def built(areas: dict[str, Any]) -> list[dict[str, Any]]:
    body = structured_parameters(NHS_NUMBER, Areas.model_validate(areas).parameters())
    Parameters.model_validate_json(body)
    parameter: list[dict[str, Any]] = orjson.loads(body)["parameter"]
    return parameter


@pytest.mark.duty("CS-020", "CS-026", "JO-030")
def test_the_reference_request_of_the_specification():
    search_from = datetime.now(UTC).date() - timedelta(days=365)

    assert built({"medications": {"search_from": search_from}, "allergies": {}}) == [
        {
            "name": "patientNHSNumber",
            "valueIdentifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": NHS_NUMBER},
        },
        {"name": "includeAllergies", "part": [{"name": "includeResolvedAllergies", "valueBoolean": True}]},
        {
            "name": "includeMedication",
            "part": [
                {"name": "includePrescriptionIssues", "valueBoolean": True},
                {"name": "medicationSearchFromDate", "valueDate": search_from.isoformat()},
            ],
        },
    ]


@pytest.mark.duty("CS-020", "CS-026")
@pytest.mark.parametrize("wanted", [True, False])
def test_options_are_stated_whatever_the_default(wanted: bool):
    areas = {"medications": {"include_issues": wanted}, "allergies": {"include_ended": wanted}}
    _patient, allergies, medication = built(areas)

    assert allergies["part"] == [{"name": "includeResolvedAllergies", "valueBoolean": wanted}]
    assert medication["part"] == [{"name": "includePrescriptionIssues", "valueBoolean": wanted}]


@pytest.mark.duty("CS-028")
@pytest.mark.parametrize(
    ("areas", "names"),
    [
        ({"medications": {}}, ["patientNHSNumber", "includeMedication"]),
        ({"allergies": {}}, ["patientNHSNumber", "includeAllergies"]),
    ],
)
def test_only_what_is_wanted_is_asked_for_and_the_patient_comes_first(
    areas: dict[str, Any], names: list[str]
):
    assert [parameter["name"] for parameter in built(areas)] == names


@pytest.mark.duty("SP-102", "CS-021")
def test_dates_are_whole_days_without_time():
    day = date(2024, 2, 29)
    _patient, medication = built({"medications": {"search_from": day}})

    assert medication["part"][1] == {"name": "medicationSearchFromDate", "valueDate": "2024-02-29"}


@pytest.mark.duty("SP-106", "SP-101")
def test_the_body_refers_to_nothing_outside_itself():
    wanted = Areas.model_validate({"medications": {}, "allergies": {}}).parameters()
    body = structured_parameters(NHS_NUMBER, wanted)

    assert b"reference" not in body
    assert body.count(b"http") == 1  # the system of the NHS number


def test_values_of_every_kind_are_valid_fhir():
    body = patient_parameters(
        NHS_NUMBER,
        {
            "includeConsultations": {"includeNumberOfMostRecent": 3},
            "includeProblems": {"filterStatus": "active"},
            "includeReferrals": {"referralSearchPeriod": DayPeriod(start=PAST)},
            "includeImmunisations": {},
        },
    )

    Parameters.model_validate_json(body)
    assert orjson.loads(body)["parameter"][1:] == [
        {
            "name": "includeConsultations",
            "part": [{"name": "includeNumberOfMostRecent", "valuePositiveInt": 3}],
        },
        {"name": "includeProblems", "part": [{"name": "filterStatus", "valueCode": "active"}]},
        {
            "name": "includeReferrals",
            "part": [{"name": "referralSearchPeriod", "valuePeriod": {"start": PAST.isoformat()}}],
        },
        {"name": "includeImmunisations"},
    ]


def rejected(wanted: Wanted) -> str:
    with pytest.raises(RequestRejected) as rejection:
        rules.check(wanted, today=TODAY)
    return rejection.value.faults[0][0]


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        pytest.param({}, "parameter", id="nothing wanted"),
        pytest.param({"includeMedications": {}}, "includeMedications", id="misspelt parameter"),
        pytest.param(
            {"includeMedication": {"includeResolvedAllergies": True}},
            "includeMedication.includeResolvedAllergies",
            id="part of another parameter",
        ),
        pytest.param(
            {"includeMedication": {"medicationSearchFromDate": "2026"}},
            "includeMedication.medicationSearchFromDate",
            id="partial date",
            marks=pytest.mark.duty("CS-021"),
        ),
        pytest.param(
            {"includeMedication": {"medicationSearchFromDate": datetime(2026, 1, 1)}},  # noqa: DTZ001
            "includeMedication.medicationSearchFromDate",
            id="date with a time",
            marks=pytest.mark.duty("CS-021"),
        ),
        pytest.param(
            {"includeMedication": {"medicationSearchFromDate": FUTURE}},
            "includeMedication.medicationSearchFromDate",
            id="search from the future",
            marks=pytest.mark.duty("CS-021"),
        ),
        pytest.param(
            {"includeDiaryEntries": {"diaryEntriesSearchDate": PAST}},
            "includeDiaryEntries.diaryEntriesSearchDate",
            id="diary of the past",
            marks=pytest.mark.duty("CS-021"),
        ),
        pytest.param(
            {"includeReferrals": {"referralSearchPeriod": DayPeriod(start=TODAY, end=PAST)}},
            "includeReferrals.referralSearchPeriod",
            id="ends before it starts",
            marks=pytest.mark.duty("CS-021"),
        ),
        pytest.param(
            {"includeReferrals": {"referralSearchPeriod": DayPeriod(start=PAST, end=FUTURE)}},
            "includeReferrals.referralSearchPeriod",
            id="ends in the future",
            marks=pytest.mark.duty("CS-021"),
        ),
        pytest.param(
            {"includeReferrals": {"referralSearchPeriod": DayPeriod()}},
            "includeReferrals.referralSearchPeriod",
            id="period without bounds",
        ),
        pytest.param(
            {"includeAllergies": {}},
            "includeAllergies.includeResolvedAllergies",
            id="ended allergies not stated",
            marks=pytest.mark.duty("CS-020"),
        ),
        pytest.param(
            {"includeProblems": {"filterStatus": "resolved"}},
            "includeProblems.filterStatus",
            id="status that is none",
            marks=pytest.mark.duty("CS-024"),
        ),
        pytest.param(
            {"includeConsultations": {"includeNumberOfMostRecent": 0}},
            "includeConsultations.includeNumberOfMostRecent",
            id="the latest none",
        ),
        pytest.param(
            {
                "includeConsultations": {
                    "consultationSearchPeriod": DayPeriod(start=PAST),
                    "includeNumberOfMostRecent": 3,
                }
            },
            "includeConsultations.includeNumberOfMostRecent",
            id="period and number",
            marks=pytest.mark.duty("CS-023"),
        ),
    ],
)
def test_what_a_practice_would_refuse_is_refused_before_it_is_sent(wanted: Wanted, field: str):
    assert rejected(wanted) == field


FILTERED: dict[str, dict[str, Any]] = {
    "medicationSearchFromDate": {"includeMedication": {"medicationSearchFromDate": PAST}},
    "uncategorisedDataSearchPeriod": {
        "includeUncategorisedData": {"uncategorisedDataSearchPeriod": DayPeriod(start=PAST)}
    },
    "referralSearchPeriod": {"includeReferrals": {"referralSearchPeriod": DayPeriod(start=PAST)}},
    "diaryEntriesSearchDate": {"includeDiaryEntries": {"diaryEntriesSearchDate": FUTURE}},
    "includeNotGiven": {"includeImmunisations": {"includeNotGiven": True}},
    "includeStatus": {"includeImmunisations": {"includeStatus": True}},
}


@pytest.mark.duty("CS-022")
@pytest.mark.parametrize("area", ["includeConsultations", "includeProblems"])
@pytest.mark.parametrize("part", FILTERED)
def test_a_filter_cannot_be_combined_with_areas_whose_links_bypass_it(area: str, part: str):
    rules.check(FILTERED[part], today=TODAY)

    assert rejected(FILTERED[part] | {area: {}}).endswith(f".{part}")


@pytest.mark.duty("CS-022")
def test_consultations_cannot_be_combined_with_a_filter_of_problems():
    problems = {"includeProblems": {"filterStatus": "active"}}
    rules.check(problems, today=TODAY)

    assert rejected(problems | {"includeConsultations": {}}) == "includeProblems.filterStatus"


@pytest.mark.duty("CS-022")
def test_a_search_of_investigations_combines_with_everything():
    rules.check(
        {
            "includeConsultations": {},
            "includeProblems": {},
            "includeInvestigations": {"investigationSearchPeriod": DayPeriod(start=PAST)},
        },
        today=TODAY,
    )


@pytest.mark.duty("CS-022")
def test_the_predefined_searches_may_mix_in_exactly_their_shapes():
    medication = {"medicationSearchFromDate": TODAY - timedelta(days=365)}
    first: dict[str, Any] = {
        "includeConsultations": {"includeNumberOfMostRecent": 3},
        "includeProblems": {},
        "includeAllergies": {"includeResolvedAllergies": True},
        "includeMedication": medication,
    }
    rules.check(first, today=TODAY)
    rules.check(first | {"includeImmunisations": {}, "includeUncategorisedData": {}}, today=TODAY)

    for nearly in (
        first | {"includeImmunisations": {}},
        first | {"includeConsultations": {"includeNumberOfMostRecent": 4}},
        first | {"includeMedication": {"medicationSearchFromDate": TODAY - timedelta(days=364)}},
    ):
        assert rejected(nearly) == "includeMedication.medicationSearchFromDate"
