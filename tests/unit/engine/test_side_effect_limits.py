"""When a side effect may not be sent any more: its request's time is over, or its lease too short."""

from datetime import timedelta

import pytest

from bridge.engine.side_effects import SideEffectLimits, lease_margin
from bridge.ledger.clocks import Deadline, uptime, utc_now
from bridge.settings import LedgerSettings, RetrySettings, Settings, SpineSettings

AN_HOUR = 3600


@pytest.mark.parametrize(
    ("wall", "up", "is_over"),
    [(AN_HOUR, AN_HOUR, False), (-1, AN_HOUR, True), (AN_HOUR, -1, True), (-1, -1, True)],
)
def test_a_request_has_expired_when_either_clock_says_so(wall: int, up: int, is_over: bool):
    expiry = Deadline(utc_now() + timedelta(seconds=wall), uptime() + up)
    assert SideEffectLimits(settle_after=1, retries=3, is_allowed=True, expiry=expiry).has_expired is is_over


def test_a_request_without_an_expiry_never_expires():
    assert not SideEffectLimits(settle_after=1, retries=3, is_allowed=True).has_expired


@pytest.mark.parametrize(
    ("lease", "call", "settle", "margin"),
    [
        (20, 30, 60, 5),  # nobody asks before the call must have ended: a quarter, for clocks that differ
        (40, 30, 25, 15),  # five seconds more than that
        (20, 60, 10, 10),  # half of the lease at most, or a worker that is well could not send
    ],
)
def test_the_margin_of_a_lease_covers_the_call(lease: int, call: int, settle: int, margin: float):
    settings = Settings(
        ledger=LedgerSettings(lease_seconds=lease),
        spine=SpineSettings(call_timeout=call),
        retry=RetrySettings(settle_after=settle),
    )
    assert lease_margin(settings) == margin
