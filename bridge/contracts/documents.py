"""Requests for documents: which there are, and one of them."""

from typing import Annotated

from pydantic import Field

from bridge.contracts.care_record import DayRange
from bridge.contracts.requests import GpConnectRequest, Model, OdsCode, Text

Location = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[\x21-\x7e]+$")]
MediaType = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\x20-\x7e]+$")]


class DocumentsRequest(GpConnectRequest):
    """``documents.requested.v1``: which documents the patient's practice holds; not narrowed, all of them."""

    period: DayRange | None = None
    """Of creation, or of filing where that is not known."""
    author_ods_code: OdsCode | None = None
    """The organisation that wrote them: practices search for nobody else (DO-013)."""
    words: Text | None = None
    """In the title or the type."""
    practice_ods_code: OdsCode | None = None
    """Checked against the registered practice that PDS names; it never replaces it."""


class DocumentIdentifier(Model):
    """A business identifier of a document."""

    value: Annotated[str, Field(min_length=1, max_length=255)]
    system: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    use: Annotated[str, Field(min_length=1, max_length=20)] | None = None


class DocumentRequest(GpConnectRequest):
    """``document.requested.v1``: one document of the patient, as ``documents.found`` or a record names it.

    What those say of it besides its address is copied from there: it is held against what comes, and goes
    on into ``document.retrieved``, so that whoever stores the document has it all in one message.
    """

    location: Location | None = None
    """The address as it was sent; absent of a document that is not available."""
    unavailable_reason: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    """In the practice's words, where there is no address: it comes back in the failure."""
    size_bytes: Annotated[int, Field(ge=0)] | None = None
    """As the practice says: what is over the limit of this installation is not asked for."""
    content_type: MediaType | None = None
    """As the practice says."""
    not_for_patient: bool | None = None
    """Whether a label says that it is not to be disclosed to the patient."""
    security_labels: Annotated[tuple[Text, ...], Field(max_length=50)] = ()
    """Every label of the document, and of what is said about it."""
    business_ids: Annotated[tuple[DocumentIdentifier, ...], Field(max_length=50)] = ()
    """To be stored with the document (DO-014)."""
    practice_ods_code: OdsCode | None = None
    """Checked against the registered practice that PDS names; it never replaces it."""
