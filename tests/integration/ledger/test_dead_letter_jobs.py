"""Jobs over dead letters as the ledger keeps them; what they do on a broker is in tests/integration/operations."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from bridge.ledger.storage.dead_letter_jobs import DeadLetterJobs, JobDeadLetter
from bridge.ledger.storage.jobs import Job, JobRefused
from bridge.ledger.storage.store import Store
from tests.integration.ledger.site import Clock

LEASE = timedelta(seconds=60)


@pytest.fixture
def jobs(store: Store, clock: Clock) -> DeadLetterJobs:
    return DeadLetterJobs(store, lease=LEASE, clock=clock)


def dead_letter(number: int) -> JobDeadLetter:
    return JobDeadLetter(f"l-{number}", "structured_record", "internal", f"r-{number}", None)


def nothing(_connection: object) -> None:
    """No entry in the audit trail."""


def not_noted(_job: Job) -> Callable[[object], None]:
    """The same, of a plan."""
    return nothing


async def planned(jobs: DeadLetterJobs, *numbers: int) -> Job:
    return await jobs.plan(
        "replay", [dead_letter(number) for number in numbers], by="os-user", also=not_noted
    )


async def confirm(jobs: DeadLetterJobs, job: Job) -> Job:
    return await jobs.confirm(job.id, "replay", by="os-user", actor="Sam Ple", reason="mended", also=nothing)


async def test_a_job_from_its_plan_to_its_end(jobs: DeadLetterJobs):
    job = await planned(jobs, 1, 2, 2)
    assert (job.state, job.total, job.planned_by) == ("planned", 2, "os-user")
    assert (await confirm(jobs, job)).state == "confirmed"
    assert (await jobs.start(job.id, "replay", runner="a")).state == "running"
    for number in (1, 2):
        await jobs.mark(job.id, f"l-{number}", also=nothing)
    ended = await jobs.release(job.id, runner="a", complete=True)
    assert (ended.state, ended.marked, ended.lease_until) == ("done", 2, None)
    assert ended.ended_at is not None
    assert list(await jobs.items(job.id)) == ["l-1", "l-2"]


async def test_a_run_that_did_not_look_everywhere_is_not_done(jobs: DeadLetterJobs):
    job = await confirm(jobs, await planned(jobs, 1))
    await jobs.start(job.id, "replay", runner="a")
    await jobs.mark(job.id, "l-1", also=nothing)
    assert (await jobs.release(job.id, runner="a", complete=False)).state == "paused"


async def test_the_lease_of_a_dead_process_runs_out(jobs: DeadLetterJobs, clock: Clock):
    job = await confirm(jobs, await planned(jobs, 1))
    await jobs.start(job.id, "replay", runner="a")
    clock.turn(59)
    with pytest.raises(JobRefused, match="another process"):
        await jobs.start(job.id, "replay", runner="b")
    clock.turn(1)
    await jobs.start(job.id, "replay", runner="b")
    assert not await jobs.hold(job.id, runner="a")
    assert await jobs.hold(job.id, runner="b")


async def test_the_entry_of_a_dead_letter_is_made_once(jobs: DeadLetterJobs):
    job = await confirm(jobs, await planned(jobs, 1))
    made: list[object] = []
    for _ in range(2):
        await jobs.mark(job.id, "l-1", also=made.append)
    assert len(made) == 1


async def test_of_plans_that_share_a_dead_letter_one_is_confirmed(jobs: DeadLetterJobs):
    plans = [await planned(jobs, number, 7) for number in range(5)]
    results = await asyncio.gather(*(confirm(jobs, plan) for plan in plans), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Job"] + ["JobRefused"] * 4


async def test_what_does_not_exist_is_refused(jobs: DeadLetterJobs):
    for refused in (jobs.job("x", "replay"), jobs.start("x", "replay", runner="a"), jobs.stop("x", "replay")):
        with pytest.raises(JobRefused, match="no such job"):
            await refused
    with pytest.raises(JobRefused, match="no such dead letter"):
        await jobs.plan("replay", [], by="os-user", also=not_noted)
