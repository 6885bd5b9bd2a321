"""What is published of immunisations."""

from typing import Final

from pydantic import with_config

from bridge.areas.events import AreaPublished
from bridge.areas.immunisations.model import Immunisation
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
