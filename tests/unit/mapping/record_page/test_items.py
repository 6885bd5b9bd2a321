"""Each item stands where its state belongs, with everything that warns of it."""

import re
from base64 import b64encode
from datetime import date
from hashlib import sha256
from typing import Any

import pytest

from bridge.areas.record_page import Events, render
from bridge.areas.record_page.words import COURSE_STATES, amount
from bridge.mapping.page import when
from bridge.record import Unmapped
from bridge.record.dates import partial_date
from bridge.record.issue_codes import ISSUES
from tests.support import bundles as b
from tests.support.care_records import shown, table
from tests.support.html_reader import elements, parsed
from tests.support.mapped import mapped
from tests.support.record_pages import alerts, events, group, of_class, page, section, seen

TYPICAL = mapped(b.typical_record())
GROUPS = ("active", "unknown", "statement", "ended")


def allergies(*items):
    targets = [f"AllergyIntolerance/{item['id']}" for item in items]
    return mapped(
        b.record(
            b.record_list(b.MEDICATIONS_LIST),
            b.record_list(b.ALLERGIES_LIST, *targets),
            b.ended_list(),
            *items,
        )
    )


def course(statement=None, plan=None, *orders, **asked):
    target = b.record_list(b.MEDICATIONS_LIST, "MedicationStatement/s1")
    return mapped(
        b.record(target, b.medication(), b.statement(**statement or {}), b.plan(**plan or {}), *orders),
        **asked,
    )


@pytest.mark.duty("CS-085", "CS-086")
def test_an_ended_allergy_stands_apart_and_says_so_beside_its_name():
    told = section(page(TYPICAL), "allergies")
    active, ended = group(told, "active"), group(told, "ended")
    assert active.count("Allergy to penicillin (active)") == 1
    assert ended.count("Allergy to penicillin (ended)") == 1
    assert "Ended: 01-Mar-2018: Tolerated since" in ended
    assert "(active)" not in ended
    assert "(ended)" not in active


def test_an_ended_statement_is_ended_before_it_is_a_statement():
    made = events(allergies(b.allergy(code=b.concept("716186003", "No known allergy"), reaction=None)))
    assert "No known allergy (a statement, not an allergy)" in group(render(made), "statement")
    made.allergies[0]["items"][0]["clinical_status"] = "resolved"
    told = render(made)
    assert "No known allergy (ended)" in group(told, "ended")
    assert group(told, "statement") == ""


def test_an_allergy_of_unknown_state_is_to_be_treated_as_active():
    made = events(allergies(b.allergy()))
    made.allergies[0]["items"][0]["clinical_status"] = "unknown"
    told = section(render(made), "allergies")
    assert "treat as active" in group(told, "unknown")
    assert "Allergy to penicillin (state not known)" in group(told, "unknown")
    assert "penicillin" not in group(told, "active")


@pytest.mark.duty("CS-084")
def test_a_drug_allergy_without_a_code_blocks_prescribing_on_top_and_at_the_item():
    degraded = b.allergy(code=b.concept("196461000000101", "Transfer-degraded drug allergy", text="Septrin"))
    told = section(page(allergies(degraded)), "allergies")
    assert [alert for alert in alerts(told) if alert.startswith("Prescribing must be prevented")]
    active = group(told, "active")
    for words in (
        "Septrin", "Prescribing must be prevented until this is coded again.", "Degraded:",
        "Not to be used for automatic checks.", ISSUES["degraded_code"][1],
    ):  # fmt: skip
        assert words in active
    assert "Prescribing must be prevented" not in seen(page(allergies(b.allergy())))


def test_one_of_event_and_item_is_enough_for_the_block():
    for event, item in ((True, False), (False, True)):
        made = events(allergies(b.allergy()))
        made.allergies[0]["requires_prescribing_block"] = event
        made.allergies[0]["items"][0]["requires_prescribing_block"] = item
        assert [alert for alert in alerts(render(made)) if alert.startswith("Prescribing must be prevented")]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ({"text": "Bee stings"}, "Text only: no code was sent."),
        (b.concept("X1", "Bee stings", "http://local.example/codes"), "No SNOMED CT code:"),
    ],
)
def test_what_has_no_usable_code_is_marked(code, words):
    told = group(page(allergies(b.allergy(code=code))), "active")
    assert "Bee stings (active)" in told
    assert words in told
    assert "Not to be used for automatic checks." in told
    usable = group(page(allergies(b.allergy())), "active")
    assert "Not to be used" not in usable


def test_reactions_are_told_with_severity_and_a_null_flavour_is_none():
    told = group(page(allergies(b.allergy())), "active")
    assert "Weal" in told
    assert "Severity: moderate" in told
    assert "Criticality: high" in told
    none = b.concept("NullFlavor", None)
    none = {"coding": [{"system": "http://hl7.org/fhir/v3/NullFlavor", "code": "UNK"}]}
    assert "No reaction was recorded" in group(
        page(allergies(b.allergy(reaction=[{"manifestation": [none]}]))), "active"
    )


@pytest.mark.parametrize("state", COURSE_STATES)
def test_a_medication_stands_under_its_state_alone_and_says_so_beside_its_name(state):
    made = events(course())
    made.medications[0]["items"][0]["course_state"] = {"state": state, "why": "state_unknown"}
    told = section(render(made), "medications")
    for other, words in COURSE_STATES.items():
        assert (f"Amoxicillin 250mg capsules ({words})" in group(told, other)) == (other == state)


@pytest.mark.parametrize(
    ("statement", "plan", "state", "words"),
    [
        ({}, {}, "current", "said to be active, and no end was sent"),
        (
            {"effectivePeriod": {"start": "2026-01-05", "end": "2027-02"}},
            {},
            "current",
            "its end is not past; until Feb-2027",
        ),
        (
            {"status": "stopped"},
            {"status": "stopped", "extension": [b.prescription_type("repeat")]},
            "ended",
            "stopped on purpose",
        ),
        (
            {"status": "completed", "effectivePeriod": {"start": "2025-01-05", "end": "2025-02-05"}},
            {"status": "completed"},
            "ended",
            "its end is past; until 05-Feb-2025",
        ),
        ({"status": "stopped"}, {}, "unknown", "its parts are in different states"),
        ({"effectivePeriod": {"start": "2027-01-05"}}, {}, "planned", "its start lies ahead"),
    ],
)
def test_why_a_medication_is_in_its_state_and_until_when(statement, plan, state, words):
    told = section(page(course(statement, plan)), "medications")
    assert words in group(told, state)
    assert [name for name in COURSE_STATES if "Amoxicillin" in group(told, name)] == [state]


def test_parts_that_name_other_drugs_are_marked():
    other = b.medication("m2", code=b.concept("42104211000001105", "Ramipril 5mg capsules"))
    order = b.order(medicationReference=b.reference("Medication/m2"))
    told = group(page(course(None, None, other, order)), "current")
    assert ISSUES["medication_conflict"][1] in told
    assert "Names another drug: Ramipril 5mg capsules" in told
    assert "Not to be used for automatic checks." in told
    plan = course(None, {"medicationReference": b.reference("Medication/m2")}, other)
    assert "Plan names another drug Ramipril 5mg capsules" in group(page(plan), "current")


def test_every_issue_of_a_plan_is_a_row():
    told = section(page(TYPICAL), "medications")
    rows = list(of_class(told, "issue"))
    assert len(rows) == 2
    assert "05-Feb-2026 12-Feb-2026" in group(told, "current")
    assert "21 capsule" in group(told, "current")


def test_an_issue_without_its_plan_is_seen():
    bundle = b.record(b.record_list(b.MEDICATIONS_LIST), b.medication(), b.order())
    told = section(page(mapped(bundle)), "medications")
    assert "An issue whose plan was not sent" in seen(told)
    assert len(list(of_class(told, "issue"))) == 1
    assert "No plan was sent." in alerts(told)


def test_what_a_dosage_says_as_data_is_not_left_out():
    dosage = [
        {
            "text": "One a day",
            "timing": {"repeat": {"frequency": 1, "when": ["MORN"]}},
            "asNeededBoolean": True,
        }
    ]
    told = group(page(course({"dosage": dosage})), "current")
    assert "One a day" in told
    assert "timing.repeat.frequency: 1; timing.repeat.when[1]: MORN; asNeededBoolean: True" in told


@pytest.mark.parametrize(
    ("quantity", "words"),
    [
        ({"value": 21.0, "unit": "capsule"}, "21 capsule"),
        ({"value": 1.5, "value_as_sent": "1.50", "unit": "ml"}, "1.50 ml"),
        ({"value": 5.0, "comparator": "<", "unit_code": "mg"}, "< 5 mg"),
        ({"text": "1 OP"}, "1 OP"),
        ({}, None),
    ],
)
def test_an_amount_is_as_it_was_sent(quantity, words):
    assert amount(quantity) == words


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ("2004", "2004"),
        ("2004-05", "May-2004"),
        ("2004-05-06", "06-May-2004"),
        ("2026-07-22T23:30:00Z", "23-Jul-2026 00:30 BST"),
        ("1900-01-01", "not known (sent as 1900-01-01)"),
        ("last spring", "“last spring” (cannot be read as a date)"),
    ],
)
def test_a_date_is_as_precise_as_it_was_sent(sent, words):
    assert when(partial_date(sent)) == words


@pytest.mark.duty("CS-059")
def test_what_the_patient_must_not_see_is_marked_wherever_it_stands():
    labelled: Any = {"meta": {"security": [{"system": "http://hl7.org/fhir/v3/ActCode", "code": "NOPAT"}]}}
    words = "Not to be disclosed to the patient (NOPAT)."
    assert words in group(page(allergies(b.allergy(**labelled))), "active")
    assert seen(page(course(labelled, labelled, b.order(**labelled)))).count(words) == 3
    assert words not in seen(page(TYPICAL))


@pytest.mark.parametrize(
    ("sent", "told"),
    [("Patient Notes: with food", "For the patient:"), ("Pharmacy Notes: blister", "For the pharmacy:")],
)
def test_a_note_says_for_whom_it_is(sent, told):
    assert f"{told} " in group(page(course({"note": [{"text": sent}]})), "current")


@pytest.mark.duty("CS-044")
def test_what_an_area_warns_of_and_could_only_name_is_told():
    made = events(TYPICAL)
    area = made.medications[0]["area"]
    area["warnings"] = [
        {"code": "data-in-transit", "text": "In transit.", "missing_before": partial_date("2020-03-01")}
    ]
    area["placeholders"] = ["Methotrexate"]
    told = alerts(section(render(made), "medications"))
    assert "Medications: In transit. What was recorded before 01-Mar-2020 may be missing." in told
    assert "Medications: there are items that the practice could only name: Methotrexate" in told


def test_fields_that_are_not_known_are_told_of():
    words = "The events hold fields that this version does not know; they are not shown."
    made = events(TYPICAL)
    assert words not in alerts(render(made))
    made.unknown_fields = True
    assert words in alerts(render(made))


@pytest.mark.duty("CS-048", "CS-049")
def test_a_doubt_about_who_it_is_comes_first_with_both_values():
    told = page(mapped(b.typical_record(), birth_date=date(1951, 1, 31), family_name="Other"))
    assert "Check who this record is about." in alerts(told)[0]
    assert "Date of birth: asked for 1951-01-31, practice has 1950-01-31" in alerts(told)[0]
    assert "Family name: DIFFERS" in alerts(told)[0]
    agreed = page(TYPICAL)
    assert not [alert for alert in alerts(agreed) if "Check who" in alert]
    assert "The identity was checked: NHS number: agrees" in seen(agreed)


@pytest.mark.duty("CS-050")
def test_of_another_patient_nothing_is_shown():
    made = events(TYPICAL)
    for data in (*made.medications, *made.allergies, *made.completed):
        data["demographics"] = {**data["demographics"], "verdict": "reject"}
    told = seen(render(made))
    assert "the patient who was asked for: nothing may be used, and nothing is shown." in told
    assert "penicillin" not in told
    assert "Amoxicillin" not in told


@pytest.mark.duty("CS-052", "CS-053")
def test_it_says_of_whom_from_where_and_when_and_no_more():
    told = seen(page(TYPICAL))
    assert "Patient with NHS number 999 000 0018" in told
    assert "Practice Test Surgery A99999" in told
    assert "Retrieved at 22-Nov-2026 09:00 GMT" in told
    assert "GP practice record, retrieved through GP Connect" in told
    assert "Sample" not in told
    assert "Ada" not in told


def test_nothing_of_a_patient_stands_outside_of_the_body_or_in_an_attribute():
    told = page(TYPICAL)
    head, _, body = told.partition("<body>")
    assert "<title>GP record</title>" in head
    for number in ("9990000018", "999 000 0018"):
        assert number not in head
        assert not re.search(rf'="[^"]*{number}', body)


def test_a_superseded_number_is_told():
    made = events(TYPICAL)
    for data in (*made.medications, *made.allergies, *made.completed):
        data["superseded_nhs_number"] = "9990000026"
    assert "Asked for by the NHS number 999 000 0026" in seen(render(made))


def test_an_event_that_came_twice_is_shown_once():
    made = events(TYPICAL)
    twice = Events(
        medications=made.medications * 2, allergies=made.allergies * 2, completed=made.completed * 2
    )
    assert render(twice) == render(made)


def test_two_patients_never_share_a_banner():
    made, other = events(TYPICAL), events(TYPICAL)
    for data in (*other.medications, *other.allergies, *other.completed):
        data["nhs_number"] = "9990000026"
    made.medications += other.medications
    made.allergies += other.allergies
    told = render(made)
    assert "This page is about 2 patients." in alerts(told)
    assert [seen(f"<body>{each.text}") for each in parsed(told).iter("h2")] == [
        "Patient with NHS number 999 000 0018", "Patient with NHS number 999 000 0026",
    ]  # fmt: skip
    for number in (1, 2):
        assert group(section(told, "allergies", number), "active").count("penicillin (active)") == 1


def test_sections_of_the_care_record_stand_on_the_same_page_under_a_banner_of_their_own():
    made = events(TYPICAL)
    made.sections.append(shown(table("02-Oct-2016|Surgery|Cough")))
    told = render(made)
    assert "Cough" in seen(told)
    assert "This page is about" not in seen(told)
    assert [element.get("class") for element in parsed(told).iter("article")][-1] is None


def test_every_warning_about_the_answer_is_told_once_with_its_places():
    record = mapped(b.record(b.record_list(b.ALLERGIES_LIST), b.ended_list(), b.medication(), b.statement()))
    told = section(page(record), "completeness")
    for issue in record["issues"]:
        assert seen(told).count(issue["message"]) == 1
    places = sum(
        int(row[2].text or 0) for row in [list(each.iter("p")) for each in of_class(told, "warning")]
    )
    assert places == len(record["issues"])


def test_what_could_not_be_an_item_is_still_seen():
    record = mapped(
        b.record(b.record_list(b.ALLERGIES_LIST), b.record_list(b.MEDICATIONS_LIST), b.ended_list())
    )
    made = events(record)
    entry: Unmapped = {"source_ref": "AllergyIntolerance/x", "reason": "malformed", "detail": "It has no code.", "area": "allergies", "display": "Latex"}  # fmt: skip
    for data in (*made.allergies, *made.completed):
        data["unmapped"] = [entry]
    told = section(render(made), "completeness")
    assert len(list(of_class(told, "unmapped"))) == 1
    assert "Latex Allergies cannot be read: It has no code. AllergyIntolerance/x" in seen(told)
    assert "The practice sent more than the items show. It may matter." in alerts(told)


def test_a_failure_is_told_and_is_nothing_known():
    failed = {
        "code": "timed_out",
        "stage": "practice",
        "retryable": True,
        "attempts": 3,
        "message": "No answer.",
        "advice": "Ask again.",
    }
    told = render(Events(failed=[failed]))  # type: ignore[list-item]  # as JSON has it
    assert "A request failed: nothing is known from it. No answer. Ask again." in alerts(told)[0]
    rejected = {
        "faults": [{"field": "data.areas", "rule": "is required"}],
        "retryable": False,
        "message": "Not valid.",
    }
    told = render(Events(rejected=[rejected]))  # type: ignore[list-item]  # as JSON has it
    assert (
        "nothing was asked, and nothing is known from it. Not valid. data.areas: is required"
        in alerts(told)[0]
    )


@pytest.mark.parametrize(
    "hostile", ["<script>hit()</script>", '"><img src=x onerror=hit()>', "</td></table>'&lt;"]
)
def test_words_are_words_whatever_they_hold(hostile):
    bundle = b.typical_record()
    for each in bundle["entry"]:
        resource = each["resource"]
        kind = resource["resourceType"]
        if kind == "AllergyIntolerance":
            resource["code"] = {"text": hostile}
            resource["note"] = [{"text": hostile}]
        if kind == "Medication":
            resource["code"] = {"text": hostile}
        if kind == "MedicationStatement":
            resource["dosage"] = [{"text": hostile, "patientInstruction": hostile}]
        if kind == "Organization":
            resource["name"] = hostile
    told = page(mapped(bundle))
    assert not {"script", "img"} & {each.tag for each in elements(told)}
    assert seen(told).count(" ".join(hostile.split())) >= 5


def test_the_page_allows_nothing_but_its_own_style_and_has_landmarks():
    told = page(TYPICAL)
    document = parsed(told)
    (style,) = document.iter("style")
    (policy,) = [each.get("content") for each in document.iter("meta") if each.get("http-equiv")]
    digest = b64encode(sha256((style.text or "").encode()).digest()).decode()
    assert (
        policy == f"default-src 'none'; style-src-elem 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert document.get("lang") == "en-GB"
    assert not {"script", "link", "img", "iframe", "form", "a"} & {each.tag for each in document.iter()}
    assert len(list(document.iter("main"))) == len(list(document.iter("h1"))) == 1
    ids = [each.get("id") for each in document.iter() if each.get("id")]
    assert len(ids) == len(set(ids))
    assert {each.get("aria-labelledby") for each in document.iter() if each.get("aria-labelledby")} == set(
        ids
    )
    assert {each.get("scope") for each in document.iter("th")} == {"col", "row"}
