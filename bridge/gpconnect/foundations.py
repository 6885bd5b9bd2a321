"""Foundations: who the patient, the people and the places are at one practice.

Source: Foundations 1.2.7 and 1.6.2.
"""

from dataclasses import field
from typing import Final

from bridge.errors import FailureCode, Refused, RequestFailed, ResponseInvalid
from bridge.fhir import systems
from bridge.fhir.read import Item, JsonObject, is_current
from bridge.gpconnect.capability import Capability
from bridge.gpconnect.errors import provider_code
from bridge.gpconnect.ids import ResourceId, ResourceKind
from bridge.gpconnect.practice_call import PracticeCall, SentResource, body_sha256, resource_of, searchset_of
from bridge.gpconnect.registration import NewRegistration, refusal_of
from bridge.gpconnect.resources import LocalPatient, StoredResource, version_of
from bridge.gpconnect.writing import doubtful
from bridge.record.nhs_number import plain_nhs_number
from bridge.spine.http import Answer
from bridge.spine.interactions import (
    FIND_ORGANISATION,
    FIND_PATIENT,
    FIND_PRACTITIONER,
    FOUNDATIONS_METADATA,
    READ_LOCATION,
    READ_ORGANISATION,
    READ_PATIENT,
    READ_PRACTITIONER,
    REGISTER_PATIENT,
    Interaction,
)
from bridge.values import dataclass

_SDS_USER_ID: Final = "https://fhir.nhs.uk/Id/sds-user-id"
_UNKNOWN: Final = frozenset({"NO_RECORD_FOUND", "ORGANISATION_NOT_FOUND", "PRACTITIONER_NOT_FOUND"})


@dataclass(frozen=True)
class Foundations:
    """What one practice says about itself, its people and its patients. Reads may be repeated.

    Every method raises `Refused`, `ResponseInvalid` and `Unavailable` as `PracticeCall.ask` does.
    """

    _call: PracticeCall
    _capability: list[Capability] = field(default_factory=list, repr=False)

    @property
    def practice_ods(self) -> str:
        """The practice that is asked."""
        return self._call.practice_ods

    async def capability(self) -> Capability:
        """What the practice's system offers, and in which version (FN-013); asked for once (FN-014)."""
        if not self._capability:
            self._capability.append(await self._call.capability(FOUNDATIONS_METADATA))
        (known,) = self._capability
        return known

    async def find_patient(self, nhs_number: str) -> LocalPatient | None:
        """The active patient with this number; None when the practice has none (FN-016).

        Args:
            nhs_number: traced on PDS (FN-002).

        Raises:
            ResponseInvalid: the answer is about another patient, or about several.
        """
        query = [("identifier", f"{systems.NHS_NUMBER}|{nhs_number}")]
        answer = (await self._call.ask(FIND_PATIENT, target=FIND_PATIENT.target(query=query))).answer
        return one_patient(answer, nhs_number, self.practice_ods)

    async def read_patient(self, patient: ResourceId, *, nhs_number: str) -> LocalPatient:
        """A patient by the id that `find_patient` gave (FN-005).

        Raises:
            ResponseInvalid: the answer is about another patient.
        """
        target = READ_PATIENT.target(self._call.here(patient, "Patient"))
        answer = (await self._call.ask(READ_PATIENT, target=target)).answer
        return _patient(resource_of(answer), nhs_number, answer, self.practice_ods)

    async def register_patient(self, registration: NewRegistration) -> LocalPatient:
        """Register a temporary patient, in order to book (FN-034).

        Raises:
            RegistrationRefused: nothing was done; ``already_registered`` means: find the patient.
            Unavailable: it may have been done: find the patient before asking again.
        """
        with doubtful():
            answer = (
                await self._call.ask(REGISTER_PATIENT, body=registration.body(), error=refusal_of)
            ).answer
            found = one_patient(answer, registration.nhs_number, self.practice_ods)
            if found is None:
                raise ResponseInvalid(stage="provider", detail="no_patient", body_sha256=body_sha256(answer))
        return found

    async def find_practitioner(self, sds_user_id: str) -> StoredResource | None:
        """A practitioner by SDS user id (FN-008)."""
        return await self._find(FIND_PRACTITIONER, "Practitioner", f"{_SDS_USER_ID}|{sds_user_id}")

    async def read_practitioner(self, practitioner: ResourceId) -> StoredResource:
        """A practitioner that a schedule or an appointment names.

        Raises:
            Refused: ``resource_not_found``.
        """
        return await self._read(READ_PRACTITIONER, "Practitioner", practitioner)

    async def find_organisation(self, ods_code: str) -> StoredResource | None:
        """An organisation by ODS code (FN-010)."""
        return await self._find(FIND_ORGANISATION, "Organization", f"{systems.ODS_ORGANISATION}|{ods_code}")

    async def read_organisation(self, organisation: ResourceId) -> StoredResource:
        """An organisation that another resource names.

        Raises:
            Refused: ``resource_not_found``.
        """
        return await self._read(READ_ORGANISATION, "Organization", organisation)

    async def read_location(self, location: ResourceId) -> StoredResource:
        """The place of a schedule or an appointment, or the branch that a patient prefers.

        Raises:
            Refused: ``resource_not_found``.
        """
        return await self._read(READ_LOCATION, "Location", location)

    async def _find(
        self, interaction: Interaction, kind: ResourceKind, identifier: str
    ) -> StoredResource | None:
        target = interaction.target(query=[("identifier", identifier)])
        answer = (await self._call.ask(interaction, target=target)).answer
        found = searchset_of(answer, kind).found
        if len(found) > 1:
            raise ResponseInvalid(
                stage="provider", detail=f"several found={len(found)}", body_sha256=body_sha256(answer)
            )
        return StoredResource.of(self.practice_ods, kind, found[0]) if found else None

    async def _read(self, interaction: Interaction, kind: ResourceKind, known: ResourceId) -> StoredResource:
        target = interaction.target(self._call.here(known, kind))
        answer = (await self._call.ask(interaction, target=target, error=_not_found)).answer
        sent = resource_of(answer)
        return StoredResource.of(
            self.practice_ods, kind, sent.resource, version=version_of(answer), issues=sent.issues
        )


def one_patient(answer: Answer, nhs_number: str, practice_ods: str) -> LocalPatient | None:
    """The patient in the answer to a search by NHS number; None when nobody was found.

    Raises:
        ResponseInvalid: the answer is about another patient, or about several.
    """
    found, issues = searchset_of(answer, "Patient")
    if len(found) > 1:
        raise ResponseInvalid(
            stage="provider", detail=f"patients={len(found)}", body_sha256=body_sha256(answer)
        )
    return _patient(SentResource(found[0], issues), nhs_number, answer, practice_ods) if found else None


def _patient(sent: SentResource, nhs_number: str, answer: Answer, practice_ods: str) -> LocalPatient:
    resource, issues = sent
    if _nhs_numbers(resource) != {nhs_number}:
        raise ResponseInvalid(stage="provider", detail="another_patient", body_sha256=body_sha256(answer))
    return LocalPatient.of(practice_ods, "Patient", resource, version=version_of(answer), issues=issues)


def _nhs_numbers(resource: JsonObject) -> set[str]:
    item = Item(resource, "Patient")
    sent = item.many(resource.get("identifier"), "identifier")
    found = (
        item.code(each.get("value"), "identifier")
        for each in sent
        # A number that is marked as old belongs to nobody any more (FN-002 traces the one in force).
        if is_current(each, systems.NHS_NUMBER)
    )
    return {plain_nhs_number(number) for number in found if number is not None}


def _not_found(answer: Answer) -> RequestFailed | None:
    """A read by id that fails says nothing about the patient."""
    if (code := provider_code(answer)) in _UNKNOWN:
        return Refused(FailureCode.RESOURCE_NOT_FOUND, stage="provider", detail=f"code={code}")
    return None
