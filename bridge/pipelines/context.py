"""What a handler works with: the request at hand, and what may be asked and done for it."""

from typing import Protocol

from bridge.areas import GpRecord
from bridge.areas.requests import Areas
from bridge.contracts.appointments import Offer, OrganisationType
from bridge.contracts.care_record import CareRecordRequest
from bridge.contracts.document_events import RetrievedDocument
from bridge.contracts.documents import DocumentRequest, DocumentsRequest
from bridge.contracts.requests import GpConnectRequest
from bridge.errors import AppointmentRefusal
from bridge.gpconnect import LocalPatient, PracticeClient, StructuredAnswer, Window
from bridge.pipelines.care_record import CareRecord
from bridge.pipelines.details import Details
from bridge.pipelines.side_effects import Json, Send, Settle
from bridge.record.appointments import FreeSlots
from bridge.record.documents import FoundDocuments
from bridge.record.patients import PracticePatient
from bridge.spine.pds import TracedPatient


class Context(Protocol):
    """One request's view of the engine. Handlers get this, and nothing of the bus or the ledger.

    Each call is made as the person who asked. What comes back is counted against the worker's memory budget
    until the request is over, so a handler waits in here while too much else is in hand.
    """

    @property
    def request(self) -> GpConnectRequest:
        """The validated request."""

    @property
    def request_key(self) -> str:
        """Under which the ledger knows the request: its source and id together.

        Ids that are made for a request are made from it: another sender's request may have the same id.
        """

    @property
    def has_tried_to_send(self) -> bool:
        """Whether `once` was about to cause a side effect, in this try of the request or an earlier one.

        What forbids to begin, such as an appointment that may not be changed, is no reason to leave off.
        """

    async def trace(self, *, practice_ods_code: str | None = None) -> TracedPatient:
        """Trace the patient on PDS and check the details that were sent (CS-002, CS-004).

        Args:
            practice_ods_code: where the patient must be registered; None: anywhere.

        Raises:
            Refused: not found, restricted, deceased, not registered, or the details do not match.
            Unavailable: PDS cannot answer now.
        """

    def patient_key(self, patient: TracedPatient) -> str:
        """The patient's pseudonym in this installation, for events: 32 hexadecimal digits."""

    def details(self, patient: TracedPatient) -> Details:
        """Who the patient is: what the request says, and PDS where it says nothing (CS-048, HT-016)."""

    def check_areas(self, areas: Areas) -> None:
        """Hold what is wanted to what GP Connect allows today, before anything is sent (CS-021 to CS-024).

        Raises:
            RequestRejected: naming the field, or both fields, and the rule.
        """

    async def structured_record(self, patient: TracedPatient, areas: Areas) -> StructuredAnswer:
        """Ask the patient's practice for the structured record.

        The answer is kept, encrypted, before anything is made of it: it is the source of truth.

        Raises:
            Refused: the practice, the proxy, a directory or this installation says no.
            ResponseInvalid: the answer cannot be a record.
            Unavailable: no answer now.
        """

    def map(self, answer: StructuredAnswer, patient: TracedPatient, areas: Areas) -> GpRecord:
        """Map the practice's answer into the local record.

        Raises:
            ResponseInvalid: the answer is not about the patient who was asked for (CS-051).
        """

    async def care_record(self, patient: TracedPatient, request: CareRecordRequest) -> CareRecord:
        """Ask the patient's practice for sections of the care record, and make them safe to show.

        Each answer is kept, encrypted, before anything is made of it, and not asked for again by another try.

        Raises:
            Refused, Unavailable, ResponseInvalid: no section can be shown.
        """

    async def documents(self, patient: TracedPatient, request: DocumentsRequest) -> FoundDocuments:
        """Ask the patient's practice which documents it holds.

        The answer is kept, encrypted, before anything is made of it.

        Raises:
            Refused: the practice has nobody of whom it would give documents out, or says no.
            ResponseInvalid: the answer cannot be used, or is about another patient.
            Unavailable: no answer now.
        """

    async def document(self, patient: TracedPatient, request: DocumentRequest) -> RetrievedDocument:
        """Fetch one document from the patient's practice into the vault, scanned on its way.

        Raises:
            Refused: it has no address, or one that is not the practice's; it is not to be had; or this
                installation does not take documents, or none of that size.
            ResponseInvalid: what came is no document, or not all of one.
            Unavailable: no answer now, or no verdict of the scanner.
        """

    def practice(self, practice_ods_code: str) -> PracticeClient:
        """Foundations and Appointments of a practice. Nothing is asked of it yet."""

    async def free_slots(
        self,
        practice: PracticeClient,
        window: Window,
        patient: TracedPatient,
        *,
        organisation_type: OrganisationType | None = None,
    ) -> FreeSlots:
        """Ask a practice for its free slots, each with a signed offer that books it for this patient alone.

        Args:
            practice: of `practice`.
            window: what of it has passed is not asked about (AP-021).
            patient: for whom.
            organisation_type: slots kept for organisations of one type stay hidden without it.

        Raises:
            Refused: the practice says no, or all of the window has passed.
            Unavailable: no answer now.
        """

    def check_offer(self, offer: Offer, patient: TracedPatient) -> AppointmentRefusal | None:
        """Why an offer may not be booked for this patient; None: it may.

        Once something was sent for this request its offers were good, and stay so however long it takes to
        learn what came of it.
        """

    def map_patient(self, found: LocalPatient, patient: TracedPatient) -> PracticePatient:
        """The patient as a practice knows them, held against the request and PDS (FN-036)."""

    async def once(self, kind: str, *, key: str, payload: Json, send: Send, settle: Settle) -> Json:
        """Cause a side effect at most once, however often the request is worked on; its result.

        What is about to be sent is durable before it is sent. A try that finds that it was sent before, and
        not what became of it, calls `settle`, and `send` again only when that says that nothing was done.
        So a handler that is run again comes to what was done again, with the same kind and key; what it
        returns without having done so is not published, and the request is in doubt.

        Args:
            kind: names the side effect, e.g. ``appointment.book``; those of one kind come one after another.
            key: tells it from others of its kind in this request: practice and resource ids, no patient data.
            payload: what is sent, as JSON; kept sealed, for whoever must find out what became of it.
            send: causes it and returns what is worth remembering. Raises `Refused` when it was
                certainly not done, and `Unavailable` when nobody knows.
            settle: asks whether it was done: its result; None when it was certainly not done. Raises
                `Unavailable` when that cannot be known now.

        Raises:
            Refused: the other side said no; the same again whenever this is run again.
            NotDone: it was not done, and will not be tried again.
            Unavailable: it is not known now; do not catch this one.
        """

    def may_send(self) -> None:
        """The last word of a `send` whose client is a site's own: call it when all is ready to be sent.

        The project's own clients ask it where the bytes leave, without being told to.

        Raises:
            HeldBack: the request's time is over, or the right to work on it nearly is: send nothing.
        """

    def sent(self, kind: str, *, key: str) -> Json | None:
        """What `once` was first given as `payload` of this side effect; None when it was never to be sent.

        For what must be the same at every try, such as the state of what is changed.
        """
