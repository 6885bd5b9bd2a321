"""Documents for a request: searched for, and fetched into the vault as they come.

A document goes through one pipe: base64 decoded, counted, hashed, sniffed, scanned and sealed part by part.
Nobody can open it before all of it has come and the scanner has said what it is.
"""

import contextlib
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import Final

from bridge.contracts.document_events import RetrievedDocument, content_of
from bridge.contracts.documents import DocumentRequest, DocumentsRequest
from bridge.engine.journal import Journal
from bridge.engine.memory_budget import Reservation
from bridge.engine.scanning import DocumentScan, Scanner
from bridge.errors import DocumentUnavailable, FailureCode, Refused, RequestFailed, ResponseInvalid
from bridge.fhir.binary import BinaryFacts, BinaryInvalid, BinaryReader
from bridge.gpconnect import DocumentSearch, GpConnect
from bridge.gpconnect.answer import PracticeAnswer
from bridge.ledger import LedgerUnavailable
from bridge.ledger.vault.vault import Deposit
from bridge.mapping import Source, collector_paused
from bridge.mapping.asked import Asked
from bridge.mapping.documents import map_documents
from bridge.observe import record
from bridge.observe.spans import stage
from bridge.observe.vocabulary.process import DocumentInfected
from bridge.pipelines.details import details_of
from bridge.record.documents import DocumentsSearched, FoundDocuments
from bridge.record.media_types import HEAD, compare, safe_type, sniff
from bridge.settings import ClaimsSettings, DocumentsSettings
from bridge.spine.clock import timestamp
from bridge.spine.interactions import SEARCH_DOCUMENTS
from bridge.spine.pds import TracedPatient
from bridge.values import dataclass

_TOO_LARGE: Final = "document_too_large"


@dataclass(frozen=True, slots=True)
class DocumentServices:
    """What documents need besides what every request does.

    Attributes:
        scanner: looks at each.
        limits: of the installation.
        claims: how they are handed out.
    """

    scanner: Scanner
    limits: DocumentsSettings
    claims: ClaimsSettings


@dataclass(frozen=True, slots=True)
class DocumentsOfPatient:
    """Documents of one patient, for one request."""

    gpconnect: GpConnect
    journal: Journal
    services: DocumentServices
    reservation: Reservation
    request_key: str
    patient: TracedPatient
    patient_key: str

    async def search(self, request: DocumentsRequest) -> FoundDocuments:
        """Ask which documents there are, keep the answer, and map it.

        Raises:
            Refused, ResponseInvalid, Unavailable: as the practice answers; or it is about another patient.
        """
        at = self.gpconnect.documents(
            self.patient.practice_ods,
            requested_by=request.requested_by,
            nhs_number=self.patient.nhs_number,
            encounter_id=request.encounter_id,
        )
        version = await self.gpconnect.documents_version(at)
        start, end = (request.period.start, request.period.end) if request.period else (None, None)
        wanted = DocumentSearch(start=start, end=end, author_ods=request.author_ods_code, words=request.words)
        answer = await at.search(self.patient.nhs_number, wanted)
        await self.reservation.take(len(answer.body))
        await self.journal.answers.keep_answer(self.request_key, SEARCH_DOCUMENTS.id, answer)
        return self._map(answer, request, wanted, version)

    async def retrieve(self, request: DocumentRequest) -> RetrievedDocument:
        """Fetch one document into the vault.

        Raises:
            DocumentUnavailable: it has no address; nothing is asked.
            Refused: it is not to be had, or is larger than is taken here.
            ResponseInvalid: what came is no document, or not all of one.
            Unavailable: no answer now, or no verdict of the scanner.
            LedgerUnavailable: it cannot be kept now.
        """
        location, limit = request.location, self.services.limits.max_bytes
        if location is None:
            raise DocumentUnavailable(request.unavailable_reason)
        url = self.services.claims.url
        if url is None:
            raise Refused(FailureCode.CONFIGURATION, stage="engine", detail="claims_not_configured")
        if request.size_bytes is not None and request.size_bytes > limit:
            raise _too_large()
        at = self.gpconnect.documents(
            self.patient.practice_ods,
            requested_by=request.requested_by,
            nhs_number=self.patient.nhs_number,
            encounter_id=request.encounter_id,
        )
        expires_at = datetime.now(UTC) + timedelta(days=self.services.claims.keep_days)
        deposit = self.journal.claim_checks.deposit(self.request_key, expires_at)
        async with self.services.scanner.scanning() as scan:
            intake = Intake(deposit, scan, limit)
            try:
                await at.retrieve(location, intake)
                facts, found = intake.finish(), await scan.verdict()
                sniffed, content = sniff(bytes(intake.head)), None
                if found["verdict"] != "infected":
                    check = await deposit.complete(safe_type(facts.content_type, sniffed))
                    content = content_of(
                        url,
                        claim_id=check.id,
                        sha256=check.sha256,
                        size=check.size,
                        media_type=check.media_type,
                        expires_at=expires_at,
                    )
                else:
                    record(DocumentInfected(at.practice_ods, found.get("signature", "unnamed")))
                return RetrievedDocument(
                    content=content,
                    sha256=deposit.sha256,
                    size_bytes=deposit.size,
                    content_type=facts.content_type,
                    sniffed_type=sniffed,
                    type_verdict=compare(facts.content_type, sniffed),
                    scan=found,
                    retrieved_at=timestamp(),
                    practice_ods=at.practice_ods,
                )
            finally:
                if not deposit.is_complete:
                    await _discard(deposit)

    def _map(
        self, answer: PracticeAnswer, request: DocumentsRequest, wanted: DocumentSearch, version: str | None
    ) -> FoundDocuments:
        with stage("map"), collector_paused():
            found = map_documents(
                answer.parsed(),
                asked=Asked(**details_of(request.patient, self.patient)),
                source=Source(
                    request_id=self.request_key,
                    retrieved_at=answer.retrieved_at,
                    body_sha256=answer.body_sha256,
                    holder_ods=answer.practice_ods,
                    patient_key=self.patient_key,
                    version=version,
                ),
                searched=_searched(wanted),
            )
        if found["demographics"]["verdict"] == "reject":
            raise ResponseInvalid(
                stage="mapping",
                detail="the answer is about another patient, or about none",
                body_sha256=answer.body_sha256,
            )
        return found


@dataclass(slots=True)
class Intake:
    """Takes a Binary as it comes: no more of it is in memory than a piece and a part."""

    deposit: Deposit
    scan: DocumentScan
    limit: int
    head: bytearray = field(default_factory=bytearray)
    reader: BinaryReader = field(default_factory=BinaryReader)

    async def take(self, piece: bytes) -> None:
        """See `bridge.spine.http.Receiver`."""
        try:
            content = self.reader.feed(piece)
        except BinaryInvalid as invalid:
            raise self._invalid(invalid.detail) from None
        if not content:
            return
        if self.deposit.size + len(content) > self.limit:
            raise _too_large()
        if len(self.head) < HEAD:
            self.head += content[: HEAD - len(self.head)]
        await self.deposit.add(content)
        await self.scan.feed(content)

    def finish(self) -> BinaryFacts:
        """What the Binary says besides, now that all of it has come."""
        try:
            facts = self.reader.finish()
        except BinaryInvalid as invalid:
            raise self._invalid(invalid.detail) from None
        if not self.deposit.size:
            raise self._invalid("content_empty")
        return facts

    def _invalid(self, detail: str) -> ResponseInvalid:
        return ResponseInvalid(stage="provider", detail=detail, body_sha256=self.deposit.sha256)


def _too_large() -> RequestFailed:
    """The installation takes no document of that size: a setting, as for events."""
    return RequestFailed(FailureCode.CONFIGURATION, stage="engine", detail=_TOO_LARGE)


async def _discard(deposit: Deposit) -> None:
    """What is left is sealed, opens for nobody and goes with its time: no reason to lose the outcome."""
    with contextlib.suppress(LedgerUnavailable):
        await deposit.discard()


def _searched(wanted: DocumentSearch) -> DocumentsSearched:
    searched: DocumentsSearched = {}
    if wanted.start is not None:
        searched["start"] = wanted.start.isoformat()
    if wanted.end is not None:
        searched["end"] = wanted.end.isoformat()
    if wanted.author_ods is not None:
        searched["author_ods_code"] = wanted.author_ods
    if wanted.words is not None:
        searched["words"] = wanted.words
    return searched
