"""What a practice of the sandbox sends of every area, judged by the specification (structured.md §1 to §5)."""

from datetime import date

import pytest
from fhir.resources.STU3 import get_fhir_model_class

from bridge.sandbox.scenarios import BY_NAME
from bridge.sandbox.structured.checks import BadParameters
from bridge.sandbox.structured.parameters import read_query

TODAY = date(2025, 11, 20)
PERIODS = {
    "includeUncategorisedData": "uncategorisedDataSearchPeriod",
    "includeInvestigations": "investigationSearchPeriod",
    "includeReferrals": "referralSearchPeriod",
}
EVERYTHING = (
    {"name": "includeAllergies", "part": [{"name": "includeResolvedAllergies", "valueBoolean": True}]},
    *(
        {"name": f"include{area}"}
        for area in (
            "Medication", "Consultations", "Problems", "Immunisations", "UncategorisedData", "Investigations",
            "Referrals", "DiaryEntries",
        )
    ),
)  # fmt: skip
MAIN_LISTS = {
    "886921000000105", "1103671000000101", "933361000000108", "1149501000000101", "717711000000103",
    "1102181000000102", "826501000000100", "887191000000108", "792931000000107", "714311000000108",
}  # fmt: skip
WHOLE = [
    "whole_record", "values_in_comments", "forms_of_values", "reports_without_states", "reports_by_lines",
    "consultations_by_topic", "problems_of_suppliers", "immunisations_not_given", "referrals_of_few_words",
    "documents_of_no_list", "referrals_switched_off", "withheld_from_consultations",
    "ended_allergy_in_a_consultation",
]  # fmt: skip


def asked(name, *parameters, version="1.6.2"):
    scenario = BY_NAME[name]
    identifier = {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": scenario.nhs_number}
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "patientNHSNumber", "valueIdentifier": identifier}, *parameters],
    }
    record = scenario.record()
    assert record is not None
    bundle = record.answer(read_query(body, version=version, today=TODAY))
    return [entry["resource"] for entry in bundle["entry"]]


def part(name, **value):
    return {"name": name, **value}


def of(resources, kind):
    return [one for one in resources if one["resourceType"] == kind]


def code_of(one):
    return one["code"]["coding"][0]["code"]


def listed(resources, code):
    [found] = [one for one in of(resources, "List") if code_of(one) == code]
    return [each["item"] for each in found.get("entry", [])]


def refs(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "reference" and not inner.startswith("#"):
                yield inner
            else:
                yield from refs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from refs(inner)


def stripped(value):
    """Without blanks around codes, which one of the practices sends on purpose."""
    if isinstance(value, dict):
        return {
            key: inner.strip() if key == "code" and isinstance(inner, str) else stripped(inner)
            for key, inner in value.items()
        }
    return [stripped(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", WHOLE)
def test_every_resource_is_valid_stu3_and_sent_once(name):
    found = asked(name, *EVERYTHING)
    for one in found:
        get_fhir_model_class(one["resourceType"]).model_validate(stripped(one))
    known = [f"{one['resourceType']}/{one['id']}" for one in found if "id" in one]
    assert len(set(known)) == len(known)
    # An ended allergy stands inside of its list; a link to nothing is what one of the records is for.
    inside = [f"{one['resourceType']}/{one['id']}" for each in found for one in each.get("contained", [])]
    assert {ref for ref in refs(found) if ref not in known + inside} <= {"Observation/not-in-this-bundle"}


@pytest.mark.parametrize("name", WHOLE)
def test_every_main_list_comes_of_what_was_asked(name):
    found = asked(name, *EVERYTHING)
    assert {code_of(one) for one in of(found, "List")} >= MAIN_LISTS
    for one in of(found, "List"):
        assert ("entry" in one) != ("emptyReason" in one)


def test_a_consultation_is_a_tree_of_lists_that_names_its_encounter():
    found = asked("whole_record", {"name": "includeConsultations"})
    [encounter] = of(found, "Encounter")
    lists = {f"List/{one['id']}": one for one in of(found, "List") if "encounter" in one}
    [top] = [one for one in lists.values() if code_of(one) == "325851000000107"]
    topics = [lists[each["item"]["reference"]] for each in top["entry"]]
    assert [one.get("title") for one in topics] == ["Hypertension", "Allergies"]
    headings = [lists[each["item"]["reference"]] for each in topics[0]["entry"]]
    assert [one["title"] for one in headings] == ["History", "Examination", "Plan"]
    assert all(one["encounter"]["reference"] == f"Encounter/{encounter['id']}" for one in lists.values())


def test_what_a_consultation_names_comes_along_in_secondary_lists():
    found = asked("whole_record", {"name": "includeConsultations"})
    codes = {code_of(one) for one in of(found, "List")}
    assert codes >= {
        "consultations-allergies-contained-in-consultations",
        "consultations-medications-contained-in-consultations",
        "consultations-uncategorised-data-contained-in-consultations",
        "consultations-investigations-contained-in-consultations",
        "consultations-outbound-referrals-in-consultations",
        "consultations-diary-entries-contained-in-consultations",
        "consultations-immunisations-contained-in-consultations",
        "consultations-problems-contained-in-consultations",
    }
    assert not codes & (MAIN_LISTS - {"1149501000000101"})


def test_a_problem_that_only_names_what_was_asked_for_comes_as_a_header():
    found = asked("whole_record", {"name": "includeUncategorisedData"})
    assert not of(found, "Encounter")
    linked = listed(found, "problems-linked-problems-not-relating-to-the-primary-query")
    assert [each["reference"] for each in linked] == [
        f"Condition/{one['id']}" for one in of(found, "Condition")
    ]


def test_a_filter_leaves_related_problems_in_the_linked_list_alone():
    active = {"name": "includeProblems", "part": [part("filterStatus", valueCode="active")]}
    found = asked("whole_record", active)
    assert len(listed(found, "717711000000103")) == 1
    assert len(listed(found, "problems-linked-problems-not-relating-to-the-primary-query")) == 1
    assert sorted(one["clinicalStatus"] for one in of(found, "Condition")) == ["active", "inactive"]


@pytest.mark.parametrize(
    ("period", "results"),
    [
        ({"start": "2024-03-05"}, 3),
        ({"start": "2024-03-06"}, 0),
        ({"end": "2011-06-30"}, 1),
        ({"end": "2010-12-31"}, 0),
        ({"start": "2011-12-31", "end": "2012-01-01"}, 1),
    ],
)
def test_a_period_is_inclusive_and_a_partial_date_matches_where_it_overlaps(period, results):
    asking = {
        "name": "includeUncategorisedData",
        "part": [part("uncategorisedDataSearchPeriod", valuePeriod=period)],
    }
    # Weight, blood pressure, and an entry of the year 2011: the last is in any period that meets its year.
    found = len(listed(asked("whole_record", asking), "826501000000100"))
    assert found == {3: 2}.get(results, results)


def test_what_has_no_date_is_always_returned():
    period = {"start": "2024-12-01"}
    asking = {
        "name": "includeUncategorisedData",
        "part": [part("uncategorisedDataSearchPeriod", valuePeriod=period)],
    }
    [only] = listed(asked("forms_of_values", asking), "826501000000100")
    assert only


@pytest.mark.parametrize(
    ("parts", "given", "states"),
    [
        ([], [False, False], 2),
        ([part("includeNotGiven", valueBoolean=True)], [False, False, True], 2),
        ([part("includeStatus", valueBoolean=False)], [False, False], 0),
    ],
)
def test_immunisations_not_given_come_where_they_are_asked_for(parts, given, states):
    found = asked("immunisations_not_given", {"name": "includeImmunisations", "part": parts})
    assert sorted(one["notGiven"] for one in of(found, "Immunization")) == given
    assert len(of(found, "Observation")) == states


def test_the_most_recent_consultations_are_those_that_began_last():
    recent = {
        "name": "includeConsultations",
        "part": [part("includeNumberOfMostRecent", valuePositiveInt=1)],
    }
    [encounter] = of(asked("consultations_by_topic", recent), "Encounter")
    assert (encounter["status"], encounter["period"]["start"]) == ("unknown", "2025-11-19T17:55:00+00:00")


def test_what_is_switched_off_is_words_in_its_place():
    found = asked("referrals_switched_off", {"name": "includeConsultations"})
    items = [each["item"] for one in of(found, "List") for each in one.get("entry", [])]
    assert {"display": "Referral items have been disabled."} in items
    assert not of(found, "ReferralRequest")


def test_what_was_withheld_of_a_consultation_stands_on_a_secondary_list():
    found = asked("withheld_from_consultations", {"name": "includeConsultations"})
    code = "consultations-uncategorised-data-contained-in-consultations"
    [withheld] = [one for one in of(found, "List") if code_of(one) == code]
    assert "entry" not in withheld
    assert "confidential-items" in {each.get("valueCode") for each in withheld["extension"]}


def test_documents_come_with_what_names_them_and_have_an_address_or_a_reason():
    found = of(asked("documents_of_no_list", {"name": "includeReferrals"}), "DocumentReference")
    attachments = [one["content"][0]["attachment"] for one in found]
    assert sorted(("url" in one, "title" in one) for one in attachments) == [(False, True), (True, False)]


def test_an_older_version_says_which_area_it_does_not_know():
    found = asked(
        "whole_record", {"name": "includeMedication"}, {"name": "includeReferrals"}, version="1.3.0"
    )
    [outcome] = of(found, "OperationOutcome")
    assert [issue["diagnostics"] for issue in outcome["issue"]] == ["includeReferrals"]
    assert not of(found, "ReferralRequest")


@pytest.mark.parametrize("area", sorted(PERIODS))
def test_no_period_beside_problems(area):
    forbidden = {"name": area, "part": [part(PERIODS[area], valuePeriod={"start": "2020-01-01"})]}
    if area == "includeInvestigations":
        assert asked("whole_record", {"name": "includeProblems"}, forbidden)
    else:
        with pytest.raises(BadParameters, match=PERIODS[area]):
            asked("whole_record", {"name": "includeProblems"}, forbidden)
