"""A site's own pipelines as a type checker reads them: with an installed bridge, and nothing else of this project.

``make lint`` checks this file with ``mypy --strict`` and without the project's settings. Every export of the
door is used once and its type asserted; each use that must be refused says so with the code of its error,
and an ignore that nothing needs is an error itself. Nothing in here is ever run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar, assert_type
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from bridge import testing
from bridge.pipelines import (
    CareRecord,
    Context,
    Details,
    Event,
    FailureCode,
    GpConnectRequest,
    GpRecord,
    InDoubt,
    Json,
    NotDone,
    Partial,
    Pipeline,
    RecordRequest,
    Refused,
    RequestRejected,
    Unavailable,
    errors,
    events,
    pipeline,
    practice,
    records,
    requests,
    telemetry,
)

# --- requests -----------------------------------------------------------------------------------------------


class LabelRequest(GpConnectRequest):
    """A request of the site's own."""

    printer: requests.Text
    wards: tuple[requests.OdsCode, ...] = ()
    since: requests.PastDate | None = None
    contact: requests.NhsNumber | None = None
    paper: "Paper"


class Paper(requests.Model):
    """What stands inside a request."""

    width: int


def of_a_request(request: requests.RecordRequest, same: requests.GpConnectRequest) -> None:
    same = request
    assert_type(same.encounter_id, str | None)
    assert_type(request.areas, requests.Areas)
    assert_type(request.areas.medications, requests.MedicationOptions | None)
    assert_type(request.areas.allergies, requests.AllergyOptions | None)
    assert_type(request.patient, requests.Patient)
    assert_type(request.patient.gender, requests.Gender | None)
    assert_type(request.requested_by, requests.Requester)
    assert_type(request.requested_by.organisation, requests.Organisation)
    assert_type(request.practice_ods_code, str | None)
    request.patient.postcode  # type: ignore[attr-defined]


def of_requests_for_appointments(
    slots: requests.SlotsRequest,
    book: requests.AppointmentRequest,
    amend: requests.AppointmentAmendRequest,
    cancel: requests.AppointmentCancelRequest,
    move: requests.AppointmentRescheduleRequest,
    listing: requests.AppointmentsRequest,
    also: requests.Booking,
) -> None:
    assert_type(slots.end, date)
    choice: requests.Choice = book.choices[0]
    assert_type(choice, tuple[requests.Offer, ...])
    assert_type(book.register_if_unknown, requests.RegistrationDetails | None)
    assert_type(amend.appointment, requests.AppointmentRef)
    assert_type(cancel.reason, str)
    assert_type(move.booked, requests.AppointmentRef | None)
    assert_type(listing.start, date)
    also = book
    assert_type(also.organisation_phone, str)


def of_other_requests(
    find: requests.PatientFindRequest,
    register: requests.PatientRegisterRequest,
    sections: requests.CareRecordRequest,
) -> None:
    assert_type(find.practice_ods_code, str | None)
    assert_type(register.details, requests.RegistrationDetails)
    assert_type(sections.sections, requests.Sections)
    for _code, period in sections.sections.wanted():
        assert_type(period, requests.DayRange | None)


def of_requests_for_documents(which: requests.DocumentsRequest, one: requests.DocumentRequest) -> None:
    assert_type(which.period, requests.DayRange | None)
    assert_type(one.location, str | None)


# --- declaring ----------------------------------------------------------------------------------------------


@with_config(events.STRICT)
class Label(TypedDict):
    """Data of an event of the site's own."""

    names: list[str]


assert_type(events.STRICT, ConfigDict)
labels = Pipeline("labels")
assert_type(labels.name, str)


def tell_in_doubt(request: LabelRequest, what: InDoubt) -> Event:
    assert_type(request.printer, str)
    assert_type(what.payload, Json)
    assert_type(what.sent_at, datetime)
    assert_type(what.is_done, bool)
    assert_type(what.code, FailureCode)
    return Event("label.in_doubt.v1", {"about": f"{what.kind} {what.key}"})


@labels.operation(
    accepts="label.requested.v1",
    request=LabelRequest,
    publishes={"label.printed.v1": Label, "label.in_doubt.v1": dict[str, Any]},
    ordered=True,
    in_doubt=tell_in_doubt,
)
async def print_label(request: LabelRequest, gp: Context) -> list[Event]:
    return [Event("label.printed.v1", await printed(request, gp), patient_key=None, snapshot_id="")]


async def printed(request: LabelRequest, gp: Context) -> Json:
    async def send() -> Json:
        gp.may_send()
        return {"paper": request.paper.width}

    async def settle() -> Json | None:
        return None

    assert_type(gp.sent("label.print", key="1"), Json | None)
    assert_type(gp.has_tried_to_send, bool)
    try:
        return await gp.once("label.print", key="1", payload={}, send=send, settle=settle)
    except NotDone as not_done:
        assert_type(not_done.reason, str | None)
        raise
    except Refused as refusal:
        assert_type(refusal.code, FailureCode)
        raise
    except Unavailable as failure:
        assert_type(failure.retry_after, float | None)
        raise


@pipeline(name="names", accepts="names.requested.v1", request=RecordRequest, publishes={"names.v1": Label})
async def names(request: RecordRequest, gp: Context) -> list[Event]:
    patient = await gp.trace(practice_ods_code=request.practice_ods_code)
    assert_type(patient, practice.TracedPatient)
    assert_type(gp.patient_key(patient), str)
    assert_type(gp.details(patient), Details)
    answer = await gp.structured_record(patient, request.areas)
    assert_type(answer, practice.StructuredAnswer)
    record = gp.map(answer, patient, request.areas)
    assert_type(record, GpRecord)
    assert_type(record["allergies"], list[records.Allergy])
    assert_type(record["medications"], list[records.MedicationCourse])
    raise RequestRejected("data.areas", "must name allergies")


assert_type(names, Pipeline)


@pipeline(name="wrong", accepts="wrong.v1", request=RecordRequest, publishes={})  # type: ignore[arg-type]
async def of_another_request(request: LabelRequest, gp: Context) -> list[Event]:
    return []


@pipeline(name="wrong", accepts="wrong.v1", request=RecordRequest, publishes={})  # type: ignore[arg-type]
def not_async(request: RecordRequest, gp: Context) -> list[Event]:
    return []


@pipeline(name="wrong", accepts="wrong.v1", request=dict, publishes={})  # type: ignore[type-var]
async def of_no_request(request: Any, gp: Context) -> list[Event]:
    return []


# --- what a handler may not see, and may not do --------------------------------------------------------------


async def beyond_the_door(gp: Context, patient: practice.TracedPatient) -> None:
    gp.services  # type: ignore[attr-defined]
    gp.reservation  # type: ignore[attr-defined]
    gp.side_effects  # type: ignore[attr-defined]
    gp.ends_at  # type: ignore[attr-defined]
    gp.largest_event  # type: ignore[attr-defined]
    gp.request = gp.request  # type: ignore[misc]
    assert_type(gp.request, GpConnectRequest)
    assert_type(gp.request_key, str)
    await gp.structured_record(patient)  # type: ignore[call-arg]
    await gp.once("k", key="1", payload={}, send=gp.may_send, settle=gp.may_send)  # type: ignore[arg-type]
    Event("label.printed.v1")  # type: ignore[call-arg]
    Refused("gone", stage="provider")  # type: ignore[arg-type]
    Refused(FailureCode.PATIENT_NOT_FOUND, stage="printer")  # type: ignore[arg-type]


# --- care record, patients, appointments ----------------------------------------------------------------------


async def of_documents(
    gp: Context, which: requests.DocumentsRequest, one: requests.DocumentRequest
) -> list[Event]:
    patient = await gp.trace()
    found = await gp.documents(patient, which)
    assert_type(found, records.FoundDocuments)
    for each in found["documents"]:
        assert_type(each, records.Document)
    document = await gp.document(patient, one)
    assert_type(document.sha256, str)
    whose = {"nhs_number": patient.nhs_number, "patient_key": gp.patient_key(patient)}
    told = events.document_retrieved(document, one, whose, request_id=gp.request_key)
    return [events.documents_found(found), told]


async def of_a_care_record(gp: Context, request: requests.CareRecordRequest) -> list[Event]:
    record = await gp.care_record(await gp.trace(), request)
    assert_type(record, CareRecord)
    for section in record.sections:
        assert_type(section, records.CareRecordSection)
        assert_type(events.section_published(section), Event)
    for missing in record.not_shown:
        assert_type(missing, events.NotShown)
        assert_type(missing.error, errors.RequestFailed)
    told = [events.care_record_completed(record.sections, record.not_shown, request_id=gp.request_key)]
    if record.missing is not None:
        assert_type(record.missing, Unavailable)
        raise Partial(record.missing, told)
    return told


async def of_a_practice(
    gp: Context,
    offer: requests.Offer,
    booking: practice.PracticeBooking,
    registration: practice.NewRegistration,
) -> None:
    patient = await gp.trace()
    at = gp.practice(patient.practice_ods)
    assert_type(at, practice.PracticeClient)
    window = practice.Window.of(practice.today(), practice.today())
    found = await gp.free_slots(at, window, patient, organisation_type="urgent-care")
    assert_type(found, records.FreeSlots)
    assert_type(found["slots"], list[records.Slot])
    if gp.check_offer(offer, patient) == "offer_expired":
        raise errors.AppointmentRefused("offer_expired", stage="request")
    known = await at.find_patient(patient.nhs_number) or await at.register_patient(registration)
    assert_type(known, practice.LocalPatient)
    assert_type(known.id, practice.ResourceId)
    assert_type(known.resource, practice.JsonObject)
    assert_type(gp.map_patient(known, patient), records.PracticePatient)
    stored = await at.book(booking)
    assert_type(stored, practice.StoredAppointment)
    practice.check_changeable(stored)
    ods, now = at.practice_ods, practice.timestamp()
    appointment = practice.map_appointment(stored.resource, practice_ods_code=ods, retrieved_at=now)
    assert_type(appointment, records.Appointment)
    listed = practice.map_appointments(
        [stored.resource],
        practice_ods_code=ods,
        first_day=practice.today(),
        last_day=practice.today(),
        retrieved_at=now,
    )
    assert_type(listed, records.Appointments)
    assert_type(practice.LONDON, ZoneInfo)
    assert_type(practice.LONGEST_DESCRIPTION + 1, int)
    await gp.free_slots(at, window, patient, organisation_type="hospital")  # type: ignore[arg-type]


def of_errors(failure: errors.RequestFailed) -> str:
    match failure:
        case errors.NotDone() | errors.AppointmentRefused() | errors.RegistrationRefused():
            return "refused, and nothing was changed"
        case errors.ResponseInvalid(body_sha256=digest):
            return digest or "an answer that cannot be used"
        case errors.Refused(reason=reason):
            return reason or "refused"
        case errors.Partial(events=some):
            assert_type(list(some), list[Event])
            return "some of it"
        case errors.HeldBack() | errors.Unavailable():
            return "later"
    if failure.code is errors.FailureCode.CONFIGURATION:
        raise errors.RequestRejected("data", "cannot be asked here")
    return failure.detail


# --- tests ------------------------------------------------------------------------------------------------


async def of_a_test() -> None:
    options = testing.SandboxOptions(patients=5)
    async with testing.site({"BRIDGE_RETRY_ATTEMPTS": "1"}, sandbox=options) as ours:
        assert_type(ours, testing.Site)
        ours.fault("*", testing.InjectedFault(testing.FaultKind.RESET, at="proxy", times=1))
        request = ours.request(LabelRequest, "rich_record", printer="p-1", paper={"width": 4})
        assert_type(request, LabelRequest)
        result = await ours.finish(await ours.run(labels, request))
        assert_type(result, testing.Result)
        outcome: testing.Outcome = result.outcome
        assert_type(result.data("label.printed.v1", Label), Label)
        for event in result.events:
            assert_type(event, testing.Published)
        again = await ours.run_again(result)
        if outcome == "completed" and again.outcome == "dead_letter":  # type: ignore[comparison-overlap]
            raise AssertionError
        await ours.run(print_label, request)  # type: ignore[arg-type]
        ours.request(Label, "rich_record")  # type: ignore[type-var]


# --- records --------------------------------------------------------------------------------------------------


def of_a_record(record: records.GpRecord) -> None:
    assert_type(record["allergy_statement"], records.AllergyStatement)
    assert_type(record["areas"], list[records.Area])
    assert_type(record["demographics"], records.DemographicsCheck)
    assert_type(record["linked_problems"], list[records.LinkedProblem])
    assert_type(record["unmapped"], list[records.Unmapped])
    assert_type(record["issues"], list[records.Issue])
    record["prescriptions"]  # type: ignore[typeddict-item]
    for area in record["areas"]:
        assert_type(area["outcome"], records.AreaOutcome)
        assert_type(area["warnings"], list[records.AreaWarning])
        if area["outcome"] == "nothing":  # type: ignore[comparison-overlap]
            raise AssertionError
    assert_type(record.get("no_known_allergy_kinds"), list[records.AllergyKind] | None)
    for allergy in record["allergies"]:
        of_an_allergy(allergy)
    for course in record["medications"]:
        of_a_course(course)


def of_an_allergy(allergy: records.Allergy) -> None:
    assert_type(allergy["reactions"], list[records.Reaction])
    assert_type(allergy["substance"], records.CodedText)
    assert_type(allergy["substance"]["codings"], list[records.Coding])
    assert_type(allergy["provenance"], records.Provenance)


def of_a_course(course: records.MedicationCourse) -> None:
    assert_type(course["dosage"], list[records.Dosage])
    assert_type(course["notes"], list[records.Note])
    if "plan" in course:
        assert_type(course["plan"], records.MedicationPlan)
        assert_type(course["plan"]["issues"], list[records.MedicationIssue])


def of_parts(when: records.PartialDate, who: records.Party, how_much: records.Quantity) -> None:
    assert_type(when["value"], str)
    assert_type(who.get("name"), str | None)
    assert_type(how_much.get("unit"), str | None)


# --- events ----------------------------------------------------------------------------------------------------


RECORD_EVENTS: Mapping[str, Any] = {
    events.MEDICATIONS_PUBLISHED: events.MedicationsPublished,
    events.ALLERGIES_PUBLISHED: events.AllergiesPublished,
    events.RECORD_COMPLETED: events.RecordCompleted,
    events.CARE_RECORD_SECTION: records.CareRecordSection,
    events.CARE_RECORD_COMPLETED: events.CareRecordCompleted,
    events.DOCUMENTS_FOUND: records.FoundDocuments,
    events.DOCUMENT_RETRIEVED: events.DocumentRetrieved,
    events.REQUEST_FAILED: events.RequestFailedData,
    events.REQUEST_REJECTED: events.RequestRejectedData,
}
PRACTICE_EVENTS: Mapping[str, Any] = {
    events.SLOTS_FOUND: events.SlotsFound,
    events.APPOINTMENTS_FOUND: events.AppointmentsFound,
    events.APPOINTMENT_BOOKED: events.AppointmentBooked,
    events.APPOINTMENT_AMENDED: events.AppointmentAmended,
    events.APPOINTMENT_CANCELLED: events.AppointmentCancelled,
    events.APPOINTMENT_RESCHEDULED: events.AppointmentRescheduled,
    events.APPOINTMENT_REFUSED: events.AppointmentRefusedData,
    events.APPOINTMENT_IN_DOUBT: events.AppointmentInDoubt,
    events.PATIENT_FOUND: events.PatientFound,
    events.PATIENT_NOT_FOUND: events.PatientNotFound,
    events.PATIENT_REGISTERED: events.PatientRegistered,
    events.REGISTRATION_REFUSED: events.RegistrationRefusedData,
    events.REGISTRATION_IN_DOUBT: events.RegistrationInDoubt,
}


def of_record_events(record: GpRecord, request_key: str) -> list[events.Event]:
    parts = [
        events.medications_published(record, requests.MedicationOptions(include_issues=False)),
        events.allergies_published(record),
    ]
    return [*parts, events.record_completed(record, parts, request_id=request_key)]


def of_all_areas(record: GpRecord, wanted: requests.Areas) -> list[events.Event]:
    parts = events.areas_published(record, wanted)
    assert set(events.record_events()) >= {part.kind for part in parts}
    return parts


def of_a_header(header: events.RecordHeader, data: events.AllergiesPublished) -> str:
    header = data
    return header["snapshot_id"]


def of_practice_events(
    header: events.AtPractice,
    found: records.FreeSlots,
    listed: records.Appointments,
    appointment: records.Appointment,
    patient: records.PracticePatient,
) -> list[Event]:
    wish: events.Wish = "reschedule"
    step: events.Step = "cancel"
    standing: events.Standing = "both_booked"
    reason: events.RefusalReason = "taken"
    choices: list[events.RefusedChoice] = [{"choice": 1, "reason": reason}]
    code, sent_at = FailureCode.PROVIDER_TIMEOUT, practice.timestamp()
    return [
        events.slots_found(header, found),
        events.appointments_found(header, listed),
        events.appointment_booked(header, appointment, choice=1, was_registered=False),
        events.appointment_amended(header, appointment),
        events.appointment_cancelled(header, appointment),
        events.appointment_rescheduled(header, appointment, appointment, choice=None),
        events.appointment_refused(header, wish, reason, choices=choices, standing=standing),
        events.appointment_in_doubt(
            header, wish, step, is_done=True, about_what="A99001/Slot/1", sent_at=sent_at, code=code
        ),
        events.patient_found(header, patient),
        events.patient_not_found(header),
        events.patient_registered(header, patient, was_active=True),
        events.registration_refused(header, "not_verified"),
        events.registration_in_doubt(header, sent_at=sent_at, code=code),
        events.slots_found(header, listed),  # type: ignore[arg-type]
    ]


@dataclass(frozen=True, slots=True)
class LabelPrinted(telemetry.RequestEvent):
    """What the site's own log is told."""

    name: ClassVar[str] = "label_printed"
    level: ClassVar[telemetry.Level] = "info"

    printer: telemetry.Code
    states: telemetry.Words
    labels: int


def of_the_log(printer: str) -> None:
    telemetry.record(LabelPrinted(printer, "paper low", 2))
    with telemetry.stage("map"):
        telemetry.record(LabelPrinted(printer, "ready", 1))
    telemetry.record("label_printed")  # type: ignore[arg-type]


def of_a_choice_that_is_wrong() -> events.RefusedChoice:
    return {"choice": "1", "reason": "taken"}  # type: ignore[typeddict-item]
