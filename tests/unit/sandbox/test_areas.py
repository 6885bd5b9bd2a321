"""What a practice of the sandbox answers of any area: versions, dates, linked lists, what is withheld (§1, §2)."""

import pytest

from bridge.sandbox.scenarios import BY_NAME
from bridge.sandbox.structured.clinical import diary_entry, document, observation, problem, referral
from bridge.sandbox.structured.consultations import ContentPart, consultation
from bridge.sandbox.structured.reports import report
from tests.unit.sandbox.wire import (
    CODE,
    MAIN_LIST,
    PERIODS,
    SECONDARY,
    SINCE,
    STRUCTURE,
    answer,
    area,
    fill,
    issues,
    items,
    lists,
    of,
    practice,
    whole,
)

# What a version knows (§1.7)


@pytest.mark.parametrize("version", ["1.2.7", "1.3.2", "1.4.0", "1.5.1", "1.6.2"])
def test_each_version_answers_what_it_knows_and_names_the_rest(version):
    found = whole(*(area(name) for name in MAIN_LIST), version=version)
    known = {name for name, since in SINCE.items() if since <= int(version.split(".")[1])}
    assert {MAIN_LIST[name] for name in known} == lists(found).keys() & set(MAIN_LIST.values())
    assert {named for *_, named in issues(found)} == MAIN_LIST.keys() - known
    assert {severity for severity, *_ in issues(found)} <= {"warning"}
    assert len(of(found, "OperationOutcome")) == (len(known) < len(MAIN_LIST))


@pytest.mark.parametrize(("version", "has_them"), [("1.3.2", False), ("1.4.0", False), ("1.5.0", True)])
def test_secondary_lists_came_with_a_version_and_what_they_name_did_not(version, has_them):
    found = whole(area("includeConsultations"), area("includeProblems"), version=version)
    systems = {one["code"]["coding"][0]["system"] for one in lists(found).values()}
    assert (SECONDARY in systems) is has_them
    assert of(found, "AllergyIntolerance", "MedicationRequest", "Immunization")


def test_what_is_newer_than_a_system_is_words_where_a_consultation_names_it():
    found = whole(area("includeConsultations"), version="1.3.2")
    said = [item["display"] for item in structure_items(found) if "display" in item]
    assert sorted(said) == [
        "Diary entry items are not supported by the provider system.",
        "Investigation items are not supported by the provider system.",
        "Referral items are not supported by the provider system.",
    ]
    assert not of(found, "ReferralRequest", "DiagnosticReport", "ProcedureRequest")


def structure_items(resources):
    found = [one for one in of(resources, "List") if one["code"]["coding"][0]["code"] in STRUCTURE]
    return [each["item"] for one in found for each in one["entry"]]


@pytest.mark.parametrize(("version", "states"), [("1.3.2", 1), ("1.4.0", 1), ("1.5.0", 0)])
def test_parts_of_immunisations_are_named_by_a_system_that_is_older(version, states):
    found = whole(area("includeImmunisations", includeStatus=("valueBoolean", False)), version=version)
    assert len(of(found, "Observation")) == states
    assert [named for *_, named in issues(found)] == ["includeImmunisations.includeStatus"] * states


# What a search by date finds (§1.3)


WHEN = ["2023-06-15", "2023-06", "2023", None]


def dated(b):
    """The same four dates in every area that is searched by date: a day, a month, a year, none."""
    for on in WHEN:
        observation(b, CODE, on=on)
        referral(b, CODE, on=on)
        if on is not None:
            report(b, issued=on)
            consultation(b, ContentPart("Review", ["Seen."]), on=on)


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ({"start": "2023-06-15", "end": "2023-06-15"}, WHEN),
        ({"start": "2023-06-15"}, WHEN),
        ({"end": "2023-06-15"}, WHEN),
        ({"start": "2023-06-16"}, ["2023-06", "2023", None]),
        ({"end": "2023-06-14"}, ["2023-06", "2023", None]),
        ({"start": "2023-06-30"}, ["2023-06", "2023", None]),
        ({"start": "2023-07-01"}, ["2023", None]),
        ({"end": "2023-05-31"}, ["2023", None]),
        ({"end": "2023-01-01"}, ["2023", None]),
        ({"start": "2023-12-31"}, ["2023", None]),
        ({"start": "2024-01-01"}, [None]),
        ({"end": "2022-12-31"}, [None]),
    ],
)
@pytest.mark.parametrize(
    ("name", "read_date"),
    [
        ("includeUncategorisedData", lambda one: one.get("effectiveDateTime")),
        ("includeReferrals", lambda one: one.get("authoredOn")),
        ("includeInvestigations", lambda one: one.get("issued")),
        ("includeConsultations", lambda one: one.get("period", {}).get("start")),
    ],
)
def test_a_search_finds_what_may_be_of_the_period_and_what_has_no_date(name, read_date, period, expected):
    found = answer(practice(dated), area(name, **{PERIODS[name]: ("valuePeriod", period)}))
    by_reference = {f"{one['resourceType']}/{one['id']}": one for one in found if "id" in one}
    dates = [read_date(by_reference[item["reference"]]) for item in items(found, MAIN_LIST[name])]
    if name in ("includeInvestigations", "includeConsultations"):
        expected = [on for on in expected if on is not None]
    assert dates == expected


def test_a_search_of_the_diary_brings_what_is_overdue_and_what_has_no_day():
    days = ["2024-02-01", "2025-12-24", "2025-12-25", "2026", "2025", None]

    def planned(b):
        for due in days:
            diary_entry(b, CODE, due=due)

    until = area("includeDiaryEntries", diaryEntriesSearchDate=("valueDate", "2025-12-24"))
    found = of(answer(practice(planned), until), "ProcedureRequest")
    assert [one.get("occurrenceDateTime") for one in found] == ["2024-02-01", "2025-12-24", "2025", None]


def test_results_and_their_parts_come_with_their_report_or_not_at_all():
    late = whole(
        area("includeInvestigations", investigationSearchPeriod=("valuePeriod", {"start": "2024-03-01"}))
    )
    assert not of(late, "DiagnosticReport", "Observation", "Specimen", "ProcedureRequest")
    [empty] = [one for code, one in lists(late).items() if code == MAIN_LIST["includeInvestigations"]]
    assert empty["emptyReason"]["coding"][0]["code"] == "no-content-recorded"
    assert empty["note"] == [{"text": "Information not available"}]


# Secondary lists (§2.4)


def test_secondary_lists_have_their_titles_and_say_nothing_of_what_is_not_linked():
    found = lists(whole(area("includeConsultations"), area("includeProblems")))
    secondary = {code: one for code, one in found.items() if one["code"]["coding"][0]["system"] == SECONDARY}
    assert secondary.keys() == {
        "consultations-allergies-contained-in-consultations",
        "consultations-diary-entries-contained-in-consultations",
        "consultations-immunisations-contained-in-consultations",
        "consultations-investigations-contained-in-consultations",
        "consultations-medications-contained-in-consultations",
        "consultations-outbound-referrals-in-consultations",
        "consultations-problems-contained-in-consultations",
        "consultations-uncategorised-data-contained-in-consultations",
        "problems-consultations-related-to-problems",
        "problems-investigations-related-to-problems",
        "problems-medications-related-to-problems",
        "problems-uncategorised-data-related-to-problems",
    }
    for code, one in secondary.items():
        assert one["entry"]
        owner, _, words = one["title"].partition(" - ")
        assert code == f"{owner}-{words}".lower().replace(" ", "-")
        assert one["code"]["coding"][0]["display"] == one["title"]


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("includeMedication", 1),
        ("includeInvestigations", 1),
        ("includeUncategorisedData", 1),
        ("includeReferrals", 0),
        ("includeImmunisations", 0),
        ("includeDiaryEntries", 0),
        ("includeAllergies", 0),
    ],
)
def test_only_the_list_of_linked_problems_comes_with_an_area_that_links_nothing(name, headers):
    found = whole(area(name))
    secondary = [one for one in lists(found).values() if one["code"]["coding"][0]["system"] == SECONDARY]
    assert [one["title"] for one in secondary] == [
        "Problems - linked problems not relating to the primary query"
    ] * headers
    assert len(of(found, "Condition")) == headers
    assert not of(found, "Encounter")


@pytest.mark.parametrize("resolved", [None, True, False])
def test_an_ended_allergy_that_a_consultation_names_stands_in_its_own_list_alone(resolved):
    asked = [area("includeConsultations"), area("includeProblems")]
    if resolved is not None:
        asked.append(area("includeAllergies", includeResolvedAllergies=("valueBoolean", resolved)))
    record = BY_NAME["ended_allergy_in_a_consultation"].record()
    assert record is not None
    found = answer(record, *asked)
    assert not of(found, "AllergyIntolerance")
    ended = lists(found)["1103671000000101"]
    [held] = ended["contained"]
    assert ended["entry"] == [{"item": {"reference": f"#{held['id']}"}}]
    assert held["clinicalStatus"] == "resolved"
    reference = {"reference": f"AllergyIntolerance/{held['id']}"}
    for code in (
        "consultations-allergies-that-have-been-ended-contained-in-consultations",
        "problems-allergies-that-have-been-ended-related-to-problems",
    ):
        assert items(found, code) == [reference]
    assert reference in structure_items(found)
    assert not {code for code in lists(found) if code.endswith("-allergies-contained-in-consultations")}


# What is withheld, switched off or not all there (§1.7, §2.6, §2.7)


def warnings(one):
    return [each["valueCode"] for each in one["extension"] if "valueCode" in each]


def test_a_transfer_that_is_not_complete_is_said_on_every_list_but_those_of_a_consultation():
    def moving(b):
        fill(b, "whole_record")
        fill(b, "record_in_transit")

    found = answer(practice(moving), *(area(name) for name in MAIN_LIST))
    for code, one in lists(found).items():
        assert warnings(one) == ["data-in-transit"], code
        assert "not yet complete" in one["note"][0]["text"]
    for one in of(found, "List"):
        if one["code"]["coding"][0]["code"] in STRUCTURE:
            assert not {"note", "emptyReason"} & one.keys()
            assert not any("Warning" in each["url"] for each in one.get("extension", []))


def linked(b):
    told = document(b, "letter", "Letter")
    sent = referral(b, CODE, documents=[told])
    hypertension = problem(b, CODE, linked=[sent])
    consultation(b, ContentPart("Review", [sent, told], problems=[hypertension]))
    observation(b, CODE)


@pytest.mark.parametrize(
    ("off", "asked", "words"),
    [
        ("includeReferrals", "includeConsultations", "Referral items have been disabled."),
        ("includeReferrals", "includeProblems", "Referral items have been disabled."),
        ("DocumentReferences", "includeConsultations", "Document items have been disabled."),
    ],
)
def test_an_area_that_is_switched_off_is_told_where_something_links_to_it(off, asked, words):
    record = practice(linked)
    record.disabled = frozenset({off})
    found = answer(record, area(asked))
    assert issues(found) == [("warning", "NOT_IMPLEMENTED", f"{off} has been disabled", off)]
    placeholders = [item["display"] for item in structure_items(found) if "display" in item]
    placeholders += [
        each["valueReference"]["display"]
        for one in of(found, "Condition")
        for each in one["extension"]
        if "display" in each.get("valueReference", {})
    ]
    assert words in placeholders
    assert not of(found, {"includeReferrals": "ReferralRequest"}.get(off, "DocumentReference"))
    assert not issues(answer(record, area("includeUncategorisedData")))


def test_documents_that_are_switched_off_do_not_come_with_a_referral():
    record = practice(linked)
    record.disabled = frozenset({"DocumentReferences"})
    found = answer(record, area("includeReferrals"))
    assert len(of(found, "ReferralRequest")) == 1
    assert not of(found, "DocumentReference")
    assert [named for *_, named in issues(found)] == ["DocumentReferences"]


@pytest.mark.parametrize("off", sorted(MAIN_LIST))
def test_one_area_that_is_switched_off_leaves_the_others_as_they_were(off):
    record = practice(BY_NAME["whole_record"].case)
    record.disabled = frozenset({off})
    found = answer(record, *(area(name) for name in MAIN_LIST))
    assert [named for *_, named in issues(found)] == [off]
    complete = whole(*(area(name) for name in MAIN_LIST))
    for name, code in MAIN_LIST.items():
        assert len(items(found, code)) == (0 if name == off else len(items(complete, code)))
