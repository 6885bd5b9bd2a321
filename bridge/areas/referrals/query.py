"""How referrals are asked for."""

from typing import Final

from bridge.areas.referrals.options import ReferralOptions
from bridge.fhir.parameters import Value

PARAMETER: Final = "includeReferrals"
PERIOD: Final = "referralSearchPeriod"


def query(options: ReferralOptions) -> dict[str, Value]:
    """The parts of the parameter; none asks for every referral."""
    return options.period(PERIOD)
