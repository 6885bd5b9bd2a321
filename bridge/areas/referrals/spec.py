"""Outbound referrals, as one area (digest §5.6)."""

from collections.abc import Iterator
from typing import Final

from bridge.areas.events import area_published
from bridge.areas.referrals.events import REFERRALS_PUBLISHED, ReferralsChanged, ReferralsPublished
from bridge.areas.referrals.mapping import map_referrals
from bridge.areas.referrals.model import Referral
from bridge.areas.referrals.options import ReferralOptions
from bridge.areas.referrals.query import PARAMETER, PERIOD, query
from bridge.areas.spec import AreaSpec, ListOfArea


def _pieces_of(referral: Referral) -> Iterator[object]:
    """Whoever any number of referrals name stands in pieces of its own."""
    yield {name: value for name, value in referral.items() if name not in ("recipients", "requester")}
    yield from referral["recipients"]
    if "requester" in referral:
        yield referral["requester"]


REFERRALS: Final[AreaSpec[ReferralOptions, Referral]] = AreaSpec(
    name="referrals",
    parameter=PARAMETER,
    lists=(ListOfArea(name="referrals", code="792931000000107", bare_ids="ReferralRequest"),),
    kinds={"ReferralRequest": None},
    options=ReferralOptions,
    query=query,
    parts=(PERIOD,),
    fields={PERIOD: "from, to"},
    read=map_referrals,
    pieces_of=_pieces_of,
    brings=frozenset({"documents"}),
    kind=REFERRALS_PUBLISHED,
    data=ReferralsPublished,
    changed=ReferralsChanged,
    publish=lambda record, _: area_published(REFERRALS_PUBLISHED, record, "referrals"),
)
