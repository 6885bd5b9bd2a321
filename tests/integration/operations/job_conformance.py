"""What a job over dead letters does on every broker: each adapter's test class inherits this."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bridge.bus.port import Bus, QueueDepth
from bridge.operations import dead_letter_jobs
from bridge.operations.dead_letter_jobs import Job, JobKind, JobRefused
from bridge.operations.dead_letters import FoundDeadLetter
from bridge.operations.site import Queues, Stores
from bridge.operations.site import operator as actor_of
from tests.support.bus_sites import Site, until
from tests.support.operators import (
    PIPELINE,
    MendableHandler,
    Operator,
    bus_with,
    make_dead_letters,
    until_dead,
)

FAST = 1000.0


class JobConformance:
    """Inherited per adapter; `site` is its broker."""

    @pytest.fixture
    def site(self) -> Any:
        raise NotImplementedError

    @pytest.fixture
    def operator(self, site: Any, tmp_path: Path) -> Operator:
        return Operator(tmp_path, site.url, site.prefix)

    async def test_each_dead_letter_of_the_job_is_worked_on_once_and_nothing_else(
        self, site: Site, operator: Operator
    ):
        handler = MendableHandler()
        async with bus_with(site, handler) as bus, operator.stores() as stores:
            await make_dead_letters(bus, site, "r-1", "r-2", "r-3")
            job = await confirmed(bus, stores, site)
            await make_dead_letters(bus, site, "came-later")
            handler.is_mended = True
            moved: list[int] = []
            ended = await run(stores, job, progress=moved.append)
            await until(lambda: len(handler.worked_on) == 3)
            await until_dead(bus, site, 1)
        assert (ended.state, ended.marked, ended.total, sum(moved)) == ("done", 3, 3, 3)
        assert sorted(handler.ids) == ["r-1", "r-2", "r-3"]

    async def test_who_why_and_which_is_on_record(self, site: Site, operator: Operator):
        handler = MendableHandler("unroutable")
        async with bus_with(site, handler) as bus, operator.stores() as stores:
            await make_dead_letters(bus, site, "r-1")
            handler.is_mended = True
            job = await run(stores, await confirmed(bus, stores, site))
            known = await stores.dead_letter_jobs.all("replay")
        assert [(one.id, one.state, one.actor, one.confirmed_by, one.reason) for one in known] == [
            (job.id, "done", "Sam Ple", "os-user", "queue was bound")
        ]
        planning, confirmation, letter = await operator.entries()
        assert (planning["event"], planning["user_id"]) == ("dead.replay.planned", "os-user")
        assert (planning["facts"]["job"], planning["facts"]["total"]) == (job.id, "1")
        assert confirmation["event"] == "dead.replay.confirmed"
        assert letter["event"] == "dead.replay"
        assert (letter["user_id"], letter["user"]["name"]) == ("os-user", "Sam Ple")
        assert (letter["code"], letter["correlation_id"]) == ("unroutable", "r-1")
        assert letter["facts"]["job"] == confirmation["facts"]["job"] == job.id
        assert letter["facts"]["reason"] == "queue was bound"
        assert letter["facts"]["message_id"] == "r-1"

    async def test_a_discarded_dead_letter_is_gone_and_worked_on_by_nobody(
        self, site: Site, operator: Operator
    ):
        handler = MendableHandler()
        async with bus_with(site, handler) as bus, operator.stores() as stores:
            await make_dead_letters(bus, site, "r-1", "r-2")
            handler.is_mended = True
            ended = await run(stores, await confirmed(bus, stores, site, "discard"))
            await until_dead(bus, site, 0)
            assert await stores.dead_letter_jobs.discarded(PIPELINE, "internal") == 2
        assert (ended.state, ended.marked) == ("done", 2)
        assert handler.worked_on == []
        events = [entry["event"] for entry in await operator.entries()]
        assert events == ["dead.discard.planned", "dead.discard.confirmed", "dead.discard", "dead.discard"]

    async def test_nothing_runs_that_was_not_confirmed(self, site: Site, operator: Operator):
        async with bus_with(site, MendableHandler()) as bus, operator.stores() as stores:
            await make_dead_letters(bus, site, "r-1")
            job, _ = await plan(bus, stores, site)
            with pytest.raises(JobRefused, match="planned"):
                await run(stores, job)
            await until_dead(bus, site, 1)

    async def test_a_plan_of_one_kind_is_not_run_as_the_other(self, site: Site, operator: Operator):
        async with bus_with(site, MendableHandler()) as bus, operator.stores() as stores:
            await make_dead_letters(bus, site, "r-1")
            job = await confirmed(bus, stores, site, "replay")
            with pytest.raises(JobRefused, match="replay"):
                await stores.dead_letter_jobs.start(job.id, "discard", runner="x")

    async def test_a_plan_holds_what_it_was_asked_for(self, site: Site, operator: Operator):
        handler = MendableHandler("internal")
        async with bus_with(site, handler) as bus, operator.stores() as stores:
            await make_dead_letters(bus, site, "r-1", "r-2", "r-3")
            handler.reason = "rejected"
            await make_dead_letters(bus, site, "r-4")
            job, found = await plan(bus, stores, site, reason="internal", limit=2)
            with pytest.raises(JobRefused, match="no such dead letter"):
                await plan(bus, stores, site, reason="unheard_of")
            letters = await stores.dead_letter_jobs.items(job.id)
        assert job.total == len(letters) == len(found) == 2
        assert {letter.cause for letter in letters.values()} == {"internal"}
        assert all(one.dead_letter.message.body == b"" for one in found)

    async def test_a_dead_letter_is_in_one_confirmed_job_only(self, site: Site, operator: Operator):
        async with bus_with(site, MendableHandler()) as bus, operator.stores() as stores:
            await make_dead_letters(bus, site, "r-1")
            first, _ = await plan(bus, stores, site)
            rival, _ = await plan(bus, stores, site)
            await confirm(stores, first)
            with pytest.raises(JobRefused, match="another job"):
                await confirm(stores, rival)
            with pytest.raises(JobRefused, match="another job"):
                await plan(bus, stores, site)
            await stores.dead_letter_jobs.stop(first.id, "replay")
            assert (await plan(bus, stores, site))[0].total == 1

    async def test_a_pause_is_heard_after_the_message_at_hand_and_a_later_run_goes_on(
        self, site: Site, operator: Operator
    ):
        handler = MendableHandler()
        async with bus_with(site, handler) as bus, operator.stores() as stores:
            await make_dead_letters(bus, site, "r-1", "r-2", "r-3")
            job = await confirmed(bus, stores, site)
            handler.is_mended = True
            pausing: list[asyncio.Task[Job]] = []

            def pause(_count: int) -> None:
                pausing.append(asyncio.create_task(stores.dead_letter_jobs.pause(job.id, "replay")))

            paused = await run(stores, job, progress=pause, rate=1)
            assert len(pausing) == 1
            assert (paused.state, paused.marked) == ("paused", 1)
            await until_dead(bus, site, 2)
            ended = await run(stores, job)
            await until(lambda: len(handler.worked_on) == 3)
        assert (ended.state, ended.marked) == ("done", 3)
        assert sorted(handler.ids) == ["r-1", "r-2", "r-3"]

    async def test_a_stopped_job_leaves_the_rest_where_it_is(self, site: Site, operator: Operator):
        handler = MendableHandler()
        async with bus_with(site, handler) as bus, operator.stores() as stores:
            await make_dead_letters(bus, site, "r-1", "r-2")
            job = await confirmed(bus, stores, site)
            await stores.dead_letter_jobs.stop(job.id, "replay")
            with pytest.raises(JobRefused, match="stopped"):
                await run(stores, job)
            await until_dead(bus, site, 2)

    async def test_what_was_sent_before_a_crash_is_not_sent_again(self, site: Site, operator: Operator):
        async with bus_with(site, MendableHandler()) as bus:
            await make_dead_letters(bus, site, "r-1", "r-2")
        async with bus_with(site, None) as bus, operator.stores() as stores:
            job = await confirmed(bus, stores, site)
            # As a run leaves it that was killed after the copy, and before the letter was taken away.
            [first, _] = await stores.dead_letter_jobs.items(job.id)
            await stores.dead_letter_jobs.mark(job.id, first, also=lambda _connection: None)
            ended = await run(stores, job)
            await until(lambda: _holds(bus, site, QueueDepth(ready=1, waiting=0, dead=0)))
        assert (ended.state, ended.marked) == ("done", 2)

    async def test_a_job_with_dead_letters_that_somebody_took_away_is_not_done(
        self, site: Site, operator: Operator
    ):
        handler = MendableHandler()
        async with bus_with(site, handler) as bus, operator.stores() as stores:
            await make_dead_letters(bus, site, "r-1", "r-2")
            job = await confirmed(bus, stores, site)
            async with bus.dead_letters(site.queue) as letters:
                await (await anext(letters)).remove()
            handler.is_mended = True
            ended = await run(stores, job)
        assert (ended.state, ended.marked, ended.total) == ("paused", 1, 2)

    async def test_two_processes_do_not_run_one_job(self, site: Site, operator: Operator):
        async with bus_with(site, MendableHandler()) as bus, operator.stores() as stores:
            await make_dead_letters(bus, site, "r-1")
            job = await confirmed(bus, stores, site)
            await stores.dead_letter_jobs.start(job.id, "replay", runner="first")
            with pytest.raises(JobRefused, match="another process"):
                await run(stores, job)
            assert not await stores.dead_letter_jobs.hold(job.id, runner="second")
            assert await stores.dead_letter_jobs.hold(job.id, runner="first")


async def _holds(bus: Bus, site: Site, depth: QueueDepth) -> bool:
    return await bus.depth(site.queue) == depth


async def plan(
    bus: Bus,
    stores: Stores,
    site: Site,
    kind: JobKind = "replay",
    *,
    reason: str | None = None,
    limit: int | None = None,
) -> tuple[Job, Sequence[FoundDeadLetter]]:
    queues = Queues(bus, {PIPELINE: site.queue})
    actor = actor_of(stores.settings, "os-user", "Sam Ple")
    return await dead_letter_jobs.plan(stores, queues, kind, reason=reason, limit=limit, actor=actor)


async def confirm(stores: Stores, job: Job) -> Job:
    actor = actor_of(stores.settings, "os-user", "Sam Ple")
    return await dead_letter_jobs.confirm(stores, job.id, job.kind, actor=actor, reason="queue was bound")


async def confirmed(bus: Bus, stores: Stores, site: Site, kind: JobKind = "replay") -> Job:
    job, _ = await plan(bus, stores, site, kind)
    return await confirm(stores, job)


async def run(
    stores: Stores, job: Job, *, progress: Callable[[int], None] = lambda _count: None, rate: float = FAST
) -> Job:
    return await dead_letter_jobs.run(stores, job, rate=rate, progress=progress)
