"""What is published of documents: which there are, and that one was fetched and waits in the vault."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, NotRequired
from uuid import NAMESPACE_URL, uuid5

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.contracts.documents import DocumentRequest
from bridge.contracts.events import Event
from bridge.record.common import STRICT, BusinessId, NonEmptyText
from bridge.record.dates import rfc3339
from bridge.record.documents import FoundDocuments
from bridge.record.media_types import TypeVerdict, plain_type
from bridge.record.retrieval import SCHEMA_VERSION, SOURCE_LABEL
from bridge.values import dataclass

DOCUMENTS_FOUND: Final = "documents.found.v1"
DOCUMENT_RETRIEVED: Final = "document.retrieved.v1"

ScanVerdict = Literal["clean", "infected", "not_scanned"]


@with_config(STRICT)
class DocumentContent(TypedDict):
    """The claim check of a document: where its bytes are fetched, and what they must be."""

    url: NonEmptyText
    """Address at this installation; whoever fetches it needs a token of its own."""
    sha256: NonEmptyText
    """Of the bytes, hexadecimal."""
    size_bytes: int
    """How many there are."""
    content_type: NonEmptyText
    """With which it is handed out: never one that the bytes contradict, then `application/octet-stream`."""
    expires_at: NonEmptyText
    """RFC 3339, UTC: after this the bytes are gone; the event is not."""


@with_config(STRICT)
class Scan(TypedDict):
    """What a malware scanner said of a document."""

    verdict: ScanVerdict
    """`not_scanned` never means clean."""
    scanner: NotRequired[Literal["clamd", "icap"]]
    """Which looked at it."""
    signature: NotRequired[NonEmptyText]
    """What was found, as the scanner names it."""
    reason: NotRequired[Literal["not_configured", "unavailable"]]
    """Why it was not scanned."""


@with_config(STRICT)
class DocumentRetrieved(TypedDict):
    """``document.retrieved.v1``: a document came, whole, and waits in the vault; or it is withheld."""

    schema_version: Literal["1.0"]
    snapshot_id: NonEmptyText
    source_label: NonEmptyText
    nhs_number: NonEmptyText
    """The patient's current NHS number, by PDS. The document itself says nothing of whom it is about."""
    superseded_nhs_number: NotRequired[NonEmptyText]
    patient_key: NonEmptyText
    holder_ods: NonEmptyText
    """ODS code of the practice that gave it."""
    retrieved_at: NonEmptyText
    """RFC 3339, UTC."""
    location: NonEmptyText
    """As it was asked for."""
    content: NotRequired[DocumentContent]
    """Absent when it is withheld: then there is nothing to fetch."""
    withheld: NotRequired[Literal["infected"]]
    """Why nothing can be fetched. The bytes were deleted; nobody was given them."""
    scan: Scan
    """What a malware scanner said of it."""
    sha256: NonEmptyText
    """Of the document as it came, hexadecimal."""
    size_bytes: int
    """Of the document as it came."""
    content_type: NotRequired[NonEmptyText]
    """As the practice sent it with the document."""
    sniffed_type: NotRequired[NonEmptyText]
    """What its first bytes say; absent where they are of no kind that is known."""
    type_verdict: TypeVerdict
    """`differs`: what the practice says it is and what it is are two things; open it with care."""
    size_as_told: NotRequired[bool]
    """Whether it is as large as the request says; absent where that says nothing, or 0."""
    type_as_told: NotRequired[bool]
    """Whether the practice sent it with the media type that the request says."""
    not_for_patient: NotRequired[bool]
    """From the request. True: store it with the document, and keep it from every view that a patient sees
    (DO-016). Absent: the request did not say, so treat it as true until somebody looks it up."""
    security_labels: list[str]
    """From the request."""
    business_ids: list[BusinessId]
    """From the request: to be stored with the document (DO-014)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievedDocument:
    """What came of asking for a document.

    Attributes:
        content: its claim check; None when it is withheld.
        sha256, size_bytes: of what came.
        content_type: as the practice sent it.
        sniffed_type: what its first bytes say.
        type_verdict: whether the two agree.
        scan: what a scanner said.
        retrieved_at: RFC 3339, UTC.
        practice_ods: who gave it.
    """

    content: DocumentContent | None
    sha256: str
    size_bytes: int
    content_type: str | None
    sniffed_type: str | None
    type_verdict: TypeVerdict
    scan: Scan
    retrieved_at: str
    practice_ods: str


def documents_found(found: FoundDocuments) -> Event:
    """See `FoundDocuments`."""
    return Event(
        DOCUMENTS_FOUND, found, snapshot_id=found["snapshot_id"], patient_key=found.get("patient_key")
    )


def document_retrieved(
    document: RetrievedDocument, request: DocumentRequest, whose: Mapping[str, Any], *, request_id: str
) -> Event:
    """See `DocumentRetrieved`.

    Args:
        document: what came.
        request: what was asked, and what the sender says of the document.
        whose: `nhs_number`, `patient_key` and, where it was asked for, `superseded_nhs_number`.
        request_id: of the request.
    """
    name = "|".join((request_id, document.practice_ods, document.sha256, document.scan["verdict"]))
    data: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "snapshot_id": str(uuid5(NAMESPACE_URL, name)),
        "source_label": SOURCE_LABEL,
        **whose,
        "holder_ods": document.practice_ods,
        "retrieved_at": document.retrieved_at,
        "location": request.location,
        "content": document.content,
        "withheld": "infected" if document.content is None else None,
        "scan": document.scan,
        "sha256": document.sha256,
        "size_bytes": document.size_bytes,
        "content_type": document.content_type,
        "sniffed_type": document.sniffed_type,
        "type_verdict": document.type_verdict,
        "size_as_told": document.size_bytes == request.size_bytes if request.size_bytes else None,
        "type_as_told": _type_as_told(document, request),
        "not_for_patient": request.not_for_patient,
        "security_labels": list(request.security_labels),
        "business_ids": [each.model_dump(exclude_none=True) for each in request.business_ids],
    }
    present = {name: value for name, value in data.items() if value is not None}
    return Event(
        DOCUMENT_RETRIEVED, present, snapshot_id=present["snapshot_id"], patient_key=present["patient_key"]
    )


def content_of(
    url: str, *, claim_id: str, sha256: str, size: int, media_type: str, expires_at: datetime
) -> DocumentContent:
    """The claim check of a document at the endpoint whose address is `url`."""
    return {
        "url": f"{url.rstrip('/')}/claims/{claim_id}",
        "sha256": sha256,
        "size_bytes": size,
        "content_type": media_type,
        "expires_at": rfc3339(expires_at),
    }


def _type_as_told(document: RetrievedDocument, request: DocumentRequest) -> bool | None:
    if document.content_type is None or request.content_type is None:
        return None
    return plain_type(document.content_type) == plain_type(request.content_type)
