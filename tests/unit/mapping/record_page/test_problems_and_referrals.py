"""Problems and referrals on the page: no status, significance or priority that was not sent."""

from typing import Any

import pytest

from tests.support import bundles as b
from tests.support.record_pages import alerts, group, section, seen
from tests.support.whole_record import encounter, structure, whole_record
from tests.unit.areas.test_problems import extension, problem
from tests.unit.areas.test_referrals import referral
from tests.unit.mapping.record_page.test_planned_given_held import page_of

PROBLEMS, REFERRALS, VISITS = "717711000000103", "792931000000107", "1149501000000101"


def problems(*sent: Any) -> str:
    named = [f"Condition/{each['id']}" for each in sent if each["resourceType"] == "Condition"]
    return page_of(b.record_list(PROBLEMS, *named), *sent, areas={"problems": {}})


def referrals(*sent: Any) -> str:
    named = [f"ReferralRequest/{each['id']}" for each in sent if each["resourceType"] == "ReferralRequest"]
    return section(
        page_of(b.record_list(REFERRALS, *named), *sent, areas={"referrals": {}}),
        "referrals",
    )


def test_problems_stand_apart_by_their_status_which_stands_beside_each():
    html = problems(
        problem("c1", extension("ProblemSignificance", valueCode="major")),
        problem("c2", clinicalStatus="inactive", abatementDateTime="2020"),
        problem("c3", clinicalStatus="resolved"),
    )
    assert "(active, major)" in group(html, "active")
    assert "(inactive, significance not known)" in group(html, "inactive")
    assert "Ended: 2020" in group(html, "inactive")
    assert "(not known whether active, significance not known)" in group(html, "unknown")
    assert "State as sent: resolved" in group(html, "unknown")


def test_a_significance_that_is_not_known_is_never_minor():
    html = problems(problem("c1", extension("ProblemSignificance", valueCode="serious")))
    said = seen(section(html, "problems"))
    assert "minor" not in said
    assert "Significance as sent: serious" in said


def test_one_that_is_refuted_is_not_shown_without_that_here_or_where_it_is_named():
    refuted = problem("c1", verificationStatus="refuted", clinicalStatus="inactive")
    about = extension("RelatedProblemHeader", valueReference=b.reference("Condition/c1"))
    html = page_of(
        b.record_list(PROBLEMS, "Condition/c1"),
        b.record_list(VISITS, "Encounter/e1"),
        encounter(),
        structure("t0", "325851000000107", "List/t1"),
        structure("t1", "25851000000105", extension=[about]),
        refuted,
        areas={"problems": {}, "consultations": {}},
    )
    assert "(inactive, significance not known, verification: refuted)" in seen(section(html, "problems"))
    assert "About Problem: Upper respiratory infection; inactive; verification: refuted" in seen(
        section(html, "consultations")
    )


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"onsetDateTime": "2019-05"}, "Began: May-2019"),
        ({"onsetString": "as a child"}, "Began: as a child"),
        ({"onsetAge": {"value": 12, "unit": "years"}}, "Began: at the age of 12 years"),
        ({}, "Began: not sent"),
        ({"abatementString": "in spring"}, "Ended: in spring"),
        ({"note": [{"text": "<b>worse</b>"}]}, "<b>worse</b>"),
    ],
)
def test_it_says_what_was_sent_of_a_problem_and_what_was_not(sent: Any, words: str) -> None:
    assert words in seen(section(problems(problem("c1", **sent)), "problems"))


@pytest.mark.duty("CS-095")
def test_what_belongs_to_a_problem_is_named_in_words_and_a_draft_as_a_draft():
    related = [
        {"url": "type", "valueCode": "parent"},
        {"url": "target", "valueReference": b.reference("Condition/c2")},
    ]
    words = "Referral items have been disabled."
    html = page_of(
        b.record_list(PROBLEMS, "Condition/c1", "Condition/c2"),
        encounter(status="unknown"),
        b.allergy("a1"),
        problem(
            "c1",
            extension("ActualProblem", valueReference=b.reference("AllergyIntolerance/a1")),
            extension("RelatedClinicalContent", valueReference=b.reference("Encounter/e1")),
            extension("RelatedClinicalContent", valueReference={"display": words}),
            extension("RelatedProblemHeader", extension=related),
        ),
        problem("c2", code=b.concept("13645005", "Chronic lung disease")),
        areas={"problems": {}, "consultations": {}},
    )
    said = seen(section(html, "problems"))
    assert "Made a problem: Allergy: Allergy to penicillin" in said
    assert "Consultation: GP Surgery; draft" in said
    assert f"Not known what: {words} (named only: not sent)" in said
    assert "Its parent: Problem: Chronic lung disease" in said


def test_an_empty_list_of_problems_does_not_say_that_there_were_none():
    assert any("Nobody stated that there is none." in each for each in alerts(problems()))


@pytest.mark.duty("CS-104")
@pytest.mark.parametrize("status", ["active", "cancelled", "completed"])
def test_a_referral_never_says_that_somebody_is_involved_now(status: str) -> None:
    html = referrals(referral(status=status, recipient=[{"display": "Dr Somebody"}]))
    said = seen(html)
    assert any("or who is involved in the care now" in each for each in alerts(html))
    assert "Addressed to" in said
    assert "Dr Somebody" in said
    assert status not in said


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({}, "Priority: none was sent, which does not mean routine"),
        ({"priority": "routine"}, "Priority: routine"),
        ({"priority": "asap"}, "Priority: two week wait"),
        ({"priority": "stat"}, "Priority: not known (sent as stat)"),
        ({"recipient": None}, "Nobody is named."),
        ({"authoredOn": "2020-02"}, "Date: Feb-2020"),
        ({"authoredOn": None}, "no date sent"),
        ({"reasonCode": None, "description": "<i>Knee</i>"}, "No code was sent <i>Knee</i>"),
        (
            {"identifier": b.identifier("000049490001", "https://fhir.nhs.uk/Id/UBRN")},
            "Booking reference (UBRN): 000049490001",
        ),
    ],
)
def test_it_says_what_was_sent_of_a_referral_and_what_was_not(sent: Any, words: str) -> None:
    assert words in seen(referrals(referral(**sent)))


@pytest.mark.duty("CS-105", "CS-106")
def test_a_referral_is_called_by_what_it_was_coded_with_and_its_letter_and_consultation_are_named():
    sent = [each["resource"] for each in whole_record()["entry"]]
    html = page_of(*sent, areas={"referrals": {}, "consultations": {}})
    said = seen(section(html, "referrals"))
    assert "Referral to respiratory physician" in said
    assert "Document: Letter" in said
    assert "Consultation: GP Surgery; 03-Feb-2026 10:00 GMT" in said
    later = referral("r2", basedOn=[b.reference("ReferralRequest/r1")])
    both = referrals(referral(authoredOn="2020-02"), later)
    assert "Follows from: Referral: Referral to physiotherapist; Feb-2020" in seen(both)


@pytest.mark.duty("CS-105")
@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"description": "Please see"}, "Referral: Please see; Feb-2020"),
        ({"specialty": b.concept("394585009", "Gynaecology")}, "Referral: asked for Gynaecology; Feb-2020"),
        ({}, "Referral: ReferralRequest/r1"),
    ],
)
def test_a_link_to_a_referral_without_a_code_has_the_words_that_there_are(sent: Any, words: str) -> None:
    named = extension("RelatedClinicalContent", valueReference=b.reference("ReferralRequest/r1"))
    bare = referral(reasonCode=None, authoredOn="2020-02" if sent else None, **sent)
    assert words in seen(section(problems(problem("c1", named), bare), "problems"))


def test_an_empty_list_of_referrals_does_not_say_that_there_were_none():
    assert any("Nobody stated that there is none." in each for each in alerts(referrals()))
