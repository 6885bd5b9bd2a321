"""What a pipeline handler works with: the services, bound to the request at hand."""

import hashlib
import hmac
from dataclasses import dataclass

from bridge.contracts.envelope import Incoming
from bridge.contracts.requests import Areas, GpConnectRequest
from bridge.errors import ResponseInvalid
from bridge.gpconnect.client import GpConnect, StructuredAnswer
from bridge.mapping import Asked, Source, map_record
from bridge.record import GpRecord
from bridge.spine.pds import TracedPatient

_KEY_BYTES = 16


class PatientKeys:
    """Turns an NHS number into the ``patientkey`` of events: HMAC-SHA256 with the site's key, 128 bits.

    The same patient always gets the same key, so it serves for ordering; without the site key it says nothing.
    """

    def __init__(self, site_key: str) -> None:
        self._site_key = site_key.encode()

    def of(self, nhs_number: str) -> str:
        """The key of a patient, as 32 hexadecimal digits."""
        return hmac.digest(self._site_key, nhs_number.encode(), hashlib.sha256)[:_KEY_BYTES].hex()


@dataclass(frozen=True, slots=True)
class Services:
    """Opened once per worker and shared by all its requests."""

    gpconnect: GpConnect
    patient_keys: PatientKeys


@dataclass(frozen=True, slots=True)
class Context:
    """One request's view of the services. Handlers get this and nothing of the broker.

    Attributes:
        incoming: the envelope, for its ids.
        request: the validated request.
        services: the shared clients.
    """

    incoming: Incoming
    request: GpConnectRequest
    services: Services

    @property
    def request_id(self) -> str:
        """The sender's id of the request."""
        return self.incoming.request_id

    async def trace(self, *, practice_ods_code: str | None = None) -> TracedPatient:
        """Trace the patient on PDS and check the details that were sent (CS-002, CS-004).

        Raises:
            Refused: not found, restricted, deceased, not registered, or the details do not match.
            Unavailable: PDS cannot answer now.
        """
        return await self.services.gpconnect.trace(self.request.patient, practice_ods_code=practice_ods_code)

    async def structured_record(self, patient: TracedPatient, areas: Areas) -> StructuredAnswer:
        """Ask the patient's practice for the structured record, as the person who asked.

        Raises:
            Refused, Unavailable, ResponseInvalid: see `GpConnect.structured_record`.
        """
        return await self.services.gpconnect.structured_record(
            patient,
            areas=areas,
            requested_by=self.request.requested_by,
            encounter_id=self.request.encounter_id,
        )

    def map(self, answer: StructuredAnswer, patient: TracedPatient, areas: Areas) -> GpRecord:
        """Map the practice's answer into the local record.

        Raises:
            ResponseInvalid: the answer is not about the patient who was asked for (CS-051).
        """
        record = map_record(
            answer.bundle(),
            asked=asked_of(self.request, patient, areas),
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
