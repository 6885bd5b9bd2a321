"""Requests about one patient are worked on one at a time, over workers that share a ledger; those about others do not wait."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bridge.operations.site import open_stores
from tests.integration.side_effects.installation import Installation, opened, until
from tests.integration.side_effects.rooms import IN_DOUBT, LOOK, SEEN, TAKEN
from tests.support.requests import cloud_event, record_request

pytestmark = pytest.mark.asyncio(loop_scope="module")
OTHER = "9990000026"
GATES = ("before", "send", "answer", "after")


async def arrived(site: Installation, count: int) -> None:
    """Until the ledger knows of so many requests."""
    async with open_stores(site.settings) as stores, asyncio.timeout(30):
        while (await stores.ledger.oversight.draw_balance()).received < count:
            await asyncio.sleep(0.02)


@pytest.mark.rabbit
async def test_two_workers_keep_the_order_of_arrival(sandbox, rabbit_url, tmp_path, monkeypatch):
    async with (
        opened(sandbox, rabbit_url, tmp_path, monkeypatch) as site,
        site.worker(),
        site.worker(),
    ):
        names = [f"r{number}" for number in range(4)]
        for name in names:
            site.house.close(f"before/{name}")
        requests = []
        for name in names:
            requests.append(await site.ask(name))
            await arrived(site, len(requests))
        other = await site.ask("r9", patient=OTHER)
        assert (await site.outcome(other))[0][0] == TAKEN
        for name in names[1:]:
            site.house.open(f"before/{name}")
        assert not [gate for gate in site.house.passed if gate != "before/r9" and "before" in gate]
        site.house.open("before/r0")
        for request in requests:
            assert (await site.outcome(request))[0][0] == TAKEN
        passed = [gate for gate in site.house.passed if gate.split("/")[1] in names]
        assert passed == [f"{gate}/{name}" for name in names for gate in GATES]
        # Waiting for its turn is no attempt, and leaves none behind.
        assert len((await site.history(requests[-1])).attempts) == 1
        await site.account()


@pytest.mark.nats
async def test_a_retry_keeps_its_place_until_it_is_in_doubt(site: Installation):
    room = site.house.rooms["r1"]
    room.is_silent = True
    site.house.will("r1", "drop")
    first = await site.ask("r1")
    await until(lambda: room.posts == 1)
    second = await site.ask("r2")
    assert (await site.outcome(first))[0][0] == IN_DOUBT
    assert (await site.outcome(second))[0][0] == TAKEN
    given_up = next(one for one in (await site.history(first)).attempts if one.outcome == "in_doubt")
    (work,) = (await site.history(second)).attempts
    assert given_up.ended_at is not None
    assert given_up.ended_at <= work.started_at
    room.is_silent = False
    await site.outcome(first, events=2)
    await site.account()


@pytest.mark.nats
async def test_operations_that_are_not_ordered_do_not_wait(site: Installation):
    site.house.close("before/r1")
    first = await site.ask("r1")
    await site.house.held("before/r1")
    data = record_request(room="r1")
    del data["areas"]
    looked = cloud_event(data)
    await site.hospital.ask(looked, key=LOOK)
    assert await site.outcome(looked) == [(SEEN, {"found": None})]
    site.house.open("before/r1")
    await site.outcome(first)


@pytest.mark.nats
async def test_a_request_that_expires_in_the_line_ends_visibly(site: Installation):
    site.house.close("before/r1")
    first = await site.ask("r1")
    await site.house.held("before/r1")
    expiry = datetime.now(UTC) + timedelta(seconds=3)
    second = await site.ask("r2", expirytime=expiry.isoformat())
    ((kind, data),) = await site.outcome(second)
    assert (kind, data["code"]) == ("request.failed.v1", "request_expired")
    site.house.open("before/r1")
    await site.outcome(first)
    assert site.house.rooms["r2"].posts == 0
    await site.account()
