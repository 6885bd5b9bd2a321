"""Each field of the events about care records, patients and appointments says what it was given, and nothing else."""

from datetime import date
from hashlib import sha256
from typing import Any

import pytest

from bridge.contracts import appointment_events as a
from bridge.contracts import care_record_events as c
from bridge.contracts import patient_events as p
from bridge.contracts.envelope import event_id
from bridge.contracts.events import Event
from bridge.errors import MESSAGES, FailureCode, Refused, ResponseInvalid, Unavailable
from bridge.mapping import Source
from bridge.mapping.care_record import SectionAsked, map_section
from bridge.record.care_record import CareRecordSection
from tests.support import care_records as pages

HEADER: Any = {
    "schema_version": "1.0",
    "nhs_number": "9990000018",
    "superseded_nhs_number": "9990000026",
    "patient_key": "k1-0",
    "practice_ods_code": "A99001",
}
NEW: Any = {"appointment_id": "new"}
OLD: Any = {"appointment_id": "old"}
PATIENT: Any = {"patient_id": "p1"}
LISTED: Any = {"appointments": [OLD]}
FOUND: Any = {"slots": []}
CHOICES: Any = [{"choice": 1, "reason": "taken"}, {"choice": 2, "reason": "past"}]


def words(code):
    message, advice = MESSAGES[code]
    return {"message": message, "advice": advice}


ABOUT_A_PATIENT: list[tuple[Event, str, Any, dict[str, Any]]] = [
    (p.patient_found(HEADER, PATIENT), "patient.found.v1", p.PatientFound, {"patient": PATIENT}),
    (
        p.patient_not_found(HEADER),
        "patient.not_found.v1",
        p.PatientNotFound,
        {"message": "The practice has no active patient with this NHS number, or may not say so."},
    ),
    (
        p.patient_registered(HEADER, PATIENT, was_active=True),
        "patient.registered.v1",
        p.PatientRegistered,
        {"patient": PATIENT, "was_active": True},
    ),
    (
        p.patient_registered(HEADER, PATIENT, was_active=False),
        "patient.registered.v1",
        p.PatientRegistered,
        {"patient": PATIENT, "was_active": False},
    ),
    (
        p.registration_refused(HEADER, "not_verified"),
        "registration.refused.v1",
        p.RegistrationRefusedData,
        {"reason": "not_verified", **words(FailureCode.REGISTRATION_REFUSED)},
    ),
    (
        p.registration_in_doubt(HEADER, sent_at="2026-11-22T09:00:00Z", code=FailureCode.PROVIDER_TIMEOUT),
        "registration.in_doubt.v1",
        p.RegistrationInDoubt,
        {
            "sent_at": "2026-11-22T09:00:00Z",
            "code": "provider_timeout",
            **words(FailureCode.OUTCOME_UNKNOWN),
        },
    ),
    (a.slots_found(HEADER, FOUND), "slots.found.v1", a.SlotsFound, {"found": FOUND}),
    (
        a.appointments_found(HEADER, LISTED),
        "appointments.found.v1",
        a.AppointmentsFound,
        {"found": LISTED},
    ),
    (
        a.appointment_booked(HEADER, NEW, choice=2, was_registered=True),
        "appointment.booked.v1",
        a.AppointmentBooked,
        {"appointment": NEW, "choice": 2, "was_registered": True},
    ),
    (
        a.appointment_booked(HEADER, NEW, choice=1, was_registered=False),
        "appointment.booked.v1",
        a.AppointmentBooked,
        {"appointment": NEW, "choice": 1, "was_registered": False},
    ),
    (
        a.appointment_amended(HEADER, OLD),
        "appointment.amended.v1",
        a.AppointmentAmended,
        {"appointment": OLD},
    ),
    (
        a.appointment_cancelled(HEADER, OLD),
        "appointment.cancelled.v1",
        a.AppointmentCancelled,
        {"appointment": OLD},
    ),
    (
        a.appointment_rescheduled(HEADER, NEW, OLD, choice=3),
        "appointment.rescheduled.v1",
        a.AppointmentRescheduled,
        {"booked": NEW, "cancelled": OLD, "choice": 3},
    ),
    (
        a.appointment_rescheduled(HEADER, NEW, OLD, choice=None),
        "appointment.rescheduled.v1",
        a.AppointmentRescheduled,
        {"booked": NEW, "cancelled": OLD},
    ),
    (
        a.appointment_refused(
            HEADER, "reschedule", "past", choices=CHOICES, standing="both_booked", booked=NEW
        ),
        "appointment.refused.v1",
        a.AppointmentRefusedData,
        {
            "wish": "reschedule",
            "reason": "past",
            "choices": CHOICES,
            "standing": "both_booked",
            "booked": NEW,
            **words(FailureCode.APPOINTMENT_REFUSED),
        },
    ),
    (
        a.appointment_refused(HEADER, "cancel", "not_found"),
        "appointment.refused.v1",
        a.AppointmentRefusedData,
        {
            "wish": "cancel",
            "reason": "not_found",
            "choices": [],
            **words(FailureCode.APPOINTMENT_REFUSED),
        },
    ),
    (
        a.appointment_in_doubt(
            HEADER,
            "reschedule",
            "cancel",
            is_done=False,
            about_what="A99001/Appointment/7",
            sent_at="2026-11-22T09:00:00Z",
            code=FailureCode.PROVIDER_ERROR,
            standing="old_in_doubt",
        ),
        "appointment.in_doubt.v1",
        a.AppointmentInDoubt,
        {
            "wish": "reschedule",
            "step": "cancel",
            "is_done": False,
            "about": "A99001/Appointment/7",
            "sent_at": "2026-11-22T09:00:00Z",
            "code": "provider_error",
            "standing": "old_in_doubt",
            **words(FailureCode.OUTCOME_UNKNOWN),
        },
    ),
    (
        a.appointment_in_doubt(
            HEADER,
            "book",
            "register",
            is_done=True,
            about_what="A99001/Slot/12",
            sent_at="2026-11-22T10:00:00Z",
            code=FailureCode.INTERNAL,
        ),
        "appointment.in_doubt.v1",
        a.AppointmentInDoubt,
        {
            "wish": "book",
            "step": "register",
            "is_done": True,
            "about": "A99001/Slot/12",
            "sent_at": "2026-11-22T10:00:00Z",
            "code": "internal",
            **words(FailureCode.OUTCOME_UNKNOWN),
        },
    ),
]


def fields_of(kind):
    return kind.__required_keys__ | kind.__optional_keys__


def named(cases):
    """One case for each field of each event."""
    return [
        pytest.param(event, field, expected, id=f"{event.kind}-{number}-{field}")
        for number, (event, _, _, told) in enumerate(cases)
        for field, expected in told.items()
    ]


WITH_HEADER = [(event, kind, shape, HEADER | own) for event, kind, shape, own in ABOUT_A_PATIENT]


@pytest.mark.parametrize(("event", "field", "expected"), named(WITH_HEADER))
def test_each_field_about_a_patient_at_a_practice_is_what_was_given(event, field, expected):
    assert event.data[field] == expected


@pytest.mark.parametrize(("event", "kind", "shape", "told"), WITH_HEADER)
def test_an_event_about_a_patient_says_nothing_else_and_is_of_its_kind_and_patient(event, kind, shape, told):
    assert event.kind == kind
    assert event.patient_key == "k1-0"
    assert event.snapshot_id == ""
    assert set(event.data) == set(told)
    assert shape.__required_keys__ <= set(told) <= fields_of(shape)


@pytest.mark.parametrize("shape", {id(each[2]): each[2] for each in WITH_HEADER}.values())
def test_no_field_about_a_patient_is_left_unproven(shape):
    proven = {field for _, _, of, told in WITH_HEADER if of is shape for field in told}
    assert proven == fields_of(shape)


# the care record

SOURCE = Source(
    request_id="r",
    retrieved_at="2026-11-22T09:00:00Z",
    body_sha256="0" * 64,
    patient_key="k1-0",
    holder_ods="A00001",
)


def a_section(code, html="<p>No data</p>", **asked):
    given = {"nhs_number": pages.NHS_NUMBER, "superseded_nhs_number": pages.OTHER_NUMBER} | asked
    return map_section(pages.answer(html, code), asked=SectionAsked(code=code, **given), source=SOURCE)


PAGE = '<h1>Medications</h1><div class="content-banner"><p>Some are left out</p></div>' + pages.table(
    "a|b|c", table_id="med-tab-acu-med"
)
CAME = [
    a_section("MED", f"<h1>Medications</h1>{pages.table('a|b|c')}"),
    a_section("ENC", "<p>No 'Encounters' data is recorded for this patient.</p>", family_name="Other"),
]
NOT_SHOWN = [
    c.NotShown("OBS", Unavailable(FailureCode.PROVIDER_TIMEOUT, stage="provider")),
    c.NotShown("SUM", ResponseInvalid(stage="mapping", detail="too_deep"), "other_section"),
]
COMPLETED = c.care_record_completed(CAME, NOT_SHOWN, request_id="r")
TOLD: Any = {
    "schema_version": "1.0",
    "nhs_number": pages.NHS_NUMBER,
    "superseded_nhs_number": pages.OTHER_NUMBER,
    "patient_key": "k1-0",
    "source_label": CAME[0]["source_label"],
    "holder_ods": "A00001",
    "complete": False,
    "published": [
        {
            "section": "ENC",
            "title": "Encounters",
            "event_id": event_id("r", "care_record.section.published.v1", CAME[1]["snapshot_id"]),
            "state": "nothing_recorded",
            "may_say_none": True,
            "verdict": "review",
        },
        {
            "section": "MED",
            "title": "Medications",
            "event_id": event_id("r", "care_record.section.published.v1", CAME[0]["snapshot_id"]),
            "state": "content",
            "may_say_none": False,
            "verdict": "accept",
        },
    ],
    "failed": [
        {
            "section": "SUM",
            "title": "Summary",
            "code": "response_invalid",
            "stage": "mapping",
            "retryable": False,
            **words(FailureCode.RESPONSE_INVALID),
            "failure": "other_section",
            "detail": "too_deep",
        },
        {
            "section": "OBS",
            "title": "Observations",
            "code": "provider_timeout",
            "stage": "provider",
            "retryable": True,
            **words(FailureCode.PROVIDER_TIMEOUT),
        },
    ],
}


@pytest.mark.duty("HT-011")
@pytest.mark.parametrize("field", TOLD)
def test_each_field_of_the_completed_care_record(field):
    assert COMPLETED.data[field] == TOLD[field]


def test_the_completed_care_record_says_nothing_else():
    assert set(COMPLETED.data) == {*TOLD, "snapshot_id"} == fields_of(c.CareRecordCompleted)
    assert (COMPLETED.kind, COMPLETED.patient_key) == ("care_record.completed.v1", "k1-0")
    assert COMPLETED.snapshot_id == COMPLETED.data["snapshot_id"]
    assert set(COMPLETED.data["failed"][0]) == fields_of(c.SectionFailed)
    assert set(COMPLETED.data["published"][0]) == fields_of(c.SectionPublished)


def test_a_care_record_without_keys_and_failures():
    came: Any = CAME[0]
    plain: Any = {name: came[name] for name in came if name not in ("superseded_nhs_number", "patient_key")}
    event = c.care_record_completed([plain], [], request_id="r")
    assert event.data["complete"] is True
    assert event.data["failed"] == []
    assert event.patient_key is None
    assert {"superseded_nhs_number", "patient_key"}.isdisjoint(event.data)


def test_the_snapshot_of_a_completed_care_record_is_of_what_came_and_what_did_not():
    first = COMPLETED.snapshot_id
    assert c.care_record_completed(CAME, NOT_SHOWN, request_id="r").snapshot_id == first
    refused = c.NotShown("OBS", Refused(FailureCode.REQUEST_REFUSED, stage="provider"))
    others = [
        c.care_record_completed(CAME, NOT_SHOWN, request_id="s"),
        c.care_record_completed(CAME[:1], NOT_SHOWN, request_id="r"),
        c.care_record_completed([*CAME[:1], a_section("ENC")], NOT_SHOWN, request_id="r"),
        c.care_record_completed(CAME, NOT_SHOWN[:1], request_id="r"),
        c.care_record_completed(CAME, [refused, *NOT_SHOWN[1:]], request_id="r"),
    ]
    assert len({first, *(event.snapshot_id for event in others)}) == 1 + len(others)


def test_the_event_of_a_section_is_the_section():
    event = c.section_published(CAME[0])
    assert event.data == CAME[0]
    assert event.kind == "care_record.section.published.v1"
    assert (event.snapshot_id, event.patient_key) == (CAME[0]["snapshot_id"], "k1-0")
    failed = a_section("MED", None)
    proven = {*CAME[0], *CAME[1], *a_section("ENC", start=date(2016, 10, 1)), *failed}
    assert proven == fields_of(CareRecordSection)


SECTION: Any = {
    "schema_version": "1.0",
    "snapshot_id": "see the tests of the mapping",
    "source_label": "GP practice record as the practice shows it, retrieved through GP Connect",
    "retrieved_at": "2026-11-22T09:00:00Z",
    "source_hash": f"sha256:{'0' * 64}",
    "nhs_number": pages.NHS_NUMBER,
    "superseded_nhs_number": pages.OTHER_NUMBER,
    "patient_key": "k1-0",
    "holder_ods": "A00001",
    "holder_name": "Mill Lane Surgery",
    "section": "MED",
    "title": "Medications",
    "demographics": {
        "nhs_number": "match",
        "birth_date": "match",
        "family_name": "mismatch",
        "given_name": "match",
        "gender": "mismatch",
        "practice_ods": "match",
        "deceased": "absent",
        "differences": [
            {"field": "family_name", "asked": "Other", "returned": "Taylor"},
            {"field": "gender", "asked": "male", "returned": "female"},
        ],
        "verdict": "review",
    },
    "patient": {
        "name": "Mx Sam Lee Taylor",
        "birth_date": "1950-01-02",
        "gender": "female",
        "address": ["1 Mill Lane", "Leeds", "LS1 6AE"],
        "phones": ["0113 496 0000"],
        "gp_name": "Dr Nichole Gilbert",
        "practice_name": "Mill Lane Surgery",
    },
    "period": {"start": "2016-10-01", "end": "2016-10-31"},
    "generated": {
        "at": "2026-11-22T08:59:59+00:00",
        "system": "Practice System",
        "version": "7.4",
        "organisation": "Mill Lane Surgery",
    },
    "state": "content",
    "may_say_none": False,
    "banners": [{"kind": "content", "text": "Some are left out"}],
    "html": PAGE,
    "received_html": PAGE,
    "received_hash": f"sha256:{sha256(PAGE.encode()).hexdigest()}",
    "subsections": [
        {
            "title": "Medications",
            "state": "content",
            "may_say_none": False,
            "banners": [],
            "tables": [
                {
                    "table_id": "med-tab-acu-med",
                    "columns": ["Date", "Title", "Details"],
                    "groups": [],
                    "rows": [{"cells": {"Date": "a", "Title": "b", "Details": "c"}}],
                }
            ],
            "texts": [],
        }
    ],
    "rows_are": "For reading only: words of the practice's page, not coded data. Do not import them.",
    "issues": [],
}
PUBLISHED = c.section_published(
    a_section(
        "MED",
        PAGE,
        family_name="Other",
        given_name="Sam",
        birth_date=date(1950, 1, 2),
        gender="male",
        practice_ods="A00001",
        deceased_on=date(2026, 1, 1),
        start=date(2016, 10, 1),
        end=date(2016, 10, 31),
    )
)


@pytest.mark.duty("HT-016", "HT-017", "HT-018")
@pytest.mark.parametrize("field", [name for name in SECTION if name != "snapshot_id"])
def test_each_field_of_a_section_that_came(field):
    assert PUBLISHED.data[field] == SECTION[field]


def test_a_section_that_came_says_nothing_else():
    assert set(PUBLISHED.data) == set(SECTION)
