"""How long a lease lasts: by the wall clock and by the one that cannot be set, whichever is further on."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bridge.engine.journal.opening import journal_on
from bridge.engine.side_effects import SideEffectLimits, SideEffects, TooLate
from bridge.ledger import Ledger, open_ledger
from bridge.ledger.vault.vault import Vault
from bridge.settings import Settings
from tests.integration.ledger.site import Clock, opening, sealer_in, started
from tests.integration.ledger.trail import Site


class Uptime:
    """A clock that nobody can set, and the test turns."""

    def __init__(self) -> None:
        self.seconds = 5000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def up() -> Uptime:
    return Uptime()


@pytest.fixture
async def ledger(settings: Settings, clock: Clock, up: Uptime) -> AsyncIterator[Ledger]:
    async with open_ledger(settings, sealer_in(settings.state_dir), clock=clock, up=up) as opened:
        yield opened


async def test_a_lease_ends_by_whichever_clock_is_further_on(ledger: Ledger, clock: Clock, up: Uptime):
    lease = started(await ledger.begin(opening())).lease
    whole = ledger.lasts(lease)
    assert whole > 0
    clock.turn(-3600)  # somebody set it back, while the worker stood still
    up.seconds += whole - 1
    assert ledger.lasts(lease) == pytest.approx(1)
    up.seconds += 2
    assert ledger.lasts(lease) == pytest.approx(-1)


async def test_the_wall_clock_counts_where_the_other_stood_still(ledger: Ledger, clock: Clock):
    lease = started(await ledger.begin(opening())).lease
    whole = ledger.lasts(lease)
    clock.turn(whole + 1)
    assert ledger.lasts(lease) == pytest.approx(-1)


async def test_a_lease_that_is_renewed_lasts_by_both(ledger: Ledger, clock: Clock, up: Uptime):
    lease = started(await ledger.begin(opening())).lease
    whole = ledger.lasts(lease)
    clock.turn(whole / 2)
    up.seconds += whole / 2
    await ledger.renew()
    assert ledger.lasts(lease) == pytest.approx(whole)


async def test_what_nobody_holds_lasts_no_longer(ledger: Ledger):
    lease = started(await ledger.begin(opening())).lease
    await ledger.finish(lease, state="completed", code=None, events=[])
    assert ledger.lasts(lease) == 0


async def test_nothing_is_sent_with_less_of_a_lease_than_its_margin(ledger: Ledger, clock: Clock, tmp_path):
    site = Site(ledger.store, tmp_path / "keys")
    journal = journal_on(ledger, site.trail, Vault(ledger.store, site.sealer, keep_answers=timedelta()))
    lease = started(await ledger.begin(opening())).lease
    side_effects = SideEffects(
        journal.side_effects,
        lease,
        [],
        SideEffectLimits(settle_after=1, retries=3, is_allowed=True, margin=5),
    )
    clock.turn(ledger.lasts(lease) - 5)
    side_effects.may_send()
    clock.turn(1)  # it lasts for four seconds still
    with pytest.raises(TooLate, match="lease_ends"):
        side_effects.may_send()
