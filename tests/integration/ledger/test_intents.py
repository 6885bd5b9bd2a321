"""Side effects: written down before they are caused, settled by asking, never forgotten."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bridge.ledger import Ended, FollowUp, IntentOpen, LeaseLost, Ledger, Running, open_ledger
from bridge.settings import Settings
from tests.integration.ledger.site import Clock, events, opening, sealer_in, started

BOOK = "appointment.book"
PIPELINE = "structured_record"
MESSAGE = b'{"body": "what was asked"}'
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
    assert second.intents == [replace(intent, tried_until=clock.now)]  # when it was found lost
    assert second.intents[0].is_open
    assert (second.intents[0].payload, second.intents[0].settle_key) == (PAYLOAD, "slot-9")


async def test_it_is_known_until_when_it_was_being_tried(ledger: Ledger, clock: Clock):
    claim = started(await ledger.begin(opening()))
    written = await ledger.intend(claim.lease, kind=BOOK, payload=PAYLOAD, settle_key="slot-9")
    assert written.tried_until is None
    clock.turn(5)
    failed_at = clock.now
    await ledger.wait(claim.lease, until=clock.now, reason="provider_timeout")
    for _ in range(2):  # later tries, of which one is lost, change nothing about it
        clock.turn(60)
        (known,) = started(await ledger.begin(opening(attempt=2))).intents
        assert known.tried_until == failed_at


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
    await ledger.intend(claim.lease, kind=BOOK, payload=PAYLOAD, settle_key="slot-9")
    await ledger.finish(
        claim.lease,
        state="in_doubt",
        code="provider_timeout",
        events=events(1, 1),
        follow_up=FollowUp(MESSAGE, clock() + timedelta(seconds=300)),
    )


def in_an_hour(clock: Clock) -> datetime:
    return clock() + timedelta(hours=1)


async def test_what_is_in_doubt_is_visible_and_due_to_be_checked(ledger: Ledger, clock: Clock):
    await in_doubt(ledger, clock)
    assert await ledger.begin(opening()) == Ended("in_doubt", "provider_timeout", events(1, 1))
    assert (await ledger.oversight.draw_balance()).in_doubt == 1
    assert await ledger.due_for_check(PIPELINE) == []
    clock.turn(300)
    assert await ledger.due_for_check("another") == []
    assert await ledger.due_for_check(PIPELINE) == [opening().request_key]


async def test_whoever_checks_again_gets_what_was_asked_and_what_was_about_to_be_sent(
    ledger: Ledger, clock: Clock
):
    await in_doubt(ledger, clock)
    reopened = await ledger.reopen(opening().request_key, check_again_at=in_an_hour(clock))
    assert reopened is not None
    assert reopened.message == MESSAGE
    assert [(intent.settle_key, intent.payload, intent.is_open) for intent in reopened.intents] == [
        ("slot-9", PAYLOAD, True)
    ]


async def test_a_check_that_finds_nothing_new_is_put_off(ledger: Ledger, clock: Clock):
    await in_doubt(ledger, clock)
    clock.turn(300)
    reopened = await ledger.reopen(opening().request_key, check_again_at=in_an_hour(clock))
    assert reopened is not None
    later = clock() + timedelta(seconds=600)
    await ledger.finish(
        reopened.lease, state="in_doubt", code=None, events=[], follow_up=FollowUp(check_at=later)
    )
    assert await ledger.due_for_check(PIPELINE) == []
    assert isinstance(await ledger.begin(opening()), Ended)
    clock.turn(600)
    assert await ledger.due_for_check(PIPELINE) == [opening().request_key]
    again = await ledger.reopen(opening().request_key, check_again_at=in_an_hour(clock))
    assert again is not None
    assert again.message == MESSAGE


async def test_what_is_in_doubt_and_given_up_is_checked_no_more_and_named(ledger: Ledger, clock: Clock):
    await in_doubt(ledger, clock)
    assert (await ledger.oversight.draw_balance()).discrepancies == []
    reopened = await ledger.reopen(opening().request_key, check_again_at=in_an_hour(clock))
    assert reopened is not None
    await ledger.finish(reopened.lease, state="in_doubt", code=None, events=[], follow_up=FollowUp())
    await ledger.published(opening().request_key, [event.id for event in events(1, 1)])
    clock.turn(1_000_000)
    assert await ledger.due_for_check(PIPELINE) == []
    (found,) = (await ledger.oversight.draw_balance()).discrepancies
    assert (found.kind, list(found.request_keys)) == ("unwatched", [opening().request_key])


async def test_a_check_by_one_worker_ends_what_is_in_doubt(ledger: Ledger, other: Ledger, clock: Clock):
    await in_doubt(ledger, clock)
    clock.turn(300)
    reopened = await other.reopen(opening().request_key, check_again_at=in_an_hour(clock))
    assert reopened is not None
    # Somebody checks already.
    assert await ledger.reopen(opening().request_key, check_again_at=in_an_hour(clock)) is None
    (intent,) = reopened.intents
    await other.settle(reopened.lease, intent, verdict="done", result=b"{}")
    late = events(2, 2)
    await other.finish(reopened.lease, state="completed", code=None, events=[*events(1, 1), *late])
    assert await ledger.begin(opening()) == Ended("completed", None, [*events(1, 1), *late])
    assert await ledger.reopen(opening().request_key, check_again_at=in_an_hour(clock)) is None
    clock.turn(86_400)
    assert await ledger.due_for_check(PIPELINE) == []


async def test_a_check_whose_worker_died_is_due_when_it_was_told_to_be(
    ledger: Ledger, other: Ledger, clock: Clock
):
    await in_doubt(ledger, clock)
    clock.turn(300)
    await other.reopen(opening().request_key, check_again_at=in_an_hour(clock))
    clock.turn(3599)
    assert await ledger.due_for_check(PIPELINE) == []
    clock.turn(1)
    assert await ledger.due_for_check(PIPELINE) == [opening().request_key]
    assert await ledger.reopen(opening().request_key, check_again_at=in_an_hour(clock)) is not None


async def test_only_what_is_in_doubt_is_reopened(ledger: Ledger, clock: Clock):
    assert await ledger.reopen(opening().request_key, check_again_at=in_an_hour(clock)) is None
    claim = started(await ledger.begin(opening()))
    assert await ledger.reopen(opening().request_key, check_again_at=in_an_hour(clock)) is None
    assert isinstance(await ledger.begin(opening()), Running)
    await ledger.finish(claim.lease, state="completed", code=None, events=events())
    assert await ledger.reopen(opening().request_key, check_again_at=in_an_hour(clock)) is None
