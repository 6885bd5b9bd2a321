"""What a structured record has of documents."""

from typing import NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.record.common import STRICT
from bridge.record.documents import Document


@with_config(STRICT)
class DocumentFields(TypedDict):
    """What a record has of this area."""

    documents: NotRequired[list[Document]]
    """Those that something else of the record names: never all documents of the patient. The newest first."""
