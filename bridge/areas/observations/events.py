"""What is published of observations."""

from typing import Final

from pydantic import with_config

from bridge.areas.events import AreaPublished
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
