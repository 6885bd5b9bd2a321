"""The scenario patients: who they are, where they are registered, and the one reason each exists."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from bridge.sandbox.appointments import bookings
from bridge.sandbox.care_record.cases import CASES
from bridge.sandbox.control.faults import FaultKind, InjectedFault
from bridge.sandbox.documents import shelf
from bridge.sandbox.people import RegistrationState, Trace
from bridge.sandbox.scenario import BuildRecord, Scenario
from bridge.sandbox.structured import area_cases, cases
from bridge.sandbox.world import (
    DISABLED,
    MAIN,
    MOVED,
    NO_ADDRESS,
    NO_AGREEMENT,
    NO_DIARY,
    NO_ENDPOINT,
    NO_RECEIVER,
    OLDER,
    TWO_ENDPOINTS,
)


def _at(kind: FaultKind, **more: Any) -> InjectedFault:
    return replace(InjectedFault(kind), **more)


def _of_record(kind: FaultKind, **more: Any) -> InjectedFault:
    """Met by requests for the record only: dissent, for one, says nothing of appointments (AP-P12)."""
    return _at(kind, on=("structured_record", "care_record"), **more)


def _rows() -> Iterator[Scenario]:
    yield from _records()
    yield from _areas()
    yield from _odd_records()
    yield from _demographics()
    yield from _registrations()
    yield from _practices()
    yield from _refusals()
    yield from _lies()
    yield from _failures()
    yield from _sizes()
    yield from _care_records()
    yield from _appointments()
    yield from _documents()
    yield from _whole_records()


def _of(name: str, number: str, reason: str, case: BuildRecord | None = cases.empty, **more: Any) -> Scenario:
    return replace(Scenario(name=name, nhs_number=number, reason=reason, case=case), **more)


def _records() -> Iterator[Scenario]:
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


def _areas() -> Iterator[Scenario]:
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


def _odd_records() -> Iterator[Scenario]:
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


def _demographics() -> Iterator[Scenario]:
    for name, number, element, value in (
        ("other_family_name", "9990000352", "family", "Mirfield"),
        ("other_given_name", "9990000360", "given", "Wilhelmina"),
        ("other_gender", "9990000379", "gender", "unknown"),
        ("other_birth_date", "9990000387", "birth_date", "1901-01-01"),
    ):
        held = {element: (value,) if element == "given" else value}
        what = name.removeprefix("other_").replace("_", " ")
        reason = f"the practice holds another {what} than PDS"
        yield _of(name, number, reason, cases.rich_record, at_practice=held)


def _registrations() -> Iterator[Scenario]:
    new = "9990000018"
    yield _of(
        "superseded",
        "9990000395",
        "PDS answers with the number in use",
        None,
        trace=Trace.SUPERSEDED,
        now=new,
    )
    yield _of("restricted", "9990000409", "PDS: sensitive, no practice given", None, trace=Trace.RESTRICTED)
    yield _of("deceased", "9990000417", "PDS: deceased, practice still listed", None, trace=Trace.DECEASED)
    yield _of("ended_registration", "9990000425", "PDS: the registration has ended", None, trace=Trace.ENDED)
    yield _of("no_practice", "9990000433", "PDS: no practice at all", None, trace=Trace.NO_PRACTICE)
    yield _of("not_on_pds", "9990000441", "PDS: not found", None, trace=Trace.NOT_FOUND)
    yield _of("invalidated", "9990000468", "PDS: the number was invalidated", None, trace=Trace.INVALIDATED)
    busy = InjectedFault(FaultKind.STATUS, at="pds", status=429, retry_after=1, times=1)
    yield _of(
        "pds_busy_once", "9990000476", "PDS: 429 with Retry-After, then fine", cases.rich_record, fault=busy
    )
    down = InjectedFault(FaultKind.STATUS, at="pds", status=500, times=1)
    yield _of("pds_fails_once", "9990000484", "PDS: 500, then fine", cases.rich_record, fault=down)


def _practices() -> Iterator[Scenario]:
    for name, number, reason, practice in (
        ("no_endpoint", "9990000492", "SDS: the practice has no endpoint", NO_ENDPOINT),
        ("two_endpoints", "9990000506", "SDS: two endpoints; which one is unknown", TWO_ENDPOINTS),
        ("no_address", "9990000514", "SDS: an endpoint without an address", NO_ADDRESS),
        ("no_agreement", "9990000522", "proxy: no data sharing agreement", NO_AGREEMENT),
        ("moved_address", "9990000530", "proxy: SDS hands out an old address", MOVED),
        ("not_a_receiver", "9990000549", "proxy: the receiver is not accredited", NO_RECEIVER),
        ("capability_off", "9990000557", "practice: the capability is switched off", DISABLED),
    ):
        yield _of(name, number, reason, cases.rich_record, practice=practice)


def _refusals() -> Iterator[Scenario]:
    yield _of("not_at_practice", "9990000565", "practice: patient not found", None)
    for name, number, status, code in (
        ("no_consent", "9990000573", 403, "NO_PATIENT_CONSENT"),
        ("no_organisation_consent", "9990000581", 403, "NO_ORGANISATION_CONSENT"),
        ("demographics_refused", "9990000603", 400, "INVALID_PATIENT_DEMOGRAPHICS"),
        ("request_refused", "9990000611", 422, "INVALID_PARAMETER"),
        ("not_implemented", "9990000638", 501, "NOT_IMPLEMENTED"),
    ):
        yield _of(
            name,
            number,
            f"practice: {status} {code}",
            fault=_of_record(FaultKind.STATUS, status=status, code=code),
        )

    refused = _of_record(FaultKind.STATUS, status=403, code="NO_PATIENT_CONSENT")
    yield _of(
        "no_consent_older",
        "9990000883",
        "version 1.2.7: 403 NO_PATIENT_CONSENT",
        fault=refused,
        practice=OLDER,
    )


def _lies() -> Iterator[Scenario]:
    for name, number, reason, fault in (
        ("empty_object", "9990000646", "200 with {}", _of_record(FaultKind.EMPTY_OBJECT)),
        (
            "other_patient",
            "9990000654",
            "200 with another patient's record",
            _of_record(FaultKind.OTHER_PATIENT),
        ),
        ("html_page", "9990000662", "200 with a web page", _of_record(FaultKind.HTML, status=200)),
        ("cut_json", "9990000670", "200 with half of the JSON", _of_record(FaultKind.CUT_JSON)),
        ("outcome_as_success", "9990000689", "200 with an OperationOutcome", _of_record(FaultKind.OUTCOME)),
        ("wrong_content_type", "9990000697", "the record as text/plain", _of_record(FaultKind.CONTENT_TYPE)),
        ("stale_bundle", "9990000700", "the trace id of another request", _of_record(FaultKind.STALE_BUNDLE)),
    ):
        yield _of(name, number, reason, cases.rich_record, fault=fault)


def _failures() -> Iterator[Scenario]:
    for name, number, reason, fault in (
        ("slow", "9990000719", "answers after two seconds", _at(FaultKind.DELAY, delay=2.0)),
        ("fails_twice", "9990000727", "500 twice, then fine", _at(FaultKind.STATUS, times=2)),
        ("always_fails", "9990000735", "500 for ever", _at(FaultKind.STATUS)),
        ("fails_in_html", "9990000743", "500 with a web page", _at(FaultKind.HTML)),
        (
            "unavailable",
            "9990000751",
            "503 without a body",
            _at(FaultKind.STATUS, status=503, has_body=False),
        ),
        (
            "rate_limited_once",
            "9990000778",
            "429 with Retry-After, then fine",
            _at(FaultKind.STATUS, at="proxy", status=429, retry_after=1, times=1),
        ),
        ("proxy_timeout", "9990000786", "504 of the proxy", _at(FaultKind.STATUS, at="proxy", status=504)),
        ("connection_reset", "9990000794", "the connection is reset", _at(FaultKind.RESET, at="proxy")),
        (
            "practice_unreachable",
            "9990000808",
            "reset by the practice: 502 of the proxy",
            _at(FaultKind.RESET),
        ),
        (
            "answer_lost",
            "9990000816",
            "the work is done, the answer lost, then fine",
            _at(FaultKind.DROP, at="proxy", times=1),
        ),
        ("broken_transfer", "9990000824", "half of the bytes, then closed", _at(FaultKind.TRUNCATE)),
        ("dripping", "9990000832", "a few bytes at a time", _at(FaultKind.DRIP)),
        ("no_answer", "9990000840", "nothing ever comes", _at(FaultKind.HANG, at="proxy")),
    ):
        yield _of(name, number, reason, cases.rich_record, fault=fault)


def _sizes() -> Iterator[Scenario]:
    yield _of("typical_size", "9990000859", "about 30 kB", cases.of_size(4, 2))
    yield _of("huge", "9990000867", "about 1.3 MB, mostly medication", cases.of_size(95, 8))
    yield _of("enormous", "9990000875", "about 12 MB", cases.of_size(400, 20))


def _appointments() -> Iterator[Scenario]:
    yield _of(
        "has_appointments",
        "9990000891",
        "booked by the practice, by another organisation, cancelled, and earlier today",
        cases.rich_record,
        diary=bookings.of_every_kind,
    )
    yield _of("home_visit", "9990000905", "a visit that nobody else may change", diary=bookings.home_visit)
    yield _of(
        "registered_elsewhere",
        "9990000913",
        "to be registered as temporary before booking at A99001",
        practice=OLDER,
    )
    yield _of(
        "lapsed_record",
        "9990000921",
        "left A99001 years ago: registering revives",
        practice=OLDER,
        lapsed_at=MAIN,
    )
    yield _of(
        "untraced",
        "9990000948",
        "never checked against PDS, and agrees with it",
        standing=RegistrationState.UNTRACED,
    )
    yield _of(
        "untraced_other",
        "9990000956",
        "never checked against PDS, and differs from it",
        standing=RegistrationState.UNTRACED,
        at_practice={"family": "Mirfield", "birth_date": "1901-02-03"},
    )
    yield _of("no_diary", "9990000964", "SDS: the practice offers no appointments", practice=NO_DIARY)


def _care_records() -> Iterator[Scenario]:
    for case in CASES.values():
        if case.nhs_number:
            yield _of(case.name, case.nhs_number, case.reason, cases.rich_record)


def _documents() -> Iterator[Scenario]:
    for name, number, reason, held in (
        (
            "documents",
            "9990007004",
            "documents of every kind, from here and elsewhere",
            shelf.of_every_kind(),
        ),
        (
            "documents_not_for_patient",
            "9990007012",
            "NOPAT on document, on reference, on both",
            shelf.labelled(),
        ),
        (
            "documents_placeholders",
            "9990007020",
            "documents that exist and are not available",
            shelf.placeholders(),
        ),
        ("documents_sizes", "9990007039", "documents of 1 KB, 4.9 MB and 5.1 MB", shelf.sizes()),
        ("documents_untrue", "9990007047", "documents that are not what is said of them", shelf.untrue()),
        ("documents_bare", "9990007055", "documents about which hardly anything is said", shelf.bare()),
        (
            "documents_infected",
            "9990007063",
            "a document that a malware scanner objects to",
            shelf.infected(),
        ),
        (
            "documents_died_recently",
            "9990007071",
            "died a week ago: documents still served",
            shelf.of_dead(days=7),
        ),
        (
            "documents_died_long_ago",
            "9990007098",
            "died 29 days ago: no documents any more",
            shelf.of_dead(days=29),
        ),
        ("documents_dissent", "9990007101", "documents: 403 NO_PATIENT_CONSENT", shelf.of_dissenter()),
        ("documents_not_gms", "9990007128", "not registered for GMS: no documents", shelf.of_visitor()),
    ):
        yield _of(name, number, reason, shelf=held)


def _whole_records() -> Iterator[Scenario]:
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


SCENARIOS: tuple[Scenario, ...] = tuple(_rows())
BY_NAME: Mapping[str, Scenario] = {scenario.name: scenario for scenario in SCENARIOS}
BY_NUMBER: Mapping[str, Scenario] = {scenario.nhs_number: scenario for scenario in SCENARIOS}
assert len(BY_NAME) == len(BY_NUMBER) == len(SCENARIOS)
