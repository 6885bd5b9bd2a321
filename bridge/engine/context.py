"""What a pipeline handler works with: the services, bound to the request at hand."""

from dataclasses import dataclass
from datetime import date
from typing import get_args

from bridge.contracts.requests import Areas, Gender, GpConnectRequest, Patient
from bridge.engine.book import Book
from bridge.engine.desk import Desk, Seat
from bridge.engine.patient_keys import PatientKeys
from bridge.errors import ResponseInvalid
from bridge.gpconnect.client import GpConnect
from bridge.gpconnect.structured import StructuredAnswer
from bridge.mapping import Asked, Source, collector_paused, map_record
from bridge.record import GpRecord
from bridge.spine.interactions import STRUCTURED_RECORD
from bridge.spine.pds import TracedPatient


@dataclass(frozen=True, slots=True)
class Services:
    """Opened once per worker and shared by all its requests."""

    gpconnect: GpConnect
    patient_keys: PatientKeys
    book: Book
    desk: Desk


@dataclass(frozen=True, slots=True)
class Context:
    """One request's view of the services. Handlers get this and nothing of the broker.

    Attributes:
        request_id: the sender's id of the request.
        request_key: under which the ledger knows it.
        request: the validated request.
        services: the shared clients.
        seat: bounds how much is made of answers at a time.
    """

    request_id: str
    request_key: str
    request: GpConnectRequest
    services: Services
    seat: Seat

    async def trace(self, *, practice_ods_code: str | None = None) -> TracedPatient:
        """Trace the patient on PDS and check the details that were sent (CS-002, CS-004).

        Raises:
            Refused: not found, restricted, deceased, not registered, or the details do not match.
            Unavailable: PDS cannot answer now.
        """
        return await self.services.gpconnect.trace(self.request.patient, practice_ods_code=practice_ods_code)

    async def structured_record(self, patient: TracedPatient, areas: Areas) -> StructuredAnswer:
        """Ask the patient's practice for the structured record, as the person who asked.

        The answer is kept, encrypted, before anything is made of it: it is the source of truth.

        Raises:
            Refused, Unavailable, ResponseInvalid: see `GpConnect.structured_record`.
        """
        answer = await self.services.gpconnect.structured_record(
            patient,
            areas=areas,
            requested_by=self.request.requested_by,
            encounter_id=self.request.encounter_id,
        )
        await self.seat.take(len(answer.body))
        await self.services.book.keep_answer(self.request_key, STRUCTURED_RECORD.id, answer)
        return answer

    def map(self, answer: StructuredAnswer, patient: TracedPatient, areas: Areas) -> GpRecord:
        """Map the practice's answer into the local record.

        Raises:
            ResponseInvalid: the answer is not about the patient who was asked for (CS-051).
        """
        with collector_paused():
            record = map_record(
                answer.bundle(),
                asked=_asked(self.request.patient, patient, areas),
                source=Source(
                    request_id=self.request_id,
                    retrieved_at=answer.retrieved_at,
                    body_sha256=answer.body_sha256,
                    holder_ods=answer.practice_ods,
                    patient_key=self.services.patient_keys.of(patient.nhs_number),
                ),
            )
        if record["demographics"]["verdict"] == "reject":
            raise ResponseInvalid(
                stage="mapping",
                detail="the answer is about another patient, or about none",
                body_sha256=answer.body_sha256,
            )
        return record


def _asked(sent: Patient, traced: TracedPatient, areas: Areas) -> Asked:
    """What the answer is judged against: the sender's details, and PDS's where it sent none (CS-048)."""
    medications, allergies = areas.medications, areas.allergies
    return Asked(
        nhs_number=traced.nhs_number,
        superseded_nhs_number=traced.superseded,
        medications=medications is not None,
        allergies=allergies is not None,
        ended_allergies=allergies is not None and allergies.include_ended,
        issues=medications is not None and medications.include_issues,
        search_from=medications.search_from if medications else None,
        birth_date=sent.birth_date or _whole_date(traced.birth_date),
        family_name=sent.family_name or traced.family_name,
        given_name=sent.given_name or next(iter(traced.given_names), None),
        gender=sent.gender or _gender(traced.gender),
        practice_ods=traced.practice_ods,
    )


def _gender(text: str | None) -> Gender | None:
    return next((known for known in get_args(Gender) if known == text), None)


def _whole_date(text: str | None) -> date | None:
    """PDS may know a year or a month only, which compares with nothing."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
