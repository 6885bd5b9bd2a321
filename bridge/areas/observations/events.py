"""What is published of observations."""

from typing import Final

from pydantic import with_config

from bridge.areas.events import AreaChanged, AreaPublished
from bridge.contracts.changes import ItemChange
from bridge.record.common import STRICT
from bridge.record.observations import Observation

OBSERVATIONS_PUBLISHED: Final = "observations.published.v1"


@with_config(STRICT)
class ObservationsPublished(AreaPublished):
    """``observations.published.v1``: what was measured, found or noted as a code, each once.

    The `comment` of an item may invert its `code`: show and export the two together.
    """

    items: list[Observation]
    """The newest first; status entries of immunisations among them (`immunisation_status`)."""


@with_config(STRICT)
class ObservationsChanged(AreaChanged):
    """``observations.changed.v1``: what became of observations since they were told last."""

    changes: list[ItemChange[Observation]]
    """By `item_id`."""
