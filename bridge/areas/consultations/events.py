"""What is published of consultations."""

from typing import Final

from pydantic import with_config

from bridge.areas.consultations.model import Consultation
from bridge.areas.events import AreaChanged, AreaPublished
from bridge.contracts.changes import ItemChange
from bridge.record.common import STRICT

CONSULTATIONS_PUBLISHED: Final = "consultations.published.v1"


@with_config(STRICT)
class ConsultationsPublished(AreaPublished):
    """``consultations.published.v1``: what was recorded on one occasion, in its order.

    It is never the whole record: what was recorded outside of consultations stands in the areas alone
    (CS-093). What a consultation names is published in the event of its own area, to which the links lead;
    who wants no structure uses those (CS-094).
    """

    items: list[Consultation]
    """The consultations, the newest first."""


@with_config(STRICT)
class ConsultationsChanged(AreaChanged):
    """``consultations.changed.v1``: what became of consultations since they were told last."""

    changes: list[ItemChange[Consultation]]
    """By `item_id`."""
