"""DocumentReferences of a structured record (digest §5.8)."""

from typing import Final

from bridge.areas.spec import AreaAnswer
from bridge.contracts.requests import Model
from bridge.mapping.documents import newest_first, read_document
from bridge.mapping.provenance import keep_apart
from bridge.record.documents import Document

_AREA: Final = "documents"


def map_documents_of_record(answer: AreaAnswer[Model]) -> list[Document]:
    """Every document that the bundle tells of, in a list or in none; the newest first."""
    reading = answer.reading
    found: list[Document] = []
    for received in reading.distinct("DocumentReference", _AREA):
        document = reading.read(received, _AREA, lambda item: read_document(reading, item))
        if document is not None:
            reading.keep(received)
            found.append(document)
    keep_apart(reading, found)
    return newest_first(found)
