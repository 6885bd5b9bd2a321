"""A reader of the page can tell "none" from "we do not know", whatever the reason."""

from typing import Any, get_args

import pytest

from bridge.areas import AllergyKind, AllergyStatement
from bridge.areas.medications.model import CourseStateName, CourseStateReason, PrescribedBy, PrescriptionType
from bridge.areas.record_page import Events, render
from bridge.areas.record_page.words import (
    AUDIENCES,
    COURSE_REASONS,
    COURSE_STATES,
    KINDS,
    MATCHES,
    OUTCOMES,
    PRESCRIBERS,
    PRESCRIPTIONS,
    QUALITIES,
    REASONS,
    STATEMENTS,
)
from bridge.record import AreaOutcome, Match
from bridge.record.common import Audience, CodingQuality
from bridge.record.retrieval import UnmappedReason
from tests.support import bundles as b
from tests.support.mapped import mapped
from tests.support.record_pages import alerts, events, group, page, section, seen

NKA = b.allergy(code=b.concept("716186003", "No known allergy"), category=["medication"], reaction=None)
NO_DRUG = b.allergy(code=b.concept("409137002", "No known drug allergy"), reaction=None)


def allergy_record(*items: Any, ended: Any = None, warnings: tuple[str, ...] = (), **options: Any) -> Any:
    targets = [f"AllergyIntolerance/{item['id']}" for item in items]
    lists = [
        b.record_list(b.MEDICATIONS_LIST),
        b.record_list(b.ALLERGIES_LIST, *targets, warnings=warnings),
        ended or b.ended_list(),
    ]
    return mapped(b.record(*lists, *items), **options)


def told(record: Any) -> str:
    return section(page(record), "allergies")


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (STATEMENTS, AllergyStatement),
        (OUTCOMES, AreaOutcome),
        (KINDS, AllergyKind),
        (COURSE_STATES, CourseStateName),
        (COURSE_REASONS, CourseStateReason),
        (PRESCRIPTIONS, PrescriptionType),
        (PRESCRIBERS, PrescribedBy),
        (QUALITIES, CodingQuality),
        (AUDIENCES, Audience),
        (MATCHES, Match),
        (REASONS, UnmappedReason),
    ],
)
def test_every_value_of_a_closed_list_has_words_of_its_own(words, values):
    assert set(words) == set(get_args(values))
    assert len(set(words.values())) == len(words)


def test_only_the_statements_that_say_so_say_that_none_is_known():
    assert {name for name, text in STATEMENTS.items() if text.startswith("No known allergies")} == {
        "no_known_allergies",
        "no_known_allergies_of_kind",
    }
    assert not [name for name, text in OUTCOMES.items() if "no known" in text.lower()]
    for text in (STATEMENTS["nothing_recorded"], STATEMENTS["unavailable"]):
        assert text.startswith("Not known")


@pytest.mark.duty("CS-092")
def test_nobody_known_to_have_no_allergy_is_an_alert_and_a_statement_of_none_is_not():
    nothing, none = told(allergy_record()), told(allergy_record(NKA))
    assert STATEMENTS["nothing_recorded"] in seen(nothing)
    assert STATEMENTS["nothing_recorded"] in alerts(nothing)
    assert "No known allergies" not in seen(nothing)
    assert STATEMENTS["no_known_allergies"] in seen(none)
    assert not [alert for alert in alerts(none) if "No known allergies" in alert]


def test_a_statement_of_one_kind_names_it_and_says_nothing_of_others():
    of_kind = told(allergy_record(NO_DRUG))
    words = "No known allergies of these kinds alone: drugs. Nothing is known of others."
    assert words in alerts(of_kind)
    statements = group(of_kind, "statement")
    assert "No known drug allergy (a statement, not an allergy)" in statements
    assert "States that no allergy is known: of drugs alone." in statements
    assert "No known drug allergy" not in group(of_kind, "active")


def test_kinds_that_are_not_named_are_not_all_kinds():
    made = events(allergy_record(NO_DRUG))
    made.allergies[0]["no_known_allergy_kinds"] = []
    assert "these kinds alone: kinds that are not named." in seen(render(made))


def test_what_denies_its_own_items_is_contradictory():
    made = events(allergy_record(b.allergy()))
    for statement in ("no_known_allergies", "nothing_recorded"):
        made.allergies[0]["allergy_statement"] = statement
        shown = section(render(made), "allergies")
        assert STATEMENTS["contradictory"] in alerts(shown)
        assert STATEMENTS[statement] not in seen(shown)
    assert STATEMENTS["contradictory"] in alerts(told(allergy_record({**NKA, "id": "a2"}, b.allergy())))


@pytest.mark.duty("CS-044")
def test_what_is_withheld_is_told_where_the_allergies_are():
    shown = told(allergy_record(warnings=("confidential-items",)))
    assert f"Allergies: {OUTCOMES['only_withheld']}" in alerts(shown)
    assert "Allergies: incomplete. Do not take this for the whole." in alerts(shown)
    assert "Allergies: Information not available" in alerts(shown)


def test_every_outcome_is_told_as_an_alert_but_items():
    made = events(allergy_record(b.allergy()))
    for outcome, words in OUTCOMES.items():
        made.allergies[0]["ended_area"]["outcome"] = outcome
        assert (f"Ended allergies: {words}" in alerts(render(made))) == (outcome != "items")


def test_what_was_not_asked_for_is_not_known():
    shown = told(
        allergy_record(b.allergy(), areas={"medications": {}, "allergies": {"include_ended": False}})
    )
    assert f"Ended allergies: {OUTCOMES['not_requested']}" in alerts(shown)


def test_an_area_without_its_event_is_not_known():
    made = events(allergy_record(NKA))
    made.allergies.clear()
    shown = section(render(made), "allergies")
    assert "Allergies: not known. No event about them was given for this page; there may be data." in alerts(
        shown
    )
    assert "No known allergies" not in seen(shown)
    assert "allergies.published.v1 was published with 1 items and is not shown here." in alerts(render(made))
    alone = Events(completed=[], allergies=events(allergy_record(NKA)).allergies)
    assert "record.completed was not given: whether parts are missing is not known." in alerts(render(alone))
    assert (
        "Medications: not known. No event about them was given for this page; there may be data."
        in alerts(render(alone))
    )


def test_parts_that_are_not_what_was_published_are_told():
    record = allergy_record(b.allergy())
    whole = events(record)
    assert "is not as it was published" not in seen(render(whole))
    emptied, rewritten = events(record), events(record)
    emptied.allergies[0]["items"] = []
    rewritten.allergies[0]["content_hash"] = "sha256:0"
    for changed in (emptied, rewritten):
        assert "allergies.published.v1 is not as it was published" in seen(render(changed))


def test_issues_that_were_not_asked_for_are_not_none():
    bundle = b.typical_record()
    bundle["entry"] = [each for each in bundle["entry"] if each["resource"].get("intent") != "order"]
    asked = section(page(mapped(bundle)), "medications")
    assert "No issue of this plan was sent." in seen(asked)
    assert "that none is shown says nothing" not in seen(asked)
    not_asked = section(
        render(
            events(mapped(bundle, areas={"medications": {"include_issues": False}}), include_issues=False)
        ),
        "medications",
    )
    assert "Issues were not asked for: that none is shown says nothing." in alerts(not_asked)
    assert "No issue of this plan was sent." not in seen(not_asked)


@pytest.mark.parametrize(
    ("dosage", "said"),
    [
        (None, "No dosage was sent: how it is taken is not known."),
        ([{"text": "No information available"}], "No dosage in words was sent"),
        (
            [
                {
                    "_text": {
                        "extension": [
                            {
                                "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
                                "valueCode": "masked",
                            }
                        ]
                    }
                }
            ],
            "The dosage is withheld (masked): there is one.",
        ),
        ([{"text": "One at night"}], "One at night"),
    ],
)
def test_a_missing_dosage_is_never_an_empty_place(dosage, said):
    bundle = b.record(
        b.record_list(b.MEDICATIONS_LIST, "MedicationStatement/s1"), b.medication(), b.statement(dosage=dosage),
        b.plan(dosageInstruction=dosage),
    )  # fmt: skip
    assert said in group(page(mapped(bundle)), "current")


def test_a_search_date_is_told():
    made = events(allergy_record())
    made.medications[0]["area"]["search_from"] = "2025-06-01"
    told_from = "Medications: only what was active on or after 01-Jun-2025 was asked for."
    assert told_from in alerts(render(made))
