"""Requests about a patient at a practice: find, and register as temporary in order to book."""

from typing import Annotated

from pydantic import Field

from bridge.contracts.requests import GpConnectRequest, Model, OdsCode, Text

Phone = Annotated[str, Field(min_length=3, max_length=40, pattern=r"^[+0-9(][0-9 ()+./x-]*$")]
"""As a person writes it down; no format is imposed."""
Email = Annotated[str, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]
Postcode = Annotated[str, Field(min_length=2, max_length=10, pattern=r"^[A-Z0-9 ]+$")]


class PostalAddress(Model):
    """A postal address, line by line."""

    lines: Annotated[tuple[Text, ...], Field(min_length=1, max_length=5)]
    city: Text | None = None
    district: Text | None = None
    postcode: Postcode | None = None


class Phones(Model):
    """One number for each use; what is absent the practice fills in from PDS (FN-027)."""

    home: Phone | None = None
    work: Phone | None = None
    mobile: Phone | None = None
    temporary: Phone | None = None
    """While the patient is away from home; the practice ends it by itself and never tells PDS (FN-031)."""


class Communication(Model):
    """In which language to speak with the patient (FN-029)."""

    language_code: Annotated[str, Field(pattern=r"^[a-z]{1,3}[0-9]?$")]
    """Of code system CareConnect-HumanLanguage-1, e.g. ``pl``."""
    language: Text
    interpreter_required: bool


# Defaults in which nothing is set are not validated here: their validators are made with the first request.


class RegistrationDetails(Model):
    """What a practice is told of a patient whom it is to register as temporary.

    Official name, date of birth and gender are those of PDS, against which the practice checks them; what
    the request says of them counts only where PDS says nothing.
    """

    home_address: PostalAddress | None = None
    temporary_address: PostalAddress | None = None
    phones: Phones = Phones.model_construct()
    email: Email | None = None
    communication: Communication | None = None


class PatientFindRequest(GpConnectRequest):
    """``patient.find.requested.v1``: whether a practice has this patient as an active one, and as whom."""

    practice_ods_code: OdsCode | None = None
    """Absent: the practice where the patient is registered, by PDS."""


class PatientRegisterRequest(GpConnectRequest):
    """``patient.register.requested.v1``: register as a temporary patient, in order to book (FN-034)."""

    practice_ods_code: OdsCode
    """Where the appointment is to be; seldom the practice where the patient is registered."""
    details: RegistrationDetails = RegistrationDetails.model_construct()
