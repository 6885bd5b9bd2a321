"""Documents that a practice holds: what is known about each. The document itself is fetched on its own."""

from typing import Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.record.common import (
    STRICT,
    AreaItem,
    BusinessId,
    CodedText,
    Issue,
    Link,
    NonEmptyText,
    PartialDate,
    Party,
)
from bridge.record.retrieval import Accounting, DemographicsCheck, Unmapped

DocumentOrigin = Literal["internal", "external", "unknown"]


@with_config(STRICT)
class Attachment(TypedDict):
    """Where a document is, and what is said of it."""

    retrievable: bool
    """Whether it may be asked for with `location`. False: it exists and is not available this way, for
    `unavailable_reason` where the practice gives one. Never show that there is no document (DO-025)."""
    unavailable_reason: NotRequired[NonEmptyText]
    """In the practice's words, such as that it is larger than 5 MB."""
    title: NotRequired[NonEmptyText]
    """Words sent with one that has an address. Practices write there why a document is not available, so they
    may say that it was withdrawn: to be shown before it is asked for."""
    location: NotRequired[NonEmptyText]
    """The address as sent: to be given to `document.requested`, never to be opened as it is."""
    content_type: NotRequired[NonEmptyText]
    """Media type, as the practice says; the document itself may be of another."""
    size_bytes: NotRequired[int]
    """As the practice says; to be shown before a large document is asked for (DO-024). 0: not known."""


@with_config(STRICT)
class Document(AreaItem, Attachment):
    """What is known about a document. Its business identifiers are kept by whoever imports it (DO-014)."""

    type: CodedText
    """What kind of document: often words alone."""
    origin: DocumentOrigin
    """`internal`: written by the organisation that keeps it. `external`: by another. `unknown`: it cannot be
    told."""
    not_for_patient: bool
    """True: not to be disclosed to the patient, by a label on the document or on what is said about it. Store
    it with the document, and keep it from every view that a patient sees (DO-016). False says nothing."""
    document_labels: list[str]
    """Codes of the security labels of the document itself; those of what is said about it are in
    `provenance.security_labels`."""
    related: list[Link]
    """What it belongs to, such as the referral it is about."""
    description: NotRequired[NonEmptyText]
    """Its title."""
    created_at: NotRequired[PartialDate]
    """When it was written, or last changed."""
    indexed_at: NotRequired[PartialDate]
    """When the practice filed it."""
    author: NotRequired[Party]
    """Who wrote it: a person or an organisation."""
    other_authors: NotRequired[list[Party]]
    """GP Connect has one author; further ones are not left out."""
    custodian: NotRequired[Party]
    """The organisation that keeps it."""
    consultation: NotRequired[Link]
    """In which it was written or filed."""
    practice_setting: NotRequired[CodedText]
    """Of which kind of service it is."""
    version_identifier: NotRequired[BusinessId]
    """Of this version of the document."""
    source_status: NotRequired[NonEmptyText]
    """The state as sent where it is not `current`: then it is not retrievable, and not to be used."""
    other_attachments: NotRequired[list[Attachment]]
    """GP Connect has one for each document; further ones are not left out."""


@with_config(STRICT)
class DocumentsSearched(TypedDict):
    """What a search was narrowed by; what it did not look for is not among the documents."""

    start: NotRequired[NonEmptyText]
    """First day, of creation, or of filing where that is not known."""
    end: NotRequired[NonEmptyText]
    """Last day."""
    author_ods_code: NotRequired[NonEmptyText]
    """ODS code of the organisation that wrote it."""
    words: NotRequired[NonEmptyText]
    """In title or type."""


@with_config(STRICT)
class FoundDocuments(TypedDict):
    """The answer to a search. What a practice keeps confidential it neither shows nor counts."""

    schema_version: Literal["1.0"]
    snapshot_id: NonEmptyText
    source_label: NonEmptyText
    """To be shown with the data."""
    retrieved_at: NonEmptyText
    """RFC 3339, UTC; to be shown with the data."""
    source_hash: NonEmptyText
    """`sha256:` of the answer that was kept."""
    holder_ods: NonEmptyText
    """ODS code of the practice that was asked."""
    nhs_number: NonEmptyText
    demographics: DemographicsCheck
    """The practice's details against those of the request and of PDS (DO-023)."""
    searched: DocumentsSearched
    """What the search was narrowed by; empty when it was for everything."""
    documents: list[Document]
    """The newest first. None means that nothing matched that may be shared, never that there are none."""
    unmapped: list[Unmapped]
    issues: list[Issue]
    accounting: Accounting
    superseded_nhs_number: NotRequired[NonEmptyText]
    patient_key: NotRequired[NonEmptyText]
    patient_deceased_at: NotRequired[PartialDate]
    """The practice has recorded the patient's death."""
    spec_version: NotRequired[NonEmptyText]
    """Of Access Document, as the practice's system declares it (DO-017)."""
