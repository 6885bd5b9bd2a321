"""DocumentReferences of a structured record (digest §5.8)."""

from bridge.areas.spec import AreaAnswer
from bridge.contracts.requests import Model
from bridge.mapping.documents import read_documents
from bridge.record.documents import Document


def map_documents_of_record(answer: AreaAnswer[Model]) -> list[Document]:
    """Every document that the bundle tells of, in a list or in none; the newest first."""
    return read_documents(answer.reading)
