"""``bridge ledger doubts``: real commands on a real ledger."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.ledger import Started
from bridge.ledger.audit.trail import Entry
from tests.integration.ledger.site import events, opening
from tests.support.desk import MemoryBudget

KEY = opening().request_key


@pytest.fixture
async def desk(tmp_path: Path) -> MemoryBudget:
    """Its ledger holds one request in doubt, which the engine checks no more."""
    desk = MemoryBudget(tmp_path, "nats://127.0.0.1:1", "no-bus")
    async with desk.books() as books:
        claim = await books.ledger.begin(opening(received_at=datetime.now(UTC)))
        assert isinstance(claim, Started)
        await books.ledger.intend(claim.lease, kind="appointment.book", payload=b"{}", settle_key="Slot/1")
        recorded = Entry(event="appointment.requested.v1", outcome="in_doubt", request_key=KEY)
        await books.ledger.finish(
            claim.lease,
            state="in_doubt",
            code="provider_timeout",
            events=events(),
            message=b"{}",
            also=books.trail.step(recorded),
        )
        await books.ledger.published(KEY, [event.id for event in events()])
    return desk


async def test_a_doubt_is_listed_checked_again_and_closed(desk: MemoryBudget):
    (listed,) = await desk.json("ledger", "doubts", "list", "--json")
    assert (listed["request_key"], listed["code"], listed["wait_until"]) == (KEY, "provider_timeout", None)
    told = await desk.run("ledger", "doubts", "list")
    assert "appointment.book Slot/1" in told.text
    assert "find out" in told.text

    assert (await desk.run("ledger", "doubts", "check", KEY)).code == 0
    async with desk.books() as books:
        assert await books.ledger.doubtful(opening().pipeline) == [KEY]

    closed = await desk.run(
        "ledger", "doubts", "close", KEY, "--reason", "rang the practice: booked", "--actor", "Sam Ple"
    )
    assert closed.code == 0, closed.errors
    async with desk.books() as books:
        assert await books.ledger.doubtful(opening().pipeline) == []
        assert (await books.ledger.balance()).holds
        pruned = await books.ledger.prune(datetime.now(UTC) + timedelta(days=31))
        assert pruned.bodies == 1
    [_, noted] = await desk.entries()
    assert (noted["event"], noted["request_key"], noted["user"]["name"], noted["facts"]["reason"]) == (
        "doubt.closed",
        KEY,
        "Sam Ple",
        "rang the practice: booked",
    )
    again = await desk.run("ledger", "doubts", "close", KEY, "--reason", "twice")
    assert (again.code, again.text) == (1, "")
    assert "not in doubt" in again.errors
