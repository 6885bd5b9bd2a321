"""``bridge ledger doubts``: real commands on a real ledger."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.ledger import FollowUp, Started
from bridge.ledger.audit.trail import Entry
from tests.integration.ledger.site import events, opening
from tests.support.operators import Operator

KEY = opening().request_key


@pytest.fixture
async def operator(tmp_path: Path) -> Operator:
    """Its ledger holds one request in doubt, which the engine checks no more."""
    operator = Operator(tmp_path, "nats://127.0.0.1:1", "no-bus")
    async with operator.stores() as stores:
        claim = await stores.ledger.begin(opening(received_at=datetime.now(UTC)))
        assert isinstance(claim, Started)
        await stores.ledger.intend(claim.lease, kind="appointment.book", payload=b"{}", settle_key="Slot/1")
        recorded = Entry(event="appointment.requested.v1", outcome="in_doubt", request_key=KEY)
        await stores.ledger.finish(
            claim.lease,
            state="in_doubt",
            code="provider_timeout",
            events=events(),
            follow_up=FollowUp(b"{}", None),
            also=stores.trail.step(recorded),
        )
        await stores.ledger.published(KEY, [event.id for event in events()])
    return operator


async def test_a_request_in_doubt_is_listed_checked_again_and_closed(operator: Operator):
    (listed,) = await operator.json("ledger", "doubts", "list", "--json")
    assert (listed["request_key"], listed["code"], listed["wait_until"]) == (KEY, "provider_timeout", None)
    told = await operator.run("ledger", "doubts", "list")
    assert "appointment.book Slot/1" in told.text
    assert "find out" in told.text

    assert (await operator.run("ledger", "doubts", "check", KEY)).code == 0
    async with operator.stores() as stores:
        assert await stores.ledger.due_for_check(opening().pipeline) == [KEY]

    closed = await operator.run(
        "ledger", "doubts", "close", KEY, "--reason", "rang the practice: booked", "--actor", "Sam Ple"
    )
    assert closed.code == 0, closed.errors
    async with operator.stores() as stores:
        assert await stores.ledger.due_for_check(opening().pipeline) == []
        assert (await stores.ledger.oversight.draw_balance()).holds
        pruned = await stores.ledger.oversight.prune(datetime.now(UTC) + timedelta(days=31))
        assert pruned.bodies == 1
    [_, asked, noted] = await operator.entries()
    assert (asked["event"], asked["outcome"]) == ("doubt.check_asked", "completed")
    assert (noted["event"], noted["request_key"], noted["user"]["name"], noted["facts"]["reason"]) == (
        "doubt.closed",
        KEY,
        "Sam Ple",
        "rang the practice: booked",
    )
    again = await operator.run("ledger", "doubts", "close", KEY, "--reason", "twice")
    assert (again.code, again.text) == (1, "")
    assert "not in doubt" in again.errors
