"""What is published of investigations."""

from typing import Final

from pydantic import with_config

from bridge.areas.events import AreaChanged, AreaPublished
from bridge.areas.investigations.model import InvestigationReport
from bridge.contracts.changes import ItemChange
from bridge.record.common import STRICT

INVESTIGATIONS_PUBLISHED: Final = "investigations.published.v1"


@with_config(STRICT)
class InvestigationsPublished(AreaPublished):
    """``investigations.published.v1``: reports of laboratories, each with its results.

    They are sent whether a clinician has filed them or not: `filing_comments` tell, as far as anything does.
    """

    items: list[InvestigationReport]
    """The reports, the newest first."""


@with_config(STRICT)
class InvestigationsChanged(AreaChanged):
    """``investigations.changed.v1``: what became of reports of laboratories since they were told last."""

    changes: list[ItemChange[InvestigationReport]]
    """By `item_id`."""
