"""What is published about a patient at a practice: found, not found, registered, or not."""

from collections.abc import Mapping
from typing import Any, Literal, NotRequired

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from bridge.contracts.events import Event
from bridge.errors import MESSAGES, FailureCode, RegistrationRefusal
from bridge.record.common import STRICT
from bridge.record.patients import PracticePatient

PATIENT_FOUND = "patient.found.v1"
PATIENT_NOT_FOUND = "patient.not_found.v1"
PATIENT_REGISTERED = "patient.registered.v1"
REGISTRATION_REFUSED = "registration.refused.v1"
REGISTRATION_IN_DOUBT = "registration.in_doubt.v1"


@with_config(STRICT)
class AtPractice(TypedDict):
    """Stands at the top of every event about a patient at a practice."""

    schema_version: Literal["1.0"]
    nhs_number: str
    """The patient's current NHS number, by PDS."""
    superseded_nhs_number: NotRequired[str]
    """The number that was asked for, when PDS says that it was replaced by the current one (CS-007)."""
    patient_key: str
    practice_ods_code: str
    """The practice that was asked."""


@with_config(STRICT)
class PatientFound(AtPractice):
    """``patient.found.v1``: the practice has this patient as an active one, which temporary ones are too."""

    patient: PracticePatient
    """Verdict ``review`` of its demographics: a person must look at the differences first (FN-036)."""


@with_config(STRICT)
class PatientNotFound(AtPractice):
    """``patient.not_found.v1``: no active patient there. The practice does not say why."""

    message: str


@with_config(STRICT)
class PatientRegistered(AtPractice):
    """``patient.registered.v1``: the patient can be booked at this practice."""

    was_active: bool
    """True: the practice had the patient as an active one already, and nothing was changed."""
    patient: PracticePatient


@with_config(ConfigDict(**STRICT, title="RegistrationRefused"))
class RegistrationRefusedData(AtPractice):
    """``registration.refused.v1``: the practice did not register the patient; nothing was changed."""

    reason: RegistrationRefusal | Literal["incomplete", "not_done"]
    """``incomplete``: name or whole date of birth are known neither to PDS nor by the request. ``not_done``:
    the answer was lost, the practice shows that nothing was done, and it is not tried again."""
    message: str
    advice: str


@with_config(STRICT)
class RegistrationInDoubt(AtPractice):
    """``registration.in_doubt.v1``: sent, and nobody knows yet whether it was done; another event follows."""

    sent_at: str
    """RFC 3339, UTC."""
    code: FailureCode
    """What keeps the engine from knowing."""
    message: str
    advice: str


def about(header: AtPractice, kind: str, **data: Any) -> Event:
    """An event of `kind` about the patient of `header`."""
    return Event(kind, {**header, **data}, patient_key=header["patient_key"])


def patient_found(header: AtPractice, patient: PracticePatient) -> Event:
    """See `PatientFound`."""
    return about(header, PATIENT_FOUND, patient=patient)


def patient_not_found(header: AtPractice) -> Event:
    """See `PatientNotFound`."""
    return about(
        header,
        PATIENT_NOT_FOUND,
        message="The practice has no active patient with this NHS number, or may not say so.",
    )


def patient_registered(header: AtPractice, patient: PracticePatient, *, was_active: bool) -> Event:
    """See `PatientRegistered`."""
    return about(header, PATIENT_REGISTERED, was_active=was_active, patient=patient)


def registration_refused(header: AtPractice, reason: str) -> Event:
    """See `RegistrationRefusedData`."""
    return about(header, REGISTRATION_REFUSED, reason=reason, **in_words(FailureCode.REGISTRATION_REFUSED))


def registration_in_doubt(header: AtPractice, *, sent_at: str, code: FailureCode) -> Event:
    """See `RegistrationInDoubt`."""
    return about(
        header,
        REGISTRATION_IN_DOUBT,
        sent_at=sent_at,
        code=code,
        **in_words(FailureCode.OUTCOME_UNKNOWN),
    )


def in_words(code: FailureCode) -> Mapping[str, str]:
    """What happened and what to do, for a person."""
    message, advice = MESSAGES[code]
    return {"message": message, "advice": advice}
