"""Outbound referrals (structured.md §5.6)."""

from bridge.sandbox.structured.areas.spec import LegalPart, ListKind, PracticeArea, within
from bridge.sandbox.structured.checks import past_period

PERIOD = "referralSearchPeriod"

REFERRALS = PracticeArea(
    parameter="includeReferrals",
    words="Referral",
    main_list=ListKind("792931000000107", "Outbound referral", "Outbound referral"),
    since=(1, 4),
    parts={PERIOD: LegalPart(past_period)},
    select=within(PERIOD),
    in_consultations="outbound referrals in consultations",
    in_problems="outbound referrals related to problems",
)
