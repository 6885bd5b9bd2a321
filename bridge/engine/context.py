"""What a pipeline handler works with: the services, bound to the request at hand."""

from dataclasses import dataclass

from bridge.contracts.care_record import CareRecordRequest
from bridge.contracts.requests import Areas, GpConnectRequest, Patient
from bridge.engine.care_record import CareRecord, Retrieval
from bridge.engine.details import details_of
from bridge.engine.journal import Journal
from bridge.engine.memory_budget import MemoryBudget, Reservation
from bridge.engine.patient_keys import PatientKeys
from bridge.engine.side_effects import Json, Send, Settle, SideEffects
from bridge.errors import ResponseInvalid
from bridge.gpconnect.client import GpConnect
from bridge.gpconnect.offers import Offers
from bridge.gpconnect.practice import PracticeClient
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
    offers: Offers
    book: Journal
    desk: MemoryBudget


@dataclass(frozen=True, slots=True)
class Context:
    """One request's view of the services. Handlers get this and nothing of the broker.

    Attributes:
        request_key: under which the ledger knows the request: its source and id together.
        request: the validated request.
        services: the shared clients.
        seat: bounds how much is made of answers at a time.
        effects: what this request was about to do, and did, in earlier tries.
        ends_at: when this try is cut off, by the event loop's clock.
        largest_event: bytes that one event may have, where the bus has a limit and nothing gets around it.
    """

    request_key: str
    request: GpConnectRequest
    services: Services
    seat: Reservation
    effects: SideEffects
    ends_at: float
    largest_event: int | None

    @property
    def request_id(self) -> str:
        """What ids that are made for this request are made from.

        Its source and id: another sender's request may have the same id.
        """
        return self.request_key

    async def once(self, kind: str, *, key: str, payload: Json, send: Send, settle: Settle) -> Json:
        """Cause a side effect at most once, however often the request is worked on; its result.

        What is about to be sent is durable before it is sent. A try that finds that it was sent before, and
        not what became of it, calls `settle`, and `send` again only when that says that nothing was done.
        So a handler that is run again comes to what was done again, with the same kind and key; what it
        returns without having done so is not published, and the request is in doubt.

        Args:
            kind: names the effect, e.g. ``appointment.book``; effects of one kind come one after another.
            key: tells it from others of its kind in this request: practice and resource ids, no patient data.
            payload: what is sent, as JSON; kept sealed, for whoever must find out what became of it.
            send: causes the effect and returns what is worth remembering. Raises `Refused` when it was
                certainly not done, and `Unavailable` when nobody knows.
            settle: asks whether it was done: its result; None when it was certainly not done. Raises
                `Unavailable` when that cannot be known now.

        Raises:
            Refused: the other side said no; the same again whenever this is run again.
            NotDone: it was not done, and will not be tried again.
            Unavailable: it is not known now; do not catch this one.
        """
        return await self.effects.once(kind, key=key, payload=payload, send=send, settle=settle)

    def may_send(self) -> None:
        """The last word of a `send` whose client is a site's own: call it when all is ready to be sent.

        The project's own clients ask it where the bytes leave, without being told to.

        Raises:
            HeldBack: the request's time is over, or the right to work on it nearly is: send nothing.
        """
        self.effects.may_send()

    def sent(self, kind: str, *, key: str) -> Json | None:
        """What `once` was first given as `payload` of this effect; None when it was never about to be sent.

        For what must be the same at every try, such as the state of what is changed.
        """
        return self.effects.sent(kind, key)

    def practice(self, practice_ods_code: str) -> PracticeClient:
        """Foundations and Appointments of a practice, as the person who asked. Nothing is asked of it yet."""
        return self.services.gpconnect.at(
            practice_ods_code,
            requested_by=self.request.requested_by,
            nhs_number=self.request.patient.nhs_number,
            encounter_id=self.request.encounter_id,
        )

    async def trace(self, *, practice_ods_code: str | None = None) -> TracedPatient:
        """Trace the patient on PDS and check the details that were sent (CS-002, CS-004).

        Raises:
            Refused: not found, restricted, deceased, not registered, or the details do not match.
            Unavailable: PDS cannot answer now.
        """
        return await self.services.gpconnect.trace(
            self.request.patient,
            requested_by=self.request.requested_by,
            practice_ods_code=practice_ods_code,
            request_key=self.request_key,
        )

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

    async def care_record(self, patient: TracedPatient, request: CareRecordRequest) -> CareRecord:
        """Ask the patient's practice for sections of the care record, and make them safe to show.

        Each answer is kept, encrypted, before anything is made of it, and not asked for again by another try.

        Raises:
            Refused, Unavailable, ResponseInvalid: no section can be shown.
        """
        retrieval = Retrieval(
            gpconnect=self.services.gpconnect,
            book=self.services.book,
            seat=self.seat,
            request=request,
            request_key=self.request_key,
            patient=patient,
            patient_key=self.services.patient_keys.of(patient.nhs_number),
            ends_at=self.ends_at,
            largest_event=self.largest_event,
        )
        return await retrieval.run()

    def map(self, answer: StructuredAnswer, patient: TracedPatient, areas: Areas) -> GpRecord:
        """Map the practice's answer into the local record.

        Raises:
            ResponseInvalid: the answer is not about the patient who was asked for (CS-051).
        """
        with collector_paused():
            parsed = answer.parsed()
            record = map_record(
                parsed.content,
                asked=_asked(self.request.patient, patient, areas),
                source=Source(
                    request_id=self.request_id,
                    retrieved_at=answer.retrieved_at,
                    body_sha256=answer.body_sha256,
                    holder_ods=answer.practice_ods,
                    patient_key=self.services.patient_keys.of(patient.nhs_number),
                    issues=parsed.issues,
                    may_hold_modifiers=parsed.may_hold_modifiers,
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
    """What the answer is judged against."""
    medications, allergies = areas.medications, areas.allergies
    return Asked(
        medications=medications is not None,
        allergies=allergies is not None,
        ended_allergies=allergies is not None and allergies.include_ended,
        issues=medications is not None and medications.include_issues,
        search_from=medications.search_from if medications else None,
        **details_of(sent, traced),
    )
