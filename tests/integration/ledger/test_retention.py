"""What is deleted and when; that the space comes back; and that nobody can read what rests."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, text

from bridge.ledger import Ended, EndState, FollowUp, Ledger, StoredEvent
from bridge.ledger.storage import retention
from bridge.settings import Settings
from tests.integration.ledger.site import NHS_NUMBER, START, Clock, events, opening, started

BODIES_GONE = START + timedelta(days=31)
ALL_GONE = START + timedelta(days=2921)


async def end(ledger: Ledger, number: int, state: EndState = "completed", *, published: bool = True) -> None:
    claim = started(await ledger.begin(opening(number)))
    intent = await ledger.intend(
        claim.lease, kind="appointment.book", payload=NHS_NUMBER.encode(), settle_key="s"
    )
    if state != "in_doubt":
        await ledger.settle(claim.lease, intent, verdict="done", result=NHS_NUMBER.encode())
    asked = FollowUp(NHS_NUMBER.encode())
    await ledger.finish(claim.lease, state=state, code=None, events=events(number), follow_up=asked)
    if published:
        await ledger.published(claim.lease.request_key, [event.id for event in events(number)])


async def count(ledger: Ledger, query: str) -> int:
    found: int = await ledger.store.read(lambda connection: connection.execute(text(query)).scalar_one())
    return found


BODIES = (
    "SELECT (SELECT count(*) FROM event_bodies) + (SELECT count(*) FROM messages)"
    " + (SELECT count(*) FROM intents WHERE payload IS NOT NULL OR result IS NOT NULL)"
)


async def test_bodies_go_first_and_the_rest_later(ledger: Ledger):
    for number in range(3):
        await end(ledger, number)
    assert (await ledger.oversight.prune(START + timedelta(days=29))).bodies == 0
    told: list[tuple[int, int | None]] = []
    pruned = await ledger.oversight.prune(BODIES_GONE, progress=lambda *much: told.append(much))
    assert (pruned.bodies, pruned.requests) == (3, 0)
    assert told == [(3, None)]
    assert await count(ledger, BODIES) == 0
    history = await ledger.oversight.request_history(opening(1).request_key)
    assert history is not None
    assert [event.id for event in history.events] == ["e-1-0", "e-1-1"]
    assert [intent.verdict for intent in history.intents] == ["done"]
    assert await ledger.begin(opening(1)) == Ended("completed", None, [])

    assert (await ledger.oversight.prune(BODIES_GONE)).bodies == 0
    assert (await ledger.oversight.prune(ALL_GONE)).requests == 3
    assert await ledger.oversight.request_history(opening(1).request_key) is None
    for table in ("attempts", "calls", "events", "event_bodies", "intents"):
        assert await count(ledger, f"SELECT count(*) FROM {table}") == 0


async def test_what_is_open_or_owed_is_never_deleted(ledger: Ledger, clock: Clock):
    await end(ledger, 1, "in_doubt")
    await end(ledger, 2, published=False)
    await ledger.begin(opening(3))
    waits = started(await ledger.begin(opening(4)))
    await ledger.wait(waits.lease, until=clock(), reason="provider_timeout")
    pruned = await ledger.oversight.prune(ALL_GONE)
    assert (pruned.bodies, pruned.requests) == (0, 0)
    again = await ledger.begin(opening(2))
    assert isinstance(again, Ended)
    assert list(again.unpublished) == events(2)
    # Two events of each, the payloads of their intents, and what was asked.
    assert await count(ledger, BODIES) == 4 + 2 + 2


async def test_many_requests_are_pruned_some_at_a_time(ledger: Ledger, clock: Clock):
    for first in range(0, 60, 15):
        await asyncio.gather(*(end(ledger, number) for number in range(first, first + 15)))
        clock.turn(1)  # several end at one moment
    gone = clock() + timedelta(days=1)
    pruned = await retention.prune(
        ledger.store, messages_before=gone, bodies_before=gone, requests_before=gone, looked_at=20
    )
    assert (pruned.bodies, pruned.requests) == (60, 60)
    assert (await ledger.oversight.draw_balance()).received == 0


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
async def test_the_file_becomes_smaller(ledger: Ledger, settings: Settings):
    file = settings.state_dir / "ledger.db"
    for number in range(5):
        claim = started(await ledger.begin(opening(number)))
        body = os.urandom(1 << 19)
        await ledger.finish(
            claim.lease, state="completed", code=None, events=[StoredEvent(f"e-{number}", "t", body)]
        )
        await ledger.published(claim.lease.request_key, [f"e-{number}"])
    await ledger.oversight.prune(START)
    before = file.stat().st_size
    assert before > 5 << 19
    await ledger.oversight.prune(BODIES_GONE)
    assert file.stat().st_size < before / 5
    assert file.with_name("ledger.db-wal").stat().st_size == 0


@pytest.mark.duty("JO-033")
async def test_no_column_shows_whose_record_it_is(ledger: Ledger):
    await end(ledger, 1)
    await end(ledger, 2, "in_doubt", published=False)

    def everything(connection: Connection) -> str:
        tables = inspect(connection).get_table_names()
        return repr([connection.execute(text(f"SELECT * FROM {table}")).all() for table in tables])

    stored = await ledger.store.read(everything)
    assert "e-2-1" in stored
    assert NHS_NUMBER not in stored


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
async def test_nobody_else_on_the_machine_may_read_the_file(ledger: Ledger, settings: Settings):
    await ledger.begin(opening())
    files: list[Path] = list(settings.state_dir.glob("ledger.db*"))
    assert files
    assert {file.stat().st_mode & 0o077 for file in files} == {0}
