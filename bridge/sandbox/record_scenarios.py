"""The scenario patients that exist for what is in their records."""

from collections.abc import Iterator

from bridge.sandbox.documents import shelf
from bridge.sandbox.scenario import Scenario
from bridge.sandbox.scenario import scenario_of as _of
from bridge.sandbox.structured import area_cases, cases
from bridge.sandbox.world import (
    OLDER,
)


def records() -> Iterator[Scenario]:
    """What records hold, and what is withheld of them."""
    yield _of(
        "rich_record",
        "9990000018",
        "medications, issues, allergies, one ended, a linked problem",
        cases.rich_record,
    )
    yield _of(
        "repeat_dispensing", "9990000026", "future-dated issues, no last issue date", cases.repeat_dispensing
    )
    yield _of(
        "dosage_changed",
        "9990000034",
        "plan split on a dosage change, with the warning suffix",
        cases.dosage_changed,
    )
    yield _of(
        "degraded_codes", "9990000042", "codes without meaning: the text is the item", cases.degraded_codes
    )
    yield _of(
        "no_known_allergies", "9990000050", "somebody said that there are none", cases.no_known_allergies
    )
    yield _of(
        "ended_allergies_only",
        "9990000069",
        "nothing active, two ended inside their list",
        cases.ended_allergies_only,
    )
    yield _of(
        "every_type",
        "9990000166",
        "acute, delayed, repeat, dispensing, unissued, handwritten, no type",
        cases.every_type,
    )
    yield _of(
        "prescribed_elsewhere", "9990000174", "known here, prescribed by others", cases.prescribed_elsewhere
    )
    yield _of(
        "stopped_course",
        "9990000182",
        "stopped with a reason; its orders stay completed",
        cases.stopped_course,
    )
    yield _of(
        "issue_counts", "9990000190", "more issues than allowed, none yet, no limit", cases.issue_counts
    )
    yield _of(
        "quantity_forms", "9990000204", "number, number and text, text only, none", cases.quantity_forms
    )
    yield _of(
        "coding_forms",
        "9990000212",
        "legacy code first, text only, description, brand text",
        cases.coding_forms,
    )
    yield _of(
        "reaction_placeholders",
        "9990000220",
        "nullFlavors where a reaction is wanted",
        cases.reaction_placeholders,
    )
    yield _of(
        "not_for_patient", "9990000239", "NOPAT on one medication and one allergy", cases.not_for_patient
    )
    yield _of("no_role", "9990000247", "practitioners without a role, one with a text name", cases.no_role)
    yield _of("partial_dates", "9990000255", "years and months only", cases.partial_dates)
    yield _of(
        "medication_windows",
        "9990000263",
        "the date search of the specification: 2018-07-08",
        cases.medication_windows,
    )
    yield _of(
        "inherited_fields",
        "9990000271",
        "version 1.2: orders leave out what the plan says",
        cases.inherited_fields,
        practice=OLDER,
    )


def areas() -> Iterator[Scenario]:
    """What areas of a record hold."""
    yield _of(
        "withheld_items",
        "9990000077",
        "everything withheld: empty lists with a warning",
        cases.withheld_everything,
    )
    yield _of(
        "partly_withheld", "9990000085", "some withheld: partial lists with a warning", cases.withheld_some
    )
    yield _of(
        "record_in_transit", "9990000093", "not all arrived from the previous practice", cases.in_transit
    )
    yield _of("awaiting_filing", "9990000107", "items wait in the practice's workflow", cases.awaiting_filing)
    yield _of("two_warnings", "9990000115", "two codes on a list, one note", cases.two_warnings)
    yield _of("empty_record", "9990000123", "nothing recorded; not the same as none")
    yield _of(
        "unsupported_area",
        "9990000131",
        "allergies unknown to the practice's system",
        cases.allergies_unsupported,
    )
    yield _of(
        "disabled_area",
        "9990000158",
        "medications switched off, with an empty list",
        cases.medication_disabled,
    )
    yield _of("list_missing", "9990000298", "no allergy list at all: unknown, never none", cases.list_missing)


def odd_records() -> Iterator[Scenario]:
    """Records that bend the specification."""
    yield _of(
        "contradictory_no_known_allergies",
        "9990000301",
        "'no known allergy' beside an allergy",
        cases.contradictory_no_known_allergies,
    )
    yield _of(
        "ended_allergy_twice", "9990000328", "ended, contained and stand-alone", cases.ended_allergy_twice
    )
    yield _of(
        "malformed_resource",
        "9990000336",
        "one entry that cannot be read, in a good record",
        cases.malformed_resource,
        conforms=False,
    )
    yield _of(
        "out_of_order",
        "9990000344",
        "reversed, dangling, unknown resource and element",
        cases.out_of_order,
        conforms=False,
    )


def sizes() -> Iterator[Scenario]:
    """Records of some size."""
    yield _of("typical_size", "9990000859", "about 30 kB", cases.of_size(4, 2))
    yield _of("huge", "9990000867", "about 1.3 MB, mostly medication", cases.of_size(95, 8))
    yield _of("enormous", "9990000875", "about 12 MB", cases.of_size(400, 20))


def whole_records() -> Iterator[Scenario]:
    """Records in which every area, or what links them, counts."""
    for name, number, reason, case in (
        (
            "whole_record",
            "9990008000",
            "every area once, linked as a practice links them",
            area_cases.whole_record,
        ),
        (
            "values_in_comments",
            "9990008019",
            "uncategorised data with the value in the comment",
            area_cases.values_in_comments,
        ),
        (
            "forms_of_values",
            "9990008027",
            "comparator, no unit, half a blood pressure, a questionnaire",
            area_cases.forms_of_values,
        ),
        (
            "reports_without_states",
            "9990008035",
            "reports of unknown status, results only their group names",
            area_cases.reports_without_states,
        ),
        (
            "reports_by_lines",
            "9990008043",
            "reports without relations, comments of keys and values",
            area_cases.reports_by_lines,
        ),
        (
            "consultations_by_topic",
            "9990008051",
            "consultations without headings or titles, and a draft",
            area_cases.consultations_by_topic,
        ),
        (
            "problems_of_suppliers",
            "9990008078",
            "problems with links to nothing, to a List, in other forms",
            area_cases.problems_of_suppliers,
        ),
        (
            "immunisations_not_given",
            "9990008086",
            "vaccinations not given, and contradicting consent",
            area_cases.immunisations_not_given,
        ),
        (
            "referrals_of_few_words",
            "9990008094",
            "referrals without priority or recipient, one that is none",
            area_cases.referrals_of_few_words,
        ),
        (
            "documents_of_no_list",
            "9990008108",
            "documents in no list, one too large",
            area_cases.documents_of_no_list,
        ),
        (
            "referrals_switched_off",
            "9990008116",
            "referrals switched off: words in their place",
            area_cases.referrals_switched_off,
        ),
        (
            "withheld_from_consultations",
            "9990008124",
            "withheld: only a secondary list says so",
            area_cases.withheld_from_consultations,
        ),
        (
            "ended_allergy_in_a_consultation",
            "9990008132",
            "an ended allergy that a consultation and a problem name",
            area_cases.ended_allergy_in_a_consultation,
        ),
    ):
        held = shelf.letter() if name in ("whole_record", "documents_of_no_list") else None
        yield _of(name, number, reason, case, shelf=held)
