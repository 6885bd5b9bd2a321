"""What is published of immunisations."""

from typing import Final

from pydantic import with_config

from bridge.areas.events import AreaChanged, AreaPublished
from bridge.areas.immunisations.model import Immunisation
from bridge.contracts.changes import ItemChange
from bridge.record.common import STRICT

IMMUNISATIONS_PUBLISHED: Final = "immunisations.published.v1"


@with_config(STRICT)
class ImmunisationsPublished(AreaPublished):
    """``immunisations.published.v1``: every immunisation, given or not.

    Consent, dissent and invitations to be immunised come in ``observations.published.v1``, with
    ``immunisation_status``.
    """

    items: list[Immunisation]
    """Given or not, whatever the type: `given` says which."""


@with_config(STRICT)
class ImmunisationsChanged(AreaChanged):
    """``immunisations.changed.v1``: what became of immunisations, given or not since they were told last."""

    changes: list[ItemChange[Immunisation]]
    """By `item_id`."""
