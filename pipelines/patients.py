"""Patients at a practice: find them there, or register them as temporary so that they can be booked."""

from bridge.pipelines import Context, Event, InDoubt, Pipeline, Refused, events
from bridge.pipelines.requests import PatientFindRequest, PatientRegisterRequest
from pipelines.appointments import side_effects
from pipelines.appointments.booking import registration
from pipelines.appointments.practice_session import PracticeSession, reason_of

patients = Pipeline("patients")


def _tell_in_doubt(_request: PatientRegisterRequest, what: InDoubt) -> Event:
    return events.registration_in_doubt(
        what.payload["header"], sent_at=what.sent_at.isoformat(), code=what.code
    )


@patients.operation(
    accepts="patient.find.requested.v1",
    request=PatientFindRequest,
    publishes={
        events.PATIENT_FOUND: events.PatientFound,
        events.PATIENT_NOT_FOUND: events.PatientNotFound,
    },
)
async def find(request: PatientFindRequest, gp: Context) -> list[Event]:
    """Find a traced patient at a practice, and hold what it knows against PDS."""
    at = await PracticeSession.of(gp, request.practice_ods_code)
    patient = await at.find_patient()
    if patient is None:
        return [events.patient_not_found(at.header)]
    return [events.patient_found(at.header, at.as_known(patient))]


@patients.operation(
    accepts="patient.register.requested.v1",
    request=PatientRegisterRequest,
    publishes={
        events.PATIENT_REGISTERED: events.PatientRegistered,
        events.REGISTRATION_REFUSED: events.RegistrationRefusedData,
        events.REGISTRATION_IN_DOUBT: events.RegistrationInDoubt,
    },
    ordered=True,
    in_doubt=_tell_in_doubt,
)
async def register(request: PatientRegisterRequest, gp: Context) -> list[Event]:
    """Register a traced patient as temporary at a practice, once; who is active there already stays as is."""
    at = await PracticeSession.of(gp, request.practice_ods_code)
    try:
        patient, was_active = await side_effects.register(at, registration(at, request.details))
    except Refused as refusal:
        return [events.registration_refused(at.header, reason_of(refusal))]
    return [events.patient_registered(at.header, at.as_known(patient), was_active=was_active)]
