"""A patient as one practice knows them."""

from typing import Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.record.appointments import Address, ContactPoint
from bridge.record.common import STRICT, NonEmptyText, PartialDate
from bridge.record.retrieval import DemographicsCheck


@with_config(STRICT)
class PatientName(TypedDict):
    """The official name."""

    text: NonEmptyText
    """In the order in which it is spoken."""
    family: NotRequired[NonEmptyText]
    given: NotRequired[list[str]]
    prefix: NotRequired[list[str]]


@with_config(STRICT)
class Registration(TypedDict):
    """How the patient is registered at this practice, which may not be their own."""

    kind: Literal["regular", "temporary", "other"]
    kind_code: NotRequired[NonEmptyText]
    """Of code system CareConnect-RegistrationType-1, as sent: `R`, `T`, `E`, `IN`, `P`, `S`, `O`."""
    kind_text: NotRequired[NonEmptyText]
    starts: NotRequired[PartialDate]
    ends: NotRequired[PartialDate]


@with_config(STRICT)
class SpokenLanguage(TypedDict):
    """How to speak with the patient."""

    language: NotRequired[NonEmptyText]
    language_code: NotRequired[NonEmptyText]
    interpreter_required: NotRequired[bool]


@with_config(STRICT)
class NamedContact(TypedDict):
    """Somebody to be reached about an appointment."""

    name: NotRequired[NonEmptyText]
    relationship: NotRequired[NonEmptyText]
    contacts: list[ContactPoint]


@with_config(STRICT)
class PracticePatient(TypedDict):
    """An active patient of a practice. Addresses and telephone numbers are to be shown, never compared."""

    practice_ods_code: NonEmptyText
    patient_id: NonEmptyText
    """Logical id, valid at this practice only."""
    demographics: DemographicsCheck
    """The practice's details against those of the request and of PDS."""
    addresses: list[Address]
    contacts: list[ContactPoint]
    contact_persons: list[NamedContact]
    languages: list[SpokenLanguage]
    issue_codes: list[str]
    version_id: NotRequired[NonEmptyText]
    nhs_number: NotRequired[NonEmptyText]
    nhs_number_verified: NotRequired[bool]
    """As the practice states it; absent where it does not."""
    name: NotRequired[PatientName]
    birth_date: NotRequired[PartialDate]
    gender: NotRequired[NonEmptyText]
    registration: NotRequired[Registration]
    preferred_branch_location_id: NotRequired[NonEmptyText]
    """Favour slots at this place: where it is, `read_location` tells."""
