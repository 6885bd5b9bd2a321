"""Tables of bodies on PostgreSQL: a month that is over goes with its part, and nothing is lost with it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg  # type: ignore[import-untyped]  # ships no types
import pytest
from sqlalchemy import Connection, insert, text
from structlog.testing import capture_logs

from bridge.ledger import Ended, EndState, FollowUp, Ledger, StoredEvent, open_ledger
from bridge.ledger.audit.trail import AuditTrail
from bridge.ledger.keys import KeyFile, create_ring
from bridge.ledger.opening import make_partitions, open_store
from bridge.ledger.storage import partitions
from bridge.ledger.storage.bodies import seal_events
from bridge.ledger.storage.store import Store
from bridge.ledger.storage.tables import events as event_rows
from bridge.ledger.vault.vault import Vault, answers
from bridge.settings import LedgerSettings, Settings
from tests.integration.ledger.site import Clock, events, opening, sealer_in, started
from tests.integration.ledger.test_schema import ledger_of_version
from tests.integration.ledger.trail import OFFICER, Site, entry
from tests.support.postgres import administer, fresh_database
from tests.support.written_requests import answer

pytestmark = pytest.mark.parametrize("settings", ["postgresql"], indirect=True)

MONTH = timedelta(days=31)


@pytest.fixture
def clock() -> Clock:
    """Starts now: parts are made for what comes."""
    clock = Clock()
    clock.now = datetime.now(UTC)
    return clock


@pytest.fixture
def old(postgres_server: str, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a database that nobody has migrated."""
    with fresh_database(postgres_server) as url:
        yield Settings(state_dir=tmp_path, ledger=LedgerSettings(url=url))


async def parts(store: Store, table: str = "event_bodies") -> list[partitions.Partition]:
    return await store.read(partial(partitions.of, table=table))


async def where(store: Store) -> dict[str, str]:
    """In which table each body of an event lies."""
    found = text("SELECT event_id, tableoid::regclass::text FROM event_bodies")
    rows = await store.read(lambda connection: connection.execute(found).all())
    assert len(rows) == len({row.event_id for row in rows}), "each body is there once"
    return {row.event_id: row.tableoid for row in rows}


async def end(
    ledger: Ledger, number: int, *, state: EndState = "completed", is_published: bool = True, also=None
) -> None:
    lease = started(await ledger.begin(opening(number))).lease
    told = events(number, 1)
    asked = FollowUp(b"asked") if state == "in_doubt" else None
    await ledger.finish(lease, state=state, code=None, events=told, follow_up=asked, also=also)
    if is_published:
        await ledger.published(lease.request_key, [each.id for each in told])


async def test_a_month_that_is_over_goes_whole_but_for_what_is_owed_or_in_doubt(
    ledger: Ledger, tmp_path: Path, clock: Clock
):
    create_ring(tmp_path / "audit.keys")
    keys = KeyFile(tmp_path / "audit.keys", "BRIDGE_AUDIT_KEYS_FILE", look_every=0)
    trail = AuditTrail(ledger.store, keys, ledger.sealer)
    await trail.prepare()
    ends: tuple[tuple[int, EndState, bool], ...] = (
        (0, "completed", True),
        (1, "completed", False),
        (2, "in_doubt", True),
    )
    for number, state, is_published in ends:
        told = entry(number, outcome=state, request_key=opening(number).request_key)
        await end(ledger, number, state=state, is_published=is_published, also=trail.step(told))
    [first, *_] = await parts(ledger.store)
    assert first.name == "event_bodies_first"
    clock.now = first.upper + MONTH
    await trail.note_forgotten(OFFICER, clock.now - 2 * MONTH)
    pruned = await ledger.oversight.prune(clock.now)
    assert pruned.partitions == 1
    assert first not in await parts(ledger.store)
    assert await where(ledger.store) == {"e-1-0": "event_bodies_rest", "e-2-0": "event_bodies_rest"}
    # What is owed can still be published, the books are as they were, and so is the trail.
    again = await ledger.begin(opening(1))
    assert isinstance(again, Ended)
    assert list(again.unpublished) == events(1, 1)
    assert [each.events for each in await ledger.unpublished()] == [events(1, 1)]
    balance = await ledger.oversight.draw_balance()
    assert (balance.received, balance.completed, balance.in_doubt) == (3, 2, 1)
    assert [odd.kind for odd in balance.discrepancies] == ["unpublished", "unwatched"]
    assert await trail.verify() == []
    # And they go like any other once they are over.
    await ledger.published(opening(1).request_key, ["e-1-0"])
    assert (await ledger.oversight.prune(clock.now)).bodies == 1
    assert list(await where(ledger.store)) == ["e-2-0"]


async def test_a_request_key_stays_known_when_its_month_of_bodies_is_gone(ledger: Ledger, clock: Clock):
    await end(ledger, 1)
    clock.now += 4 * MONTH
    assert (await ledger.oversight.prune(clock.now)).partitions > 0
    assert await ledger.begin(opening(1)) == Ended("completed", None, [])


async def test_what_finds_no_part_lies_with_the_rest_until_there_is_one(ledger: Ledger, clock: Clock):
    clock.now = datetime(2031, 5, 17, tzinfo=UTC)
    await end(ledger, 1, is_published=False)
    assert await where(ledger.store) == {"e-1-0": "event_bodies_rest"}
    needed = {"event_bodies": clock.now}
    await partitions.make_ahead(ledger.store, needed, "month", now=clock.now)
    assert await where(ledger.store) == {"e-1-0": "event_bodies_20310501"}
    assert [each.name for each in await parts(ledger.store)][-2:] == [
        "event_bodies_20310501",
        "event_bodies_20310601",
    ]
    again = await ledger.begin(opening(1))
    assert isinstance(again, Ended)
    assert list(again.unpublished) == events(1, 1)
    # Nothing is lacking now; and from here on a site may have days.
    before = await parts(ledger.store)
    await partitions.make_ahead(ledger.store, needed, "month", now=clock.now)
    assert await parts(ledger.store) == before
    later = {"event_bodies": datetime(2031, 6, 29, tzinfo=UTC)}
    await partitions.make_ahead(ledger.store, later, "day", now=later["event_bodies"])
    assert [each.name for each in await parts(ledger.store)][-1] == "event_bodies_20310701"


async def test_a_request_that_ends_again_in_another_month_has_each_event_once(ledger: Ledger, clock: Clock):
    await end(ledger, 1, state="in_doubt")
    [*_, last] = await parts(ledger.store)
    clock.now = last.upper + timedelta(days=1)
    reopened = await ledger.reopen(opening(1).request_key, check_again_at=clock.now)
    assert reopened is not None
    told = [StoredEvent("e-1-0", "t", b"another body"), StoredEvent("e-1-9", "t", b"new")]
    await ledger.finish(reopened.lease, state="completed", code=None, events=told)
    assert await where(ledger.store) == dict.fromkeys(("e-1-0", "e-1-9"), "event_bodies_rest")
    stored = await ledger.stored_events(opening(1).request_key)
    assert [each.body for each in stored] == [events(1, 1)[0].body, b"new"]


async def test_answers_and_documents_go_with_their_month(site: Site, settings: Settings):
    await make_partitions(site.store, settings)
    now = datetime.now(UTC)
    vault = Vault(site.store, site.sealer, keep_answers=timedelta(days=30))
    kept = answer("/epr r-1", b"{}")
    await vault.store_answer(kept)
    deposit = vault.deposit(now + timedelta(days=7))
    await deposit.add(b"a document")
    check = await deposit.complete("text/plain")
    whole = await vault.check_in(b"an event", "application/json", now + timedelta(days=7))
    assert await vault.open_answer(kept.sha256) == kept
    for claim, body in ((check, b"a document"), (whole, b"an event")):
        _, pieces = await vault.open_claim(claim.id)
        assert b"".join([piece async for piece in pieces]) == body
    pruned = await vault.prune(now + 4 * MONTH, facts_before=now - MONTH)
    assert pruned.partitions >= 2
    assert (pruned.answers, pruned.claims, pruned.metadata) == (0, 2, 0)
    count = text("SELECT (SELECT count(*) FROM answer_bodies) + (SELECT count(*) FROM claim_parts)")
    assert await site.store.read(lambda connection: connection.scalar(count)) == 0
    assert len(await vault.answers_to("/epr r-1")) == 1


async def test_a_part_that_is_in_use_is_left_and_its_bodies_go_singly(
    ledger: Ledger, settings: Settings, clock: Clock
):
    await end(ledger, 1)
    using = await asyncpg.connect(settings.ledger.url)
    try:
        async with using.transaction():
            await using.execute("SELECT count(*) FROM event_bodies")
            pruned = await ledger.oversight.prune(clock.now + 4 * MONTH)
            assert (pruned.partitions, pruned.bodies) == (0, 1)
    finally:
        await using.close()
    assert await where(ledger.store) == {}
    assert (await ledger.oversight.prune(clock.now + 4 * MONTH)).partitions > 0


@pytest.mark.parametrize("task", ["make", "drop"])
async def test_whoever_changes_parts_lets_a_worker_end_its_request(
    ledger: Ledger, settings: Settings, clock: Clock, task: str
):
    before = await parts(ledger.store)
    later = before[-1].upper

    async def change() -> None:
        while await parts(ledger.store) == before:  # it gives way to whoever is slow
            if task == "make":
                await partitions.make_ahead(ledger.store, {"event_bodies": later}, "month", now=clock.now)
            else:
                await partitions.drop_over(ledger.store, {"event_bodies": before[0].upper})

    await ledger.begin(opening(1))
    worker = await asyncpg.connect(settings.ledger.url)
    try:
        async with worker.transaction():
            await worker.execute("UPDATE requests SET state = 'completed'")
            changing = asyncio.create_task(change())
            while not await worker.fetchval(
                "SELECT count(*) FROM pg_locks WHERE relation IS NOT NULL AND NOT granted"
            ):
                await asyncio.sleep(0.01)
            # Next a worker writes what it owes; whoever waits for the request must not hold that up.
            await worker.execute("LOCK TABLE event_bodies IN ROW EXCLUSIVE MODE NOWAIT")
        await changing
    finally:
        await worker.close()


async def test_parts_are_read_whatever_style_of_dates_the_database_has(settings: Settings):
    name = urlsplit(settings.ledger.url or "").path[1:]
    async with open_store(settings) as store:
        before = await parts(store)
    await asyncio.to_thread(
        administer, settings.ledger.url or "", f"ALTER DATABASE \"{name}\" SET datestyle = 'SQL, DMY'"
    )
    async with open_store(settings) as store:
        assert await parts(store) == before != []


async def test_partitions_that_cannot_be_read_are_told_and_end_no_chore(settings: Settings):
    async with open_store(settings):
        pass
    # What an administrator may have made by hand: no date of ours is as late.
    await asyncio.to_thread(
        administer,
        settings.ledger.url or "",
        "CREATE TABLE far_away PARTITION OF event_bodies FOR VALUES FROM ('19999-01-01') TO ('20000-01-01')",
    )
    with capture_logs() as logs:
        async with open_ledger(settings, sealer_in(settings.state_dir)):
            async with asyncio.timeout(10):
                while not [line for line in logs if line["event"] == "partitions_unchanged"]:
                    await asyncio.sleep(0.01)


@asynccontextmanager
async def filled_ledger_of_version_13(settings: Settings, count: int) -> AsyncIterator[tuple[Store, str]]:
    """With a request that owes an event, and an answer that is kept."""
    sealer, now = sealer_in(settings.state_dir), datetime.now(UTC)
    key, [event], kept = opening(1).request_key, events(1, 1), answer("/epr r-1", b"{}")
    [sealed] = seal_events(sealer, key, [event])

    def fill(connection: Connection) -> None:
        connection.execute(
            text(
                "INSERT INTO requests (request_key, pipeline, correlation_id, body_sha256, received_at, ended_at,"
                " state, starts, worker, started_at, waits) SELECT '/epr r-' || n, 'structured_record', 'c',"
                " :body, now(), now(), 'completed', 1, 'w', now(), 0 FROM generate_series(1, :count) AS n"
            ),
            {"count": count, "body": opening().body_sha256},
        )
        row = connection.scalar(text("SELECT id FROM requests WHERE request_key = :key"), {"key": key})
        told = {"request_id": row, "event_id": event.id, "start": 1, "number": 1, "topic": event.topic}
        connection.execute(
            insert(event_rows), told | {"content_type": event.content_type, "size": len(event.body)}
        )
        connection.execute(
            text("INSERT INTO event_bodies (request_id, event_id, sealed) VALUES (:row, :id, :sealed)"),
            {"row": row, "id": event.id, "sealed": sealed.sealed},
        )
        facts = {"sha256": kept.sha256, "size": 2, "received_at": now, "expires_at": now + timedelta(days=30)}
        facts |= {"request_key": key, "interaction": "i", "practice_ods": "A12345", "trace_id": "t"}
        body = sealer.seal(kept.body, f"answer:{kept.sha256}".encode())
        connection.execute(insert(answers), facts | {"sealed": body})

    async with ledger_of_version(settings, "0013") as store:
        await store.write(fill)
        yield store, kept.sha256


async def test_a_filled_ledger_is_parted_and_keeps_what_it_has(settings: Settings, old: Settings):
    async with filled_ledger_of_version_13(old, 3) as (_, answered):
        pass
    async with open_ledger(old, sealer_in(old.state_dir)) as ledger:
        assert await ledger.store.read(partitions.whole) == []
        assert await where(ledger.store) == {"e-1-0": "event_bodies_first"}
        again = await ledger.begin(opening(1))
        assert isinstance(again, Ended)
        assert list(again.unpublished) == events(1, 1)
        vault = Vault(ledger.store, ledger.sealer, keep_answers=timedelta(days=30))
        assert (await vault.open_answer(answered)).body == b"{}"
        assert (
            await vault.prune(datetime.now(UTC) + MONTH, facts_before=datetime.now(UTC) - MONTH)
        ).answers == 1
        await end(ledger, 9)
        clear = text("SELECT ended_at FROM event_bodies WHERE event_id = 'e-1-0'")
        # Of those that were there nobody noted when their requests ended.
        assert (await ledger.store.read(lambda connection: connection.scalar(clear))).year == 2000
