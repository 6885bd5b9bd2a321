"""Side effects: written down before they are caused, settled by asking, never forgotten."""

from datetime import timedelta

import pytest

from bridge.ledger import Ended, IntentOpen, LeaseLost, Ledger, Running, open_ledger
from bridge.settings import Settings
from tests.integration.ledger.site import START, Clock, events, opening, sealer_in, started

BOOK = "appointment.book"
PAYLOAD = b'{"resourceType":"Appointment"}'


@pytest.fixture
async def other(settings: Settings, clock: Clock, ledger: Ledger):
    """The worker that gets the redelivery."""
    async with open_ledger(settings, sealer_in(settings.state_dir), clock=clock) as opened:
        yield opened


async def test_an_intent_survives_the_worker_that_wrote_it(ledger: Ledger, other: Ledger, clock: Clock):
    claim = started(await ledger.begin(opening()))
    intent = await ledger.intend(claim.lease, kind=BOOK, payload=PAYLOAD, settle_key="slot-9")
    clock.turn(60)
    second = started(await other.begin(opening()))
    assert second.intents == [intent]
    assert second.intents[0].is_open
    assert (second.intents[0].payload, second.intents[0].settle_key) == (PAYLOAD, "slot-9")


async def test_what_was_settled_is_known_to_the_next_start(ledger: Ledger, other: Ledger, clock: Clock):
    claim = started(await ledger.begin(opening()))
    intent = await ledger.intend(claim.lease, kind=BOOK, payload=PAYLOAD, settle_key="slot-9")
    await ledger.settle(claim.lease, intent, verdict="done", result=b'{"id":"a-1"}')
    clock.turn(60)
    (known,) = started(await other.begin(opening())).intents
    assert (known.verdict, known.result, known.is_open) == ("done", b'{"id":"a-1"}', False)


async def test_one_of_a_kind_is_open_at_a_time(ledger: Ledger):
    claim = started(await ledger.begin(opening()))
    intent = await ledger.intend(claim.lease, kind=BOOK, payload=PAYLOAD, settle_key="slot-9")
    with pytest.raises(IntentOpen):
        await ledger.intend(claim.lease, kind=BOOK, payload=PAYLOAD, settle_key="slot-9")
    await ledger.intend(claim.lease, kind="appointment.cancel", payload=b"", settle_key="a-7")
    await ledger.settle(claim.lease, intent, verdict="not_done")
    await ledger.intend(claim.lease, kind=BOOK, payload=PAYLOAD, settle_key="slot-9")


async def test_whoever_lost_the_lease_sends_nothing(ledger: Ledger, other: Ledger, clock: Clock):
    claim = started(await ledger.begin(opening()))
    intent = await ledger.intend(claim.lease, kind=BOOK, payload=PAYLOAD, settle_key="slot-9")
    clock.turn(60)
    second = started(await other.begin(opening()))
    with pytest.raises(LeaseLost):
        await ledger.intend(claim.lease, kind="appointment.cancel", payload=b"", settle_key="a-7")
    with pytest.raises(LeaseLost):
        await ledger.settle(claim.lease, intent, verdict="not_done")
    await other.settle(second.lease, intent, verdict="done", result=b"{}")
    with pytest.raises(LeaseLost):  # settled is settled
        await other.settle(second.lease, intent, verdict="not_done")


async def in_doubt(ledger: Ledger, clock: Clock) -> None:
    claim = started(await ledger.begin(opening()))
    intent = await ledger.intend(claim.lease, kind=BOOK, payload=PAYLOAD, settle_key="slot-9")
    await ledger.settle(
        claim.lease, intent, verdict="in_doubt", check_again_at=clock() + timedelta(minutes=5)
    )
    await ledger.finish(claim.lease, state="in_doubt", code="provider_timeout", events=events(1, 1))


async def test_what_is_in_doubt_is_visible_and_due_to_be_checked(ledger: Ledger, clock: Clock):
    await in_doubt(ledger, clock)
    assert await ledger.begin(opening()) == Ended("in_doubt", "provider_timeout", events(1, 1))
    assert (await ledger.balance()).in_doubt == 1
    assert await ledger.open_intents(clock()) == []
    clock.turn(300)
    (due,) = await ledger.open_intents(clock())
    assert (due.request_key, due.settle_key, due.checks) == (opening().request_key, "slot-9", 1)


async def test_a_check_that_finds_nothing_new_is_put_off(ledger: Ledger, clock: Clock):
    await in_doubt(ledger, clock)
    clock.turn(300)
    claim = await ledger.reopen(opening().request_key)
    assert claim is not None
    (intent,) = claim.intents
    await ledger.settle(
        claim.lease, intent, verdict="in_doubt", check_again_at=clock() + timedelta(minutes=10)
    )
    await ledger.release(claim.lease)
    assert await ledger.open_intents(clock()) == []
    assert isinstance(await ledger.begin(opening()), Ended)
    clock.turn(600)
    assert [due.checks for due in await ledger.open_intents(clock())] == [2]


async def test_a_check_by_one_worker_ends_the_doubt(ledger: Ledger, other: Ledger, clock: Clock):
    await in_doubt(ledger, clock)
    clock.turn(300)
    claim = await other.reopen(opening().request_key)
    assert claim is not None
    assert await ledger.reopen(opening().request_key) is None  # somebody checks already
    (intent,) = claim.intents
    await other.settle(claim.lease, intent, verdict="done", result=b"{}")
    late = events(2, 2)
    await other.finish(claim.lease, state="completed", code=None, events=[*events(1, 1), *late])
    assert await ledger.begin(opening()) == Ended("completed", None, [*events(1, 1), *late])
    assert await ledger.reopen(opening().request_key) is None
    assert await ledger.open_intents(clock() + timedelta(days=1)) == []


async def test_a_check_whose_worker_died_is_taken_up_again(ledger: Ledger, other: Ledger, clock: Clock):
    await in_doubt(ledger, clock)
    clock.turn(300)
    await other.reopen(opening().request_key)
    clock.turn(60)
    claim = await ledger.reopen(opening().request_key)
    assert claim is not None
    assert claim.taken_over


async def test_only_what_is_in_doubt_is_reopened(ledger: Ledger):
    assert await ledger.reopen(opening().request_key) is None
    claim = started(await ledger.begin(opening()))
    assert await ledger.reopen(opening().request_key) is None
    assert isinstance(await ledger.begin(opening()), Running)
    await ledger.finish(claim.lease, state="completed", code=None, events=events())
    assert await ledger.reopen(opening().request_key) is None


async def test_doubt_needs_a_time_to_check_and_certainty_has_none(ledger: Ledger):
    claim = started(await ledger.begin(opening()))
    intent = await ledger.intend(claim.lease, kind=BOOK, payload=PAYLOAD, settle_key="slot-9")
    with pytest.raises(ValueError, match="in doubt"):
        await ledger.settle(claim.lease, intent, verdict="in_doubt")
    with pytest.raises(ValueError, match="in doubt"):
        await ledger.settle(claim.lease, intent, verdict="done", check_again_at=START)
