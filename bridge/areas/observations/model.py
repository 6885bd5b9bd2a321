"""What a record has of observations; one of them is described in `bridge/record/observations.py`."""

from typing import NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.record.common import STRICT
from bridge.record.observations import Observation


@with_config(STRICT)
class ObservationFields(TypedDict):
    """What a record has of this area."""

    observations: NotRequired[list[Observation]]
    """Measurements, findings and other coded entries, the newest first; results of investigations are not
    among them, and status entries of immunisations are (`immunisation_status`)."""
