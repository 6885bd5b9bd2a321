"""The books: everything that came in is somewhere, and what nobody minds is named."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from bridge.ledger import (
    Discrepancy,
    EndState,
    FollowUp,
    Ledger,
    OpenRequests,
    OwedEvents,
    Unfinished,
    open_ledger,
)
from bridge.ledger.keys import add_key
from bridge.ledger.storage.balance import BalancePeriod, draw_balance
from bridge.settings import Settings
from tests.integration.ledger.site import START, Clock, events, opening, sealer_in, started

LATE = 61
ENDS: list[EndState] = ["completed", "completed", "completed", "failed", "failed", "rejected"]


async def end(ledger: Ledger, number: int, state: EndState, **other: Any) -> None:
    claim = started(await ledger.begin(opening(number, **other)))
    await ledger.finish(claim.lease, state=state, code=None, events=events(number))
    await ledger.published(claim.lease.request_key, [event.id for event in events(number)])


async def test_an_empty_ledger_balances(ledger: Ledger):
    balance = await ledger.oversight.draw_balance()
    assert balance.holds
    assert balance.received == 0


async def test_every_request_is_in_exactly_one_state(ledger: Ledger, clock: Clock):
    for number, state in enumerate(ENDS):
        await end(ledger, number, state)
    doubtful = started(await ledger.begin(opening(6)))
    await ledger.intend(doubtful.lease, kind="appointment.book", payload=b"", settle_key="s")
    await ledger.finish(
        doubtful.lease, state="in_doubt", code=None, events=events(6), follow_up=FollowUp(check_at=clock())
    )
    await ledger.published(doubtful.lease.request_key, [event.id for event in events(6)])
    waits = started(await ledger.begin(opening(7)))
    await ledger.wait(waits.lease, until=clock() + timedelta(seconds=30), reason="provider_timeout")
    await ledger.begin(opening(8))

    balance = await ledger.oversight.draw_balance()
    assert balance.holds
    assert (balance.completed, balance.failed, balance.rejected) == (3, 2, 1)
    assert (balance.in_doubt, balance.waiting, balance.in_flight) == (1, 1, 1)
    assert balance.received == 9


async def test_a_repeat_and_a_retry_are_no_new_request(ledger: Ledger, clock: Clock):
    claim = started(await ledger.begin(opening()))
    await ledger.begin(opening())
    await ledger.wait(claim.lease, until=clock(), reason="provider_timeout")
    await ledger.begin(opening(attempt=2))
    assert (await ledger.oversight.draw_balance()).received == 1


async def test_the_balance_of_a_pipeline_and_a_period(ledger: Ledger):
    await end(ledger, 1, "completed", received_at=START - timedelta(hours=2))
    await end(ledger, 2, "completed", received_at=START - timedelta(hours=1))
    await end(ledger, 3, "failed", received_at=START, pipeline="appointments")
    of_pipeline = await ledger.oversight.draw_balance(pipeline="structured_record")
    assert (of_pipeline.received, of_pipeline.completed) == (2, 2)
    since = await ledger.oversight.draw_balance(since=START - timedelta(hours=1))
    assert (since.received, since.completed, since.failed) == (2, 1, 1)
    until = await ledger.oversight.draw_balance(until=START - timedelta(hours=1))
    assert (until.received, until.completed) == (1, 1)


async def test_it_is_drawn_in_parts_that_leave_nothing_out_and_count_nothing_twice(
    ledger: Ledger, clock: Clock
):
    for number, state in enumerate(ENDS):
        moment = START + timedelta(seconds=number // 2)  # two at a time, so that parts end between equals
        await end(ledger, number, state, received_at=moment)
    for number in (6, 7):
        claim = started(await ledger.begin(opening(number, received_at=START + timedelta(seconds=number))))
        await ledger.finish(claim.lease, state="completed", code=None, events=[])
    told: list[int] = []
    for size in (1, 2, 3, 100):
        drawn = await draw_balance(
            ledger.store,
            BalancePeriod(),
            late_since=clock(),
            progress=lambda count, _of: told.append(count),
            part=size,
        )
        assert (drawn.received, drawn.completed, drawn.failed, drawn.rejected) == (8, 5, 2, 1)
        assert drawn.discrepancies == [Discrepancy("silent", 2, [opening(n).request_key for n in (6, 7)])]
    assert told[-1] == 8
    assert await ledger.oversight.size() == 8


async def test_a_request_whose_worker_is_gone_is_named(ledger: Ledger, clock: Clock):
    await ledger.begin(opening(1))
    assert (await ledger.oversight.draw_balance()).holds
    clock.turn(60 + LATE)
    balance = await ledger.oversight.draw_balance()
    assert balance.discrepancies == [Discrepancy("abandoned", 1, [opening(1).request_key])]
    assert not balance.holds


async def test_a_retry_that_never_came_is_named(ledger: Ledger, clock: Clock):
    claim = started(await ledger.begin(opening(1)))
    await ledger.wait(claim.lease, until=clock() + timedelta(seconds=30), reason="provider_timeout")
    clock.turn(30 + LATE)
    (found,) = (await ledger.oversight.draw_balance()).discrepancies
    assert (found.kind, list(found.request_keys)) == ("retry_overdue", [opening(1).request_key])


async def test_events_that_are_owed_are_named(ledger: Ledger, clock: Clock):
    claim = started(await ledger.begin(opening(1)))
    await ledger.finish(claim.lease, state="completed", code=None, events=events())
    assert (await ledger.oversight.draw_balance()).holds  # they are just being published
    clock.turn(LATE)
    (found,) = (await ledger.oversight.draw_balance()).discrepancies
    assert (found.kind, found.count) == ("unpublished", 1)


async def test_an_end_that_nobody_was_told_of_is_named(ledger: Ledger):
    claim = started(await ledger.begin(opening(1)))
    await ledger.finish(claim.lease, state="completed", code=None, events=[])
    (found,) = (await ledger.oversight.draw_balance()).discrepancies
    assert found.kind == "silent"


async def test_what_is_in_doubt_and_checked_by_nobody_is_named(ledger: Ledger):
    await end(ledger, 1, "in_doubt")
    (found,) = (await ledger.oversight.draw_balance()).discrepancies
    assert found.kind == "unwatched"


async def test_a_state_that_does_not_exist_does_not_balance(ledger: Ledger):
    await end(ledger, 1, "completed")

    def corrupt(connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        else:
            connection.execute(text("ALTER TABLE requests DROP CONSTRAINT ck_requests_state"))
        connection.execute(text("UPDATE requests SET state = 'done'"))

    await ledger.store.write(corrupt)
    balance = await ledger.oversight.draw_balance()
    assert not balance.holds
    assert [found.kind for found in balance.discrepancies] == ["unknown_state"]


@pytest.fixture
async def successor(settings: Settings, clock: Clock, ledger: Ledger):
    """The worker that is started after `ledger` died."""
    async with open_ledger(settings, sealer_in(settings.state_dir), clock=clock) as opened:
        yield opened


async def test_a_start_names_what_was_left_running(ledger: Ledger, successor: Ledger, clock: Clock):
    for number in range(30):
        await ledger.begin(opening(number))
    assert (await successor.oversight.survey()).running == 0  # their worker may well be alive
    clock.turn(LATE)
    found = await successor.oversight.survey()
    assert found.running == 30
    assert list(found.request_keys) == [opening(number).request_key for number in range(20)]


async def test_a_start_counts_what_is_open(ledger: Ledger, successor: Ledger, clock: Clock):
    claim = started(await ledger.begin(opening(1)))
    await ledger.intend(claim.lease, kind="appointment.book", payload=b"", settle_key="s")
    owing = started(await ledger.begin(opening(2)))
    await ledger.finish(owing.lease, state="completed", code=None, events=events(2))
    clock.turn(LATE)
    found = await successor.oversight.survey()
    assert (found.running, found.open_intents, found.unpublished) == (1, 1, 1)


async def test_what_is_owed_is_found_again(ledger: Ledger, successor: Ledger, clock: Clock):
    for number in (1, 2, 3):
        claim = started(await ledger.begin(opening(number)))
        await ledger.finish(claim.lease, state="completed", code=None, events=events(number))
    await ledger.published(opening(2).request_key, [event.id for event in events(2)])
    await ledger.published(opening(3).request_key, ["e-3-0"])
    assert await successor.unpublished() == []  # their worker may be publishing them
    clock.turn(LATE)
    assert await successor.unpublished() == [
        OwedEvents(opening(1).request_key, "c-1", events(1)),
        OwedEvents(opening(3).request_key, "c-3", events(3)[1:]),
    ]
    assert len(await successor.unpublished(limit=1)) == 1


async def test_what_cannot_be_opened_holds_nothing_else_up(
    ledger: Ledger, successor: Ledger, clock: Clock, tmp_path: Path
):
    """Its key was taken out of the ring, as when a disk is lost: what was sealed with another one goes out."""
    for number in (1, 2, 3):
        claim = started(await ledger.begin(opening(number)))
        await ledger.finish(claim.lease, state="completed", code=None, events=events(number))
        if number == 2:  # what was owed so far is sealed with the first key, the third with the second
            add_key(tmp_path / "vault.keys")
    clock.turn(LATE)
    newest, _old = (tmp_path / "vault.keys").read_text().splitlines()
    (tmp_path / "vault.keys").write_text(newest)

    lost1, lost2, readable = await successor.unpublished(limit=1)

    for owed, number in ((lost1, 1), (lost2, 2)):
        assert owed == OwedEvents(opening(number).request_key, f"c-{number}", [], unreadable="KeyUnknown")
    assert readable == OwedEvents(opening(3).request_key, "c-3", events(3))
    assert (await successor.oversight.survey()).unpublished == 3, "all of it stays owed"


async def test_what_is_unfinished_is_counted_with_its_age(ledger: Ledger, clock: Clock):
    before = await ledger.oversight.count_unfinished()
    assert before == Unfinished({}, 0, None, 0, None)
    early = START - timedelta(hours=3)
    for number, pipeline in enumerate(("structured_record", "structured_record", "appointments")):
        await ledger.begin(opening(number, pipeline=pipeline, received_at=early + timedelta(hours=number)))
    waits = started(await ledger.begin(opening(3, pipeline="appointments", received_at=early)))
    await ledger.wait(waits.lease, until=clock() + timedelta(seconds=30), reason="provider_timeout")
    doubtful = started(await ledger.begin(opening(4, received_at=early)))
    await ledger.finish(
        doubtful.lease, state="in_doubt", code=None, events=[], follow_up=FollowUp(check_at=clock())
    )
    owes = started(await ledger.begin(opening(5)))
    await ledger.finish(owes.lease, state="completed", code=None, events=events(5))

    found = await ledger.oversight.count_unfinished()
    assert found.requests == {
        "structured_record": OpenRequests(in_flight=2, waiting=0, oldest=early),
        "appointments": OpenRequests(in_flight=1, waiting=1, oldest=early),
    }
    assert (found.in_doubt, found.oldest_in_doubt) == (1, early)
    assert (found.events_owed, found.oldest_owed) == (len(events(5)), clock())

    await ledger.published(owes.lease.request_key, [event.id for event in events(5)])
    await ledger.oversight.close(doubtful.lease.request_key, also=lambda _: None)
    found = await ledger.oversight.count_unfinished()
    assert (found.in_doubt, found.events_owed, found.oldest_owed) == (0, 0, None)
