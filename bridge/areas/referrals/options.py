"""What may be asked of referrals."""

from bridge.areas.period import PeriodOptions


class ReferralOptions(PeriodOptions):
    """What is wanted of referrals: those that the practice dates in a period; all unless it is said."""
