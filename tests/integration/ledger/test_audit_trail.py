"""Appending to the audit trail: with the outcome or not at all, for failures too, by many workers at once."""

import asyncio

import asyncpg  # type: ignore[import-untyped]  # ships no types
import pytest
from sqlalchemy import Connection
from structlog.testing import capture_logs

from bridge.ledger import Ledger
from bridge.ledger.audit.chain import CHAINS, MAX_TEXT, Head, Position, entries
from bridge.ledger.audit.trail import Entry
from bridge.settings import Settings
from tests.integration.ledger.site import Clock, call, events, opening, started
from tests.integration.ledger.trail import NHS_NUMBER, OFFICER, Site, entry


class Undone(Exception):  # noqa: N818
    """Rolls a transaction back."""


@pytest.mark.duty("JO-024", "JO-026", "CS-015")
async def test_an_entry_says_who_asked_about_whom_what_was_called_and_how_it_ended(site: Site):
    await site.trail.record(entry(outcome="failed", code="patient_not_found", facts={"stage": "pds"}))
    (row,) = await site.whole(entries)
    assert (row["user_id"], row["organisation"]) == ("u-77", "RXX")
    assert (row["event"], row["outcome"], row["code"]) == ("record.requested", "failed", "patient_not_found")
    assert row["request_key"] == "/epr r-1"
    for shown in (
        "Ms Ann Other",
        "Hospital pharmacist",
        "A hospital",
        "123456789012",
        "210987654321",
        "ward-7",
    ):
        assert shown in row["details"]
    for shown in ("t-1-1", "t-1-2", "200000000359", "200000000360", '"stage":"pds"'):
        assert shown in row["details"]
    assert row["recorded_at"].tzinfo is not None


@pytest.mark.duty("CS-015")
@pytest.mark.parametrize("outcome", ["completed", "failed", "rejected", "in_doubt"])
async def test_the_outcome_and_its_entry_are_one(site: Site, ledger: Ledger, outcome: str):
    # `ledger` has the same database as `site`.
    lease = started(await ledger.begin(opening())).lease
    code = None if outcome == "completed" else "patient_not_found"

    step = site.trail.step(entry(outcome=outcome, code=code))
    await ledger.finish(lease, state=outcome, code=code, events=events(), calls=[call()], also=step)  # type: ignore[arg-type]  # one of the four
    (row,) = await site.whole(entries)
    assert (row["outcome"], row["code"]) == (outcome, code)
    assert await site.trail.verify() == []


@pytest.mark.duty("CS-015")
async def test_without_its_entry_there_is_no_outcome(site: Site, ledger: Ledger, clock: Clock):
    lease = started(await ledger.begin(opening())).lease

    def also(connection: Connection) -> None:
        site.trail.append(connection, entry())
        raise Undone

    with pytest.raises(Undone):
        await ledger.finish(lease, state="completed", code=None, events=events(), also=also)
    assert await site.whole(entries) == []
    assert await site.trail.verify() == []
    balance = await ledger.oversight.draw_balance()
    assert (balance.completed, balance.in_flight) == (0, 1)


async def test_how_far_a_check_is_is_told_now_and_then(site: Site):
    asked = Entry(event="request.read", outcome="rejected")
    await site.store.write(lambda connection: [site.trail.append(connection, asked) for _ in range(501)])
    told: list[tuple[int, int | None]] = []
    assert await site.trail.verify(progress=lambda *much: told.append(much)) == []
    assert told == [(500, 2 * 501)]  # the entries, then the keys in them


@pytest.mark.duty("CS-015")
async def test_what_is_known_of_a_message_that_could_not_be_read_is_recorded(site: Site):
    await site.trail.record(Entry(event="request.read", outcome="rejected", request_key="/epr m-1"))
    (row,) = await site.whole(entries)
    assert (row["outcome"], row["user_id"], row["patient"], row["details"]) == ("rejected", None, None, "{}")
    assert await site.trail.verify() == []


async def test_the_sequence_counts_without_a_gap(site: Site):
    positions = [await site.trail.record(entry(number)) for number in range(1, 40)]
    chains = {position.chain for position in positions}
    for chain in chains:
        numbers = [position.sequence for position in positions if position.chain == chain]
        assert numbers == list(range(1, len(numbers) + 1))


async def test_an_entry_that_is_rolled_back_leaves_no_gap(site: Site):
    def fail(connection: Connection) -> None:
        site.trail.append(connection, entry())
        raise Undone

    for number in range(40):
        with pytest.raises(Undone):
            await site.store.write(fail)
        await site.trail.record(entry(number))
    assert len(await site.whole(entries)) == 40
    assert await site.trail.verify() == []


async def test_entries_that_share_a_commit_with_one_that_is_rolled_back_leave_no_gap(site: Site):
    def fail(connection: Connection) -> None:
        site.trail.append(connection, entry())
        raise Undone

    steps = [fail if number == 20 else site.trail.step(entry(number)) for number in range(40)]
    results = await asyncio.gather(*(site.store.write(step) for step in steps), return_exceptions=True)
    assert [type(result) for result in results if isinstance(result, Exception)] == [Undone]
    assert len(await site.whole(entries)) == 39
    assert await site.trail.verify() == []


async def test_a_trail_that_is_resumed_while_it_is_written_stays_whole(site: Site):
    await asyncio.gather(
        *(site.trail.record(entry(number)) for number in range(10)),
        site.trail.resume(OFFICER, "a drill"),
        *(site.trail.record(entry(number)) for number in range(10)),
    )
    assert await site.trail.verify() == []


async def test_many_workers_write_one_trail(site: Site):
    trails = [site.another_trail() for _ in range(4)]
    writing = [trails[number % 4].record(entry(number)) for number in range(200)]
    positions = await asyncio.gather(*writing)
    assert len(set(positions)) == 200
    assert await site.trail.verify() == []


async def test_the_trail_can_be_verified_while_it_is_written(site: Site):
    async def write() -> None:
        for number in range(60):
            await site.trail.record(entry(number))

    writers = [asyncio.create_task(write()) for _ in range(3)]
    checks = 0
    while not all(writer.done() for writer in writers):
        assert await site.trail.verify() == []
        checks += 1
    await asyncio.gather(*writers)
    assert checks
    assert await site.trail.verify() == []


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
async def test_a_transaction_that_is_slow_to_commit_holds_up_no_other(site: Site, settings: Settings):
    gate = await asyncpg.connect(settings.ledger.url)
    await gate.execute("SELECT pg_advisory_lock(1)")
    appended: asyncio.Queue[Position] = asyncio.Queue()

    def slow(connection: Connection) -> Position:
        held = site.trail.append(connection, entry())
        appended.put_nowait(held)
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(1)")  # until the gate opens
        return held

    holding = asyncio.create_task(site.store.write(slow))
    held = await appended.get()
    others = [await site.trail.record(entry(number)) for number in range(40)]
    assert not holding.done()
    assert held.chain not in {position.chain for position in others}
    await gate.close()
    assert await holding == held
    assert await site.trail.verify() == []


async def test_a_new_trail_is_begun_once_and_its_heads_are_noted_in_the_log(site: Site):
    await asyncio.gather(*(site.another_trail().prepare() for _ in range(5)))
    await site.fill(20)
    with capture_logs() as lines:
        await site.another_trail().prepare()
    (noted,) = lines
    assert noted["event"] == "audit_heads"
    heads = [Head.parse(text) for text in noted["heads"]]
    assert heads == [head for head in await site.trail.heads() if head.sequence]
    assert await site.trail.verify(heads) == []


async def test_workers_that_start_together_begin_one_trail(site: Site):
    await site.intrude("DELETE FROM audit_heads")  # as before the first start
    await asyncio.gather(*(site.another_trail().prepare() for _ in range(8)))
    assert len(await site.trail.heads()) in CHAINS.values()
    assert await site.trail.verify() == []


async def test_no_column_holds_an_nhs_number_in_clear(site: Site):
    await site.trail.record(entry())
    assert NHS_NUMBER not in await site.everything()
    assert NHS_NUMBER not in repr(entry())


@pytest.mark.parametrize(
    "text", ["a\x00b", "\ud800", "line\r\nbreak", "x" * 100_000, "", "\u202eright to left"]
)
async def test_what_a_sender_wrote_never_stops_the_audit(site: Site, text: str):
    await site.trail.record(
        entry(correlation_id=text, request_key=text, facts={text: text}, trace_ids=[text])
    )
    (row,) = await site.whole(entries)
    assert len(row["correlation_id"]) <= MAX_TEXT
    assert row["correlation_id"].isprintable()
    assert await site.trail.verify() == []
