"""Documents: which ones a practice holds of a patient, and one of them, fetched into the vault."""

from bridge.pipelines import Context, Event, Pipeline
from bridge.pipelines.events import (
    DOCUMENT_RETRIEVED,
    DOCUMENTS_FOUND,
    DocumentRetrieved,
    document_retrieved,
    documents_found,
)
from bridge.pipelines.records import FoundDocuments
from bridge.pipelines.requests import DocumentRequest, DocumentsRequest

documents = Pipeline("documents")


@documents.operation(
    accepts="documents.requested.v1",
    request=DocumentsRequest,
    publishes={DOCUMENTS_FOUND: FoundDocuments},
)
async def find(request: DocumentsRequest, gp: Context) -> list[Event]:
    """Trace the patient, and publish what their practice says of the documents that it may give out."""
    patient = await gp.trace(practice_ods_code=request.practice_ods_code)
    return [documents_found(await gp.documents(patient, request))]


@documents.operation(
    accepts="document.requested.v1",
    request=DocumentRequest,
    publishes={DOCUMENT_RETRIEVED: DocumentRetrieved},
)
async def retrieve(request: DocumentRequest, gp: Context) -> list[Event]:
    """Trace the patient, fetch the document into the vault, and publish where it waits, or why not."""
    patient = await gp.trace(practice_ods_code=request.practice_ods_code)
    document = await gp.document(patient, request)
    whose = {"nhs_number": patient.nhs_number, "patient_key": gp.patient_key(patient)}
    if patient.superseded is not None:
        whose["superseded_nhs_number"] = patient.superseded
    return [document_retrieved(document, request, whose, request_id=gp.request_key)]
