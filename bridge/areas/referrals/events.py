"""What is published of referrals."""

from typing import Final

from pydantic import with_config

from bridge.areas.events import AreaChanged, AreaPublished
from bridge.areas.referrals.model import Referral
from bridge.contracts.changes import ItemChange
from bridge.record.common import STRICT

REFERRALS_PUBLISHED: Final = "referrals.published.v1"


@with_config(STRICT)
class ReferralsPublished(AreaPublished):
    """``referrals.published.v1``: outbound referrals; never who is involved in the care now (CS-104)."""

    items: list[Referral]
    """The newest first."""


@with_config(STRICT)
class ReferralsChanged(AreaChanged):
    """``referrals.changed.v1``: what became of referrals since they were told last."""

    changes: list[ItemChange[Referral]]
    """By `item_id`."""
