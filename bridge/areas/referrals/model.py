"""Outbound referrals, as the practice recorded that it referred, or meant to."""

from typing import Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.record.common import STRICT, AreaItem, CodedText, Link, NonEmptyText, Note, PartialDate, Party

ReferralPriority = Literal["routine", "urgent", "two_week_wait", "unknown"]


@with_config(STRICT)
class Referral(AreaItem):
    """One ReferralRequest: an event or an intention, without its status, which has no meaning (CS-104).

    It does not say that a recipient accepted it, or is involved in the care of the patient now.
    """

    reasons: list[CodedText]
    """What the practice coded it with. It may be a reason, a service, or no referral at all, such as a
    symptom (CS-105)."""
    recipients: list[Party]
    """To whom; often nobody is named, of e-RS referrals above all."""
    services: list[CodedText]
    """What was asked for, and the specialty: further words for it, never the referral itself."""
    documents: list[Link]
    """Letters, and whatever else was sent with it."""
    notes: list[Note]
    """Progress and outcome may stand here in words, as may a priority or a recipient."""
    ubrn: NotRequired[NonEmptyText]
    """The unique booking reference number of e-RS."""
    priority: NotRequired[ReferralPriority]
    """Absent where the practice sent none: that is not `routine`."""
    source_priority: NotRequired[NonEmptyText]
    """The priority as sent, when it is `unknown` here."""
    referred_at: NotRequired[PartialDate]
    """The date that the practice entered; what it is the date of varies (CS-105)."""
    requester: NotRequired[Party]
    """Who is responsible for it, else who recorded it."""
    description: NotRequired[NonEmptyText]
    """In the practice's words; layout as sent."""
    consultation: NotRequired[Link]
    """The consultation that it was recorded in (CS-106)."""
    earlier_referrals: NotRequired[list[Link]]
    """Referrals that it follows from."""


@with_config(STRICT)
class ReferralFields(TypedDict):
    """What a record has of this area."""

    referrals: NotRequired[list[Referral]]
    """Outbound referrals, the newest first: that somebody was referred, never what came of it (CS-104)."""
