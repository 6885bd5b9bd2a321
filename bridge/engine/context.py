"""What stands behind a handler's `Context`: the services of a worker, and one try of a request."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from bridge.areas import GpRecord, map_record
from bridge.areas.requests import Areas
from bridge.contracts.appointments import Offer, OrganisationType
from bridge.contracts.care_record import CareRecordRequest
from bridge.contracts.document_events import RetrievedDocument
from bridge.contracts.documents import DocumentRequest, DocumentsRequest
from bridge.contracts.requests import GpConnectRequest
from bridge.engine.documents import DocumentServices, DocumentsOfPatient
from bridge.engine.journal import Journal
from bridge.engine.kill_switch import KillSwitch
from bridge.engine.memory_budget import MemoryBudget
from bridge.engine.outcomes import Try
from bridge.engine.patient_keys import PatientKeys
from bridge.engine.quality import quality_of
from bridge.errors import AppointmentRefusal, ResponseInvalid
from bridge.gpconnect import (
    GpConnect,
    LocalPatient,
    PracticeClient,
    SearchAnswer,
    StructuredAnswer,
    Window,
    rules,
)
from bridge.gpconnect.offers import Offers
from bridge.gpconnect.windows import local
from bridge.ledger import QualityFound
from bridge.mapping import Asked, SlotSearch, Source, collector_paused, map_patient, map_slots
from bridge.observe import is_heard, record
from bridge.observe.spans import span, stage
from bridge.observe.vocabulary.requests import RecordMapped
from bridge.pipelines.care_record import CareRecord
from bridge.pipelines.details import Details, details_of
from bridge.pipelines.side_effects import Json, Send, Settle
from bridge.record.appointments import FreeSlots
from bridge.record.dates import uk_day
from bridge.record.documents import FoundDocuments
from bridge.record.patients import PracticePatient
from bridge.spine.interactions import STRUCTURED_RECORD
from bridge.spine.pds import TracedPatient
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class Services:
    """Opened once per worker and shared by all its requests."""

    gpconnect: GpConnect
    patient_keys: PatientKeys
    offers: Offers
    journal: Journal
    memory_budget: MemoryBudget
    documents: DocumentServices
    kill_switch: KillSwitch


class RequestContext:
    """One request's view of the services; what each method promises a handler is said in `Context`.

    Args:
        request_key: under which the ledger knows the request.
        request: the validated request.
        services: the shared clients.
        attempt: this try: its room, its side effects, and what it leaves to be kept when it ends.
        ends_at: when this try is cut off, by the event loop's clock.
        largest_event: bytes that one event may have, where the bus has a limit and nothing gets around it.
    """

    __slots__ = (
        "_attempt",
        "_ends_at",
        "_largest_event",
        "_request",
        "_request_key",
        "_services",
    )

    def __init__(
        self,
        request_key: str,
        request: GpConnectRequest,
        services: Services,
        attempt: Try,
        *,
        ends_at: float,
        largest_event: int | None,
    ) -> None:
        self._request_key = request_key
        self._request = request
        self._services = services
        self._attempt = attempt
        self._ends_at = ends_at
        self._largest_event = largest_event

    @property
    def request(self) -> GpConnectRequest:
        """The validated request."""
        return self._request

    @property
    def request_key(self) -> str:
        """Source and id of the request."""
        return self._request_key

    @property
    def has_tried_to_send(self) -> bool:
        """Whether anything was ever about to be sent for this request."""
        return self._attempt.side_effects.were_tried

    async def trace(self, *, practice_ods_code: str | None = None) -> TracedPatient:
        """Trace the patient on PDS and check the details that were sent."""
        with span("trace patient"):
            return await self._services.gpconnect.trace(
                self._request.patient,
                requested_by=self._request.requested_by,
                practice_ods_code=practice_ods_code,
                request_key=self._request_key,
            )

    def patient_key(self, patient: TracedPatient) -> str:
        """The patient's pseudonym."""
        return self._services.patient_keys.of(patient.nhs_number)

    def details(self, patient: TracedPatient) -> Details:
        """What the request says of the patient, and PDS where it says nothing."""
        return details_of(self._request.patient, patient)

    def check_areas(self, areas: Areas) -> None:
        """Hold what is wanted to the rules, by the names that the sender knows."""
        rules.check(areas.parameters(), today=uk_day(datetime.now(UTC)), name=areas.name_of)

    async def structured_record(self, patient: TracedPatient, areas: Areas) -> StructuredAnswer:
        """Ask for the structured record, and keep the answer when this try ends, however it does."""
        answer = await self._services.gpconnect.structured_record(
            patient,
            wanted=areas.parameters(),
            requested_by=self._request.requested_by,
            encounter_id=self._request.encounter_id,
        )
        await self._attempt.reservation.take(len(answer.body))
        journal, attempt = self._services.journal.answers, self._attempt
        if attempt.losses:
            # What takes its worker down each time is there to be looked at all the same.
            await journal.keep_answer(self._request_key, STRUCTURED_RECORD.id, answer)
        else:
            attempt.answers.append(await journal.sealed(self._request_key, STRUCTURED_RECORD.id, answer))
        return answer

    def map(self, answer: StructuredAnswer, patient: TracedPatient, areas: Areas) -> GpRecord:
        """Map an answer, which must be about the patient."""
        with stage("map"), collector_paused():
            parsed = answer.parsed()
            found = map_record(
                parsed.content,
                asked=Asked(areas=areas.options(), **self.details(patient)),
                source=Source(
                    request_id=self._request_key,
                    retrieved_at=answer.retrieved_at,
                    body_sha256=answer.body_sha256,
                    holder_ods=answer.practice_ods,
                    patient_key=self.patient_key(patient),
                    issues=parsed.issues,
                    may_hold_modifiers=parsed.may_hold_modifiers,
                ),
                table=areas.table,
            )
            noted = quality_of(found, areas.table)
            del parsed  # inside of the pause: the collector need not search the bundle
        if found["demographics"]["verdict"] == "reject":
            raise ResponseInvalid(
                stage="mapping",
                detail="the answer is about another patient, or about none",
                body_sha256=answer.body_sha256,
            )
        self._attempt.found.append(QualityFound(answer.practice_ods, answer.supplier_ods, noted))
        if is_heard(RecordMapped):
            record(_told(found))
        return found

    async def care_record(self, patient: TracedPatient, request: CareRecordRequest) -> CareRecord:
        """Ask for sections, keep the answers, and make them safe to show."""
        # What makes a practice's pages safe to show takes a while to load, and many workers never show one.
        from bridge.engine.care_record import Retrieval  # noqa: PLC0415

        retrieval = Retrieval(
            gpconnect=self._services.gpconnect,
            answers=self._services.journal.answers,
            reservation=self._attempt.reservation,
            request=request,
            request_key=self._request_key,
            patient=patient,
            patient_key=self.patient_key(patient),
            ends_at=self._ends_at,
            largest_event=self._largest_event,
        )
        return await retrieval.run()

    async def documents(self, patient: TracedPatient, request: DocumentsRequest) -> FoundDocuments:
        """Search for documents, keep the answer, and map it."""
        return await self._documents_of(patient).search(request)

    async def document(self, patient: TracedPatient, request: DocumentRequest) -> RetrievedDocument:
        """Fetch a document into the vault."""
        return await self._documents_of(patient).retrieve(request)

    def _documents_of(self, patient: TracedPatient) -> DocumentsOfPatient:
        return DocumentsOfPatient(
            gpconnect=self._services.gpconnect,
            journal=self._services.journal,
            services=self._services.documents,
            reservation=self._attempt.reservation,
            request_key=self._request_key,
            patient=patient,
            patient_key=self.patient_key(patient),
        )

    def practice(self, practice_ods_code: str) -> PracticeClient:
        """A practice, as the person who asked."""
        return self._services.gpconnect.at(
            practice_ods_code,
            requested_by=self._request.requested_by,
            nhs_number=self._request.patient.nhs_number,
            encounter_id=self._request.encounter_id,
        )

    async def free_slots(
        self,
        practice: PracticeClient,
        window: Window,
        patient: TracedPatient,
        *,
        organisation_type: OrganisationType | None = None,
    ) -> FreeSlots:
        """Search fortnight by fortnight, map the answers and sign the offers."""
        answers = await practice.search_slots(window, organisation_type=organisation_type)
        await self._attempt.reservation.take(sum(len(answer.body) for answer in answers))
        with stage("map"):
            found = map_slots((answer.parsed() for answer in answers), _search(answers))
        self._services.offers.sign(
            (slot["offer"] for slot in found["slots"]),
            patient_key=self.patient_key(patient),
            found_at=datetime.fromisoformat(found["retrieved_at"]),
        )
        return found

    def check_offer(self, offer: Offer, patient: TracedPatient) -> AppointmentRefusal | None:
        """What its signature says, until something was sent."""
        if self.has_tried_to_send:
            return None
        return self._services.offers.objection(
            offer, patient_key=self.patient_key(patient), now=datetime.now(UTC)
        )

    def map_patient(self, found: LocalPatient, patient: TracedPatient) -> PracticePatient:
        """Map a patient whom a practice found or registered."""
        # The practice called need not be the one where the patient is registered.
        asked = replace(Asked(**self.details(patient)), practice_ods=None)
        with stage("map"):
            return map_patient(
                found.resource, practice_ods_code=found.id.practice_ods, asked=asked, issues=found.issues
            )

    async def once(self, kind: str, *, key: str, payload: Json, send: Send, settle: Settle) -> Json:
        """Cause a side effect at most once."""
        return await self._attempt.side_effects.once(kind, key=key, payload=payload, send=send, settle=settle)

    def may_send(self) -> None:
        """Look at the clocks once more before something is sent."""
        self._attempt.side_effects.may_send()

    def sent(self, kind: str, *, key: str) -> Json | None:
        """What was written down of a side effect before it was sent."""
        return self._attempt.side_effects.sent(kind, key)


def _told(found: GpRecord) -> RecordMapped:
    """How each area was answered: codes and numbers alone."""
    unmapped = Counter((one.get("area", "none"), one["reason"]) for one in found["unmapped"])
    return RecordMapped(
        areas=tuple(f"{area['area']}:{area['outcome']}:{area['mapped']}" for area in found["areas"]),
        unmapped=tuple(f"{area}:{reason}:{count}" for (area, reason), count in unmapped.items()),
    )


def _search(answers: Sequence[SearchAnswer]) -> SlotSearch:
    """The searches of one window, as one."""
    first, *_ = answers
    *_, last = answers
    return SlotSearch(
        practice_ods_code=first.practice_ods,
        window_start=local(first.window.start),
        window_end=local(last.window.end),
        retrieved_at=first.retrieved_at,
        organisation_type=first.organisation_type,
    )
