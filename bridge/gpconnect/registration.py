"""Registering a temporary patient: who, in FHIR, and what a refusal means.

Source: Foundations, register a patient, 1.2.7 to 1.2.9.
"""

from dataclasses import field
from datetime import date
from typing import Final

from bridge.contracts.patients import Communication, PostalAddress, RegistrationDetails
from bridge.contracts.requests import Gender
from bridge.errors import RegistrationRefusal, RegistrationRefused, RequestFailed
from bridge.fhir import systems
from bridge.fhir.build import checked
from bridge.fhir.read import JsonObject
from bridge.gpconnect.errors import provider_code
from bridge.gpconnect.writing import fault_of
from bridge.spine.http import Answer
from bridge.values import dataclass

PATIENT_PROFILE: Final = "https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-Patient-1"
_EXTENSIONS: Final = "https://fhir.nhs.uk/STU3/StructureDefinition/"
_VERIFICATION: Final = _EXTENSIONS + "Extension-CareConnect-GPC-NHSNumberVerificationStatus-1"
_VERIFICATION_CODES: Final = "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-NHSNumberVerificationStatus-1"
_COMMUNICATION: Final = _EXTENSIONS + "Extension-CareConnect-GPC-NHSCommunication-1"
_LANGUAGES: Final = "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-HumanLanguage-1"

_REFUSALS: Final[dict[str, RegistrationRefusal]] = {
    "DUPLICATE_REJECTED": "already_registered",
    "INVALID_PATIENT_DEMOGRAPHICS": "not_verified",
    "INVALID_RESOURCE": "invalid",
}


@dataclass(frozen=True, slots=True)
class NewRegistration:
    """Who is to be registered, and nothing that may not be said (FN-032).

    Attributes:
        nhs_number: traced on PDS (FN-004).
        family_name, given_names: of the official name (FN-022).
        birth_date: whole (FN-024).
        gender: when it is known (FN-025).
        details: contact details; the practice fills in from PDS what is left out.
    """

    nhs_number: str = field(repr=False)
    family_name: str = field(repr=False)
    given_names: tuple[str, ...] = field(repr=False)
    birth_date: date = field(repr=False)
    gender: Gender | None = field(default=None, repr=False)
    details: RegistrationDetails = field(default_factory=RegistrationDetails, repr=False)

    def body(self) -> bytes:
        """`Parameters` with one `registerPatient` (FN-020).

        Raises:
            pydantic.ValidationError: the result would not be valid FHIR.
        """
        patient = {name: value for name, value in self._patient().items() if value}
        return checked(
            {"resourceType": "Parameters", "parameter": [{"name": "registerPatient", "resource": patient}]}
        )

    def _patient(self) -> JsonObject:
        verified = {"coding": [{"system": _VERIFICATION_CODES, "code": "01"}]}
        number = {
            "extension": [{"url": _VERIFICATION, "valueCodeableConcept": verified}],
            "system": systems.NHS_NUMBER,
            "value": self.nhs_number,
        }
        spoken = self.details.communication
        return {
            "resourceType": "Patient",
            "meta": {"profile": [PATIENT_PROFILE]},
            "extension": [_communication(spoken)] if spoken else None,
            "identifier": [number],
            "name": [{"use": "official", "family": self.family_name, "given": list(self.given_names)}],
            "telecom": self._telecom(),
            "gender": self.gender,
            "birthDate": self.birth_date.isoformat(),
            "address": self._addresses(),
        }

    def _telecom(self) -> list[JsonObject]:
        phones = self.details.phones
        by_use = {"home": phones.home, "work": phones.work, "mobile": phones.mobile, "temp": phones.temporary}
        telecom: list[JsonObject] = [
            {"system": "phone", "value": number, "use": use} for use, number in by_use.items() if number
        ]
        if self.details.email:  # SP-099: a patient's contact point has a use
            telecom.append({"system": "email", "value": self.details.email, "use": "home"})
        return telecom

    def _addresses(self) -> list[JsonObject]:
        by_use = {"home": self.details.home_address, "temp": self.details.temporary_address}
        return [_address(use, address) for use, address in by_use.items() if address]


def _address(use: str, address: PostalAddress) -> JsonObject:
    parts = {"city": address.city, "district": address.district, "postalCode": address.postcode}
    return {"use": use, "line": list(address.lines)} | {name: part for name, part in parts.items() if part}


def _communication(spoken: Communication) -> JsonObject:
    coding = {"system": _LANGUAGES, "code": spoken.language_code, "display": spoken.language}
    return {
        "url": _COMMUNICATION,
        "extension": [
            {"url": "language", "valueCodeableConcept": {"coding": [coding]}},
            {"url": "interpreterRequired", "valueBoolean": spoken.interpreter_required},
        ],
    }


def refusal_of(answer: Answer) -> RequestFailed | None:
    """What an error answer to a registration means, where it has a meaning of its own."""
    if (fault := fault_of(answer)) is not None:
        return fault
    code = provider_code(answer)
    reason = _REFUSALS.get(code or "")
    return RegistrationRefused(reason, detail=f"code={code}") if reason else None
