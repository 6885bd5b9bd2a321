"""Requests about one patient: one at a time, in order of arrival, whoever asks."""

import asyncio
from datetime import timedelta

import pytest

from bridge.ledger import Behind, EndState, FollowUp, Ledger, Opening, Running, Started, open_ledger
from bridge.settings import Settings
from tests.integration.ledger.site import START, Clock, events, opening, sealer_in, started

PATIENT = "0123456789abcdef0123456789abcdef"


@pytest.fixture
async def other(settings: Settings, clock: Clock, ledger: Ledger):
    """Another worker on the same ledger."""
    async with open_ledger(settings, sealer_in(settings.state_dir), clock=clock) as opened:
        yield opened


async def test_whoever_comes_later_waits_and_that_is_no_attempt(ledger: Ledger, other: Ledger, clock: Clock):
    first = started(await ledger.begin(opening(1, turn_key=PATIENT)))
    behind = await other.begin(opening(2, turn_key=PATIENT))
    assert behind == Behind(clock() + timedelta(seconds=1))
    assert (await ledger.oversight.draw_balance()).waiting == 1
    # A copy of it is told to come back; the same one, later, less often each time.
    assert await other.begin(opening(2, turn_key=PATIENT)) == Running(clock() + timedelta(seconds=1))
    clock.turn(1)
    assert await other.begin(opening(2, turn_key=PATIENT, attempt=2)) == Behind(
        clock() + timedelta(seconds=2)
    )
    await ledger.finish(first.lease, state="completed", code=None, events=events(1))
    clock.turn(2)
    assert started(await other.begin(opening(2, turn_key=PATIENT, attempt=3))).lease.attempt == 1


async def test_a_retry_keeps_its_place(ledger: Ledger, other: Ledger, clock: Clock):
    first = started(await ledger.begin(opening(1, turn_key=PATIENT)))
    until = clock() + timedelta(seconds=45)
    await ledger.wait(first.lease, until=until, reason="provider_timeout")
    assert await other.begin(opening(2, turn_key=PATIENT)) == Behind(until)
    clock.turn(45)
    again = started(await other.begin(opening(1, turn_key=PATIENT, attempt=2)))
    assert again.lease.attempt == 2


async def test_the_third_waits_for_the_second(ledger: Ledger, clock: Clock):
    first = started(await ledger.begin(opening(1, turn_key=PATIENT)))
    for number in (2, 3):
        assert isinstance(await ledger.begin(opening(number, turn_key=PATIENT)), Behind)
    await ledger.finish(first.lease, state="failed", code="internal", events=events(1))
    clock.turn(5)
    assert isinstance(await ledger.begin(opening(3, turn_key=PATIENT, attempt=2)), Behind)
    assert isinstance(await ledger.begin(opening(2, turn_key=PATIENT, attempt=2)), Started)


async def test_how_late_one_may_be_that_still_holds_up_others_is_theirs_to_say(ledger: Ledger, clock: Clock):
    for number, kept in ((1, timedelta(hours=1)), (2, timedelta(hours=72))):
        kind = {"turn_key": f"{kept} {PATIENT}", "turn_kept": kept}
        first = started(await ledger.begin(opening(number, **kind)))
        await ledger.wait(first.lease, until=clock() + timedelta(seconds=5), reason="provider_timeout")
    clock.turn(2 * 3600)
    hour, days = timedelta(hours=1), timedelta(hours=72)
    assert isinstance(await ledger.begin(opening(3, turn_key=f"{hour} {PATIENT}", turn_kept=hour)), Started)
    assert isinstance(await ledger.begin(opening(4, turn_key=f"{days} {PATIENT}", turn_kept=days)), Behind)


async def test_a_request_is_superseded_by_one_of_its_kind_that_was_asked_later_and_completed(ledger: Ledger):
    def kind(number: int, operation: str, second: int | None, turn: str = PATIENT) -> Opening:
        asked_at = None if second is None else START + timedelta(seconds=second)
        return opening(number, turn_key=turn, operation=operation, asked_at=asked_at)

    async def ended(asked: Opening, *, state: EndState = "completed") -> None:
        begun = started(await ledger.begin(asked))
        await ledger.finish(begun.lease, state=state, code=None, events=())

    asked = kind(1, "allergies", 5)
    await ended(asked, state="failed")
    await ended(kind(2, "medications", 6))
    await ended(kind(3, "allergies", 6, turn="f" * 32))
    await ended(kind(4, "allergies", 5))
    await ended(kind(5, "allergies", None))
    await ended(kind(6, "allergies", 6), state="failed")
    assert not await ledger.is_superseded(asked.request_key)
    await ended(kind(7, "allergies", 6))
    assert await ledger.is_superseded(asked.request_key)
    # What came after it, and was asked before, is the older one all the same.
    await ended(kind(8, "allergies", 4), state="failed")
    assert await ledger.is_superseded(kind(8, "allergies", 4).request_key)
    for number, second in ((7, 6), (5, None)):
        assert not await ledger.is_superseded(kind(number, "allergies", second).request_key)


async def test_a_request_in_doubt_lets_the_next_one_go(ledger: Ledger, clock: Clock):
    first = started(await ledger.begin(opening(1, turn_key=PATIENT)))
    await ledger.finish(
        first.lease, state="in_doubt", code=None, events=events(1), follow_up=FollowUp(b"m", clock())
    )
    assert isinstance(await ledger.begin(opening(2, turn_key=PATIENT)), Started)
    assert await ledger.reopen(opening(1).request_key, check_again_at=clock()) is not None


async def test_others_do_not_wait(ledger: Ledger):
    await ledger.begin(opening(1, turn_key=PATIENT))
    assert isinstance(await ledger.begin(opening(2, turn_key="another")), Started)
    assert isinstance(await ledger.begin(opening(3)), Started)


async def test_what_has_expired_does_not_wait_and_what_will_waits_no_longer(ledger: Ledger, clock: Clock):
    await ledger.begin(opening(1, turn_key=PATIENT))
    soon = clock() + timedelta(seconds=0.5)
    assert await ledger.begin(opening(2, turn_key=PATIENT, expires_at=soon)) == Behind(soon)
    clock.turn(1)
    again = await ledger.begin(opening(2, turn_key=PATIENT, expires_at=soon, attempt=2))
    assert isinstance(again, Started)


async def test_a_dead_worker_s_request_keeps_its_place_but_not_for_ever(
    ledger: Ledger, other: Ledger, clock: Clock
):
    await ledger.begin(opening(1, turn_key=PATIENT))
    clock.turn(61)
    assert isinstance(await other.begin(opening(2, turn_key=PATIENT)), Behind)
    clock.turn(3600)
    second = started(await other.begin(opening(2, turn_key=PATIENT, attempt=2)))
    # It comes after all: now it is the one that waits.
    assert isinstance(await ledger.begin(opening(1, turn_key=PATIENT)), Behind)
    await other.finish(second.lease, state="completed", code=None, events=events(2))
    clock.turn(5)
    assert isinstance(await ledger.begin(opening(1, turn_key=PATIENT, attempt=2)), Started)


async def test_of_many_that_come_at_once_one_is_next(ledger: Ledger, other: Ledger):
    await asyncio.gather(
        *(worker.oversight.draw_balance() for _ in range(8) for worker in (ledger, other))
    )  # all connect
    begun = await asyncio.gather(
        *(
            worker.begin(opening(number, turn_key=PATIENT, received_at=START))
            for number in range(1, 11)
            for worker in (ledger, other)
        )
    )
    assert len([result for result in begun if isinstance(result, Started)]) == 1
    assert (await ledger.oversight.draw_balance()).in_flight == 1
