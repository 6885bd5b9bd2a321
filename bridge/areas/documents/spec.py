"""Documents, which nobody can ask a structured record for: they come with what names them (digest §5.8)."""

from collections.abc import Iterator
from typing import Final

from bridge.areas.documents.events import DOCUMENTS_PUBLISHED, DocumentsChanged, DocumentsPublished
from bridge.areas.documents.mapping import map_documents_of_record
from bridge.areas.events import area_published
from bridge.areas.spec import AreaSpec
from bridge.contracts.requests import Model
from bridge.record.documents import Document


def _pieces_of(document: Document) -> Iterator[object]:
    """What any number of authors may repeat stands in pieces of its own."""
    yield {name: value for name, value in document.items() if name != "other_authors"}
    yield from document.get("other_authors", ())


DOCUMENTS: Final[AreaSpec[Model, Document]] = AreaSpec(
    name="documents",
    # What a practice names that has switched documents off: there is no such parameter.
    parameter="DocumentReferences",
    kinds={"DocumentReference": None},
    read=map_documents_of_record,
    pieces_of=_pieces_of,
    kind=DOCUMENTS_PUBLISHED,
    data=DocumentsPublished,
    changed=DocumentsChanged,
    publish=lambda record, _: area_published(DOCUMENTS_PUBLISHED, record, "documents"),
)
