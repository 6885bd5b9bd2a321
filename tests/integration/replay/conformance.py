"""What a job over dead letters does on every broker: each adapter's test class inherits this."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bridge.bus.port import Bus, QueueDepth
from bridge.cli.site import Books, operator
from bridge.ledger.storage.dead_letter_jobs import Job, JobRefused, Kind
from bridge.operations import dead_letter_jobs
from tests.support.bus_sites import Site, until
from tests.support.desk import PIPELINE, MemoryBudget, Ward, park, until_dead, ward_on

FAST = 1000.0


class JobConformance:
    """Inherited per adapter; `site` is its broker."""

    @pytest.fixture
    def site(self) -> Any:
        raise NotImplementedError

    @pytest.fixture
    def desk(self, site: Any, tmp_path: Path) -> MemoryBudget:
        return MemoryBudget(tmp_path, site.url, site.prefix)

    async def test_each_letter_of_the_job_is_worked_on_once_and_nothing_else(
        self, site: Site, desk: MemoryBudget
    ):
        ward = Ward()
        async with ward_on(site, ward) as bus, desk.books() as books:
            await park(bus, site, "r-1", "r-2", "r-3")
            job = await confirmed(bus, books, desk, site)
            await park(bus, site, "came-later")
            ward.is_mended = True
            moved: list[int] = []
            ended = await run(bus, books, desk, site, job, progress=moved.append)
            await until(lambda: len(ward.worked_on) == 3)
            await until_dead(bus, site, 1)
        assert (ended.state, ended.marked, ended.total, sum(moved)) == ("done", 3, 3, 3)
        assert sorted(ward.ids) == ["r-1", "r-2", "r-3"]

    async def test_who_why_and_which_is_on_record(self, site: Site, desk: MemoryBudget):
        ward = Ward("unroutable")
        async with ward_on(site, ward) as bus, desk.books() as books:
            await park(bus, site, "r-1")
            ward.is_mended = True
            job = await run(bus, books, desk, site, await confirmed(bus, books, desk, site))
            known = await books.jobs.all("replay")
        assert [(one.id, one.state, one.actor, one.confirmed_by, one.reason) for one in known] == [
            (job.id, "done", "Sam Ple", "os-user", "queue was bound")
        ]
        confirmation, letter = await desk.entries()
        assert confirmation["event"] == "dead.replay.confirmed"
        assert letter["event"] == "dead.replay"
        assert (letter["user_id"], letter["user"]["name"]) == ("os-user", "Sam Ple")
        assert (letter["code"], letter["correlation_id"]) == ("unroutable", "r-1")
        assert letter["facts"]["job"] == confirmation["facts"]["job"] == job.id
        assert letter["facts"]["reason"] == "queue was bound"
        assert letter["facts"]["message_id"] == "r-1"

    async def test_a_discarded_letter_is_gone_and_worked_on_by_nobody(self, site: Site, desk: MemoryBudget):
        ward = Ward()
        async with ward_on(site, ward) as bus, desk.books() as books:
            await park(bus, site, "r-1", "r-2")
            ward.is_mended = True
            ended = await run(bus, books, desk, site, await confirmed(bus, books, desk, site, "discard"))
            await until_dead(bus, site, 0)
            assert await books.jobs.discarded(PIPELINE, "internal") == 2
        assert (ended.state, ended.marked) == ("done", 2)
        assert ward.worked_on == []
        events = [entry["event"] for entry in await desk.entries()]
        assert events == ["dead.discard.confirmed", "dead.discard", "dead.discard"]

    async def test_nothing_runs_that_was_not_confirmed(self, site: Site, desk: MemoryBudget):
        async with ward_on(site, Ward()) as bus, desk.books() as books:
            await park(bus, site, "r-1")
            job, _ = await plan(bus, books, site)
            with pytest.raises(JobRefused, match="planned"):
                await run(bus, books, desk, site, job)
            await until_dead(bus, site, 1)

    async def test_a_plan_of_one_kind_is_not_run_as_the_other(self, site: Site, desk: MemoryBudget):
        async with ward_on(site, Ward()) as bus, desk.books() as books:
            await park(bus, site, "r-1")
            job = await confirmed(bus, books, desk, site, "replay")
            with pytest.raises(JobRefused, match="replay"):
                await books.jobs.start(job.id, "discard", runner="x")

    async def test_a_plan_holds_what_it_was_asked_for(self, site: Site, desk: MemoryBudget):
        ward = Ward("internal")
        async with ward_on(site, ward) as bus, desk.books() as books:
            await park(bus, site, "r-1", "r-2", "r-3")
            ward.reason = "rejected"
            await park(bus, site, "r-4")
            job, found = await plan(bus, books, site, reason="internal", limit=2)
            with pytest.raises(JobRefused, match="no such dead letter"):
                await plan(bus, books, site, reason="unheard_of")
            letters = await books.jobs.letters(job.id)
        assert job.total == len(letters) == len(found) == 2
        assert {letter.cause for letter in letters.values()} == {"internal"}
        assert all(one.letter.message.body == b"" for one in found)

    async def test_a_letter_is_in_one_confirmed_job_only(self, site: Site, desk: MemoryBudget):
        async with ward_on(site, Ward()) as bus, desk.books() as books:
            await park(bus, site, "r-1")
            first, _ = await plan(bus, books, site)
            rival, _ = await plan(bus, books, site)
            await confirm(books, desk, first)
            with pytest.raises(JobRefused, match="another job"):
                await confirm(books, desk, rival)
            with pytest.raises(JobRefused, match="another job"):
                await plan(bus, books, site)
            await books.jobs.stop(first.id, "replay")
            assert (await plan(bus, books, site))[0].total == 1

    async def test_a_pause_is_heard_after_the_letter_at_hand_and_a_later_run_goes_on(
        self, site: Site, desk: MemoryBudget
    ):
        ward = Ward()
        async with ward_on(site, ward) as bus, desk.books() as books:
            await park(bus, site, "r-1", "r-2", "r-3")
            job = await confirmed(bus, books, desk, site)
            ward.is_mended = True
            pausing: list[asyncio.Task[Job]] = []

            def pause(_count: int) -> None:
                pausing.append(asyncio.create_task(books.jobs.pause(job.id, "replay")))

            paused = await run(bus, books, desk, site, job, progress=pause, rate=1)
            assert len(pausing) == 1
            assert (paused.state, paused.marked) == ("paused", 1)
            await until_dead(bus, site, 2)
            ended = await run(bus, books, desk, site, job)
            await until(lambda: len(ward.worked_on) == 3)
        assert (ended.state, ended.marked) == ("done", 3)
        assert sorted(ward.ids) == ["r-1", "r-2", "r-3"]

    async def test_a_stopped_job_leaves_the_rest_where_it_is(self, site: Site, desk: MemoryBudget):
        ward = Ward()
        async with ward_on(site, ward) as bus, desk.books() as books:
            await park(bus, site, "r-1", "r-2")
            job = await confirmed(bus, books, desk, site)
            await books.jobs.stop(job.id, "replay")
            with pytest.raises(JobRefused, match="stopped"):
                await run(bus, books, desk, site, job)
            await until_dead(bus, site, 2)

    async def test_what_was_sent_before_a_crash_is_not_sent_again(self, site: Site, desk: MemoryBudget):
        async with ward_on(site, Ward()) as bus:
            await park(bus, site, "r-1", "r-2")
        async with ward_on(site, None) as bus, desk.books() as books:
            job = await confirmed(bus, books, desk, site)
            # As a run leaves it that was killed after the copy, and before the letter was taken away.
            [first, _] = await books.jobs.letters(job.id)
            await books.jobs.mark(job.id, first, also=lambda _connection: None)
            ended = await run(bus, books, desk, site, job)
            await until(lambda: _holds(bus, site, QueueDepth(ready=1, waiting=0, dead=0)))
        assert (ended.state, ended.marked) == ("done", 2)

    async def test_a_job_with_letters_that_somebody_took_away_is_not_done(
        self, site: Site, desk: MemoryBudget
    ):
        ward = Ward()
        async with ward_on(site, ward) as bus, desk.books() as books:
            await park(bus, site, "r-1", "r-2")
            job = await confirmed(bus, books, desk, site)
            async with bus.letters(site.queue) as letters:
                await (await anext(letters)).remove()
            ward.is_mended = True
            ended = await run(bus, books, desk, site, job)
        assert (ended.state, ended.marked, ended.total) == ("paused", 1, 2)

    async def test_two_processes_do_not_run_one_job(self, site: Site, desk: MemoryBudget):
        async with ward_on(site, Ward()) as bus, desk.books() as books:
            await park(bus, site, "r-1")
            job = await confirmed(bus, books, desk, site)
            await books.jobs.start(job.id, "replay", runner="first")
            with pytest.raises(JobRefused, match="another process"):
                await run(bus, books, desk, site, job)
            assert not await books.jobs.hold(job.id, runner="second")
            assert await books.jobs.hold(job.id, runner="first")


async def _holds(bus: Bus, site: Site, depth: QueueDepth) -> bool:
    return await bus.depth(site.queue) == depth


async def plan(
    bus: Bus,
    books: Books,
    site: Site,
    kind: Kind = "replay",
    *,
    reason: str | None = None,
    limit: int | None = None,
) -> tuple[Job, Sequence[dead_letter_jobs.Found]]:
    queues = {PIPELINE: site.queue}
    return await dead_letter_jobs.plan(
        bus, books.jobs, kind, queues, reason=reason, limit=limit, by="os-user"
    )


async def confirm(books: Books, desk: MemoryBudget, job: Job) -> Job:
    actor = operator(desk.settings, "Sam Ple", user="os-user")
    return await dead_letter_jobs.confirm(
        books.jobs, books.trail, job.id, job.kind, actor=actor, reason="queue was bound"
    )


async def confirmed(bus: Bus, books: Books, desk: MemoryBudget, site: Site, kind: Kind = "replay") -> Job:
    job, _ = await plan(bus, books, site, kind)
    return await confirm(books, desk, job)


async def run(
    bus: Bus,
    books: Books,
    desk: MemoryBudget,
    site: Site,
    job: Job,
    *,
    progress: Callable[[int], None] = lambda _count: None,
    rate: float = FAST,
) -> Job:
    runs = dead_letter_jobs.Run(
        bus,
        books.jobs,
        books.trail,
        actor=operator(desk.settings, "Sam Ple", user="os-user"),
        queues={PIPELINE: site.queue},
        rate=rate,
        progress=progress,
    )
    return await runs(job.id, job.kind)
