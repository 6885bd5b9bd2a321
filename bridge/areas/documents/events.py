"""What is published of documents that came with a structured record."""

from typing import Final

from pydantic import with_config

from bridge.areas.events import AreaChanged, AreaPublished
from bridge.contracts.changes import ItemChange
from bridge.record.common import STRICT
from bridge.record.documents import Document

DOCUMENTS_PUBLISHED: Final = "documents.published.v1"


@with_config(STRICT)
class DocumentsPublished(AreaPublished):
    """``documents.published.v1``: what is known about documents that items of the record name.

    It is never all documents of the patient: for those ask with ``documents.requested``.
    """

    items: list[Document]
    """Each `location` is as sent: give it to ``document.requested``, never open it as it is."""


@with_config(STRICT)
class DocumentsChanged(AreaChanged):
    """``documents.changed.v1``: what became of documents since they were told last."""

    changes: list[ItemChange[Document]]
    """By `item_id`."""
