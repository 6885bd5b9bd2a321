"""Jobs over failed requests as the ledger keeps them; what they do on a bus is in tests/integration/pipeline."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from bridge.ledger import EndState, FollowUp, Ledger, request_key
from bridge.ledger.oversight import Oversight
from bridge.ledger.storage.jobs import Job, JobRefused
from bridge.ledger.storage.replay_jobs import JobRequest, Ready, ReplayJobs, WantedRequests
from bridge.settings import Settings
from tests.integration.ledger.site import START, Clock, events, opening, sealer_in, started

LEASE = timedelta(seconds=60)
MESSAGE = b"what was asked"
FIRST = opening(1).request_key


@pytest.fixture
def replays(ledger: Ledger, settings: Settings, clock: Clock) -> ReplayJobs:
    return ReplayJobs(ledger.store, sealer_in(settings.state_dir), lease=LEASE, clock=clock)


async def end(ledger: Ledger, key: str = FIRST, state: EndState = "failed", **opened: Any) -> None:
    facts = {"request_key": key, "operation": "record.requested.v1"} | opened
    claim = started(await ledger.begin(opening(**facts)))
    code = None if state == "completed" else "provider_timeout"
    kept = FollowUp(MESSAGE) if state == "failed" else None
    await ledger.finish(claim.lease, state=state, code=code, events=[], follow_up=kept)


def item(job_id: str, key: str = FIRST, **other: Any) -> JobRequest:
    replay_key = request_key("/epr", f"{key.rsplit(maxsplit=1)[-1]}-{job_id}")
    return JobRequest(key, "structured_record", "provider_timeout", "c-1", replay_key, **other)


def nothing(_connection: object) -> None:
    """No entry in the audit trail."""


def not_noted(_about: object) -> Callable[[object], None]:
    """The same, of a plan and of what is given up."""
    return nothing


async def planned(replays: ReplayJobs, job_id: str, *items: JobRequest) -> Job:
    return await replays.plan("replay", items or [item(job_id)], by="os-user", also=not_noted, job_id=job_id)


async def confirm(replays: ReplayJobs, job: Job) -> Job:
    return await replays.confirm(job.id, "replay", by="u", actor="Sam Ple", reason="mended", also=nothing)


async def sent(replays: ReplayJobs, job_id: str) -> JobRequest:
    """A job that has asked again and ended."""
    job = await confirm(replays, await planned(replays, job_id))
    await replays.start(job.id, "replay", runner="a")
    await replays.mark(job.id, FIRST, also=nothing, left_out=None)
    await replays.release(job.id, runner="a", complete=True)
    [one] = (await replays.items(job.id)).values()
    return one


async def test_what_failed_is_found_with_what_was_asked(ledger: Ledger, replays: ReplayJobs):
    await end(ledger)
    await end(ledger, "/epr r-2", "completed")
    [found] = await replays.find(WantedRequests())
    assert (found.request_key, found.first_key, found.code) == (FIRST, FIRST, "provider_timeout")
    assert (found.operation, found.has_message) == ("record.requested.v1", True)
    assert await replays.find(WantedRequests(code="pds_unavailable")) == []
    assert await replays.find(WantedRequests(pipelines=["documents"])) == []
    assert await replays.find(WantedRequests(since=START + timedelta(seconds=1))) == []
    named = await replays.find(WantedRequests(request_keys=[FIRST, "/epr r-2"]))
    assert [one.state for one in named] == ["failed", "completed"]


async def test_what_a_worker_kept_is_given_out_sealed_by_the_key_of_its_time(
    ledger: Ledger, replays: ReplayJobs
):
    await end(ledger)
    await planned(replays, "j1")
    assert await replays.take("j1", item("j1")) == Ready(MESSAGE, None)
    sealed = await ledger.store.read(lambda to: to.scalar(text("SELECT sealed FROM messages")))
    assert MESSAGE not in bytes(sealed)


async def test_of_a_family_one_at_a_time_is_under_way(ledger: Ledger, replays: ReplayJobs, clock: Clock):
    await end(ledger)
    assert await replays.standing([FIRST]) == {}
    one = await sent(replays, "j1")
    assert await replays.standing([FIRST]) == {FIRST: "under_way"}
    await planned(replays, "j2")
    assert await replays.take("j2", item("j2")) == "under_way"
    claim = started(await ledger.begin(opening(request_key=one.replay_key)))
    assert await replays.standing([FIRST]) == {FIRST: "under_way"}
    await ledger.finish(
        claim.lease, state="failed", code="provider_error", events=[], follow_up=FollowUp(b"newer")
    )
    assert await replays.standing([FIRST]) == {}
    assert [found.first_key for found in await replays.find(WantedRequests())] == [FIRST, FIRST]
    assert await replays.take("j2", item("j2")) == Ready(b"newer", None)
    await end(ledger, (await sent(replays, "j3")).replay_key, "completed")
    assert await replays.standing([FIRST]) == {FIRST: "answered"}
    assert await replays.take("j2", item("j2")) == "answered"


async def test_what_was_sent_and_is_lost_is_under_way_until_it_is_given_up(
    ledger: Ledger, replays: ReplayJobs, clock: Clock
):
    await end(ledger)
    one = await sent(replays, "j1")
    assert await replays.give_up_lost("j1", also=not_noted) == 0  # it may be on its way
    clock.turn(61)
    assert await replays.standing([FIRST]) == {FIRST: "under_way"}
    assert await replays.give_up_lost("j1", also=not_noted) == 1
    assert dict(await replays.ends("j1")) == {"lost": 1}
    assert await replays.standing([FIRST]) == {}
    await planned(replays, "j2")
    assert await replays.take("j2", item("j2")) == Ready(MESSAGE, None)
    # It turns up after all.
    await end(ledger, one.replay_key, "completed")
    assert dict(await replays.ends("j1")) == {"completed": 1}
    assert await replays.standing([FIRST]) == {FIRST: "answered"}


async def test_what_a_worker_has_in_hand_or_has_ended_is_not_lost(
    ledger: Ledger, replays: ReplayJobs, clock: Clock
):
    await end(ledger)
    one = await sent(replays, "j1")
    clock.turn(61)
    claim = started(await ledger.begin(opening(request_key=one.replay_key)))
    assert await replays.give_up_lost("j1", also=not_noted) == 0
    await ledger.wait(claim.lease, until=clock() + timedelta(seconds=300), reason="provider_timeout")
    assert await replays.give_up_lost("j1", also=not_noted) == 0
    clock.turn(300 + 61)  # the message that was to come back did not
    assert await replays.give_up_lost("j1", also=not_noted) == 1
    assert await replays.standing([FIRST]) == {}


async def test_what_a_stopped_job_sent_and_never_noted_is_under_way_too(ledger: Ledger, replays: ReplayJobs):
    await end(ledger)
    job = await confirm(replays, await planned(replays, "j1"))
    await replays.start(job.id, "replay", runner="killed")
    started(await ledger.begin(opening(request_key=item("j1").replay_key)))
    assert await replays.take("j1", item("j1")) is None
    await replays.stop(job.id, "replay")
    assert await replays.standing([FIRST]) == {FIRST: "under_way"}


async def test_a_request_is_in_one_confirmed_job_only(ledger: Ledger, replays: ReplayJobs):
    await end(ledger)
    jobs = [await planned(replays, f"j{number}") for number in range(4)]
    results = await asyncio.gather(*(confirm(replays, job) for job in jobs), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Job"] + ["JobRefused"] * 3
    assert await replays.standing([FIRST]) == {FIRST: "in_another_job"}
    with pytest.raises(JobRefused, match="no failed request that can be asked again"):
        await planned(replays, "j9")


async def test_a_new_expiry_is_written_down_before_it_is_sent(
    ledger: Ledger, replays: ReplayJobs, clock: Clock
):
    await end(ledger, expires_at=START + timedelta(minutes=20))
    for job_id, life in (("with", 1200.0), ("without", None)):
        await planned(replays, job_id, item(job_id, life_s=life))
    clock.turn(1199)
    assert await replays.take("with", item("with", life_s=1200.0)) == Ready(MESSAGE, None)
    clock.turn(1)
    assert await replays.take("without", item("without")) == "expired"
    first = await replays.take("with", item("with", life_s=1200.0))
    assert first == Ready(MESSAGE, clock() + timedelta(minutes=20))
    clock.turn(7200)
    # As a run sees it that goes on where one was killed: the very same message, which the ledger joins.
    assert await replays.take("with", item("with", life_s=1200.0)) == first


async def test_a_short_life_is_five_minutes(ledger: Ledger, replays: ReplayJobs, clock: Clock):
    await end(ledger, expires_at=START + timedelta(seconds=2))
    await planned(replays, "j1", item("j1", life_s=2.0))
    clock.turn(60)
    assert await replays.take("j1", item("j1", life_s=2.0)) == Ready(MESSAGE, clock() + timedelta(minutes=5))


async def test_how_the_requests_of_a_job_ended_is_counted(ledger: Ledger, replays: ReplayJobs):
    keys = [opening(number).request_key for number in range(1, 5)]
    for key in keys:
        await end(ledger, key)
    await planned(replays, "j1", *(item("j1", key) for key in keys))
    await replays.mark("j1", keys[0], also=nothing, left_out="expired")
    for key in keys[1:3]:
        await replays.mark("j1", key, also=nothing, left_out=None)
    await end(ledger, item("j1", keys[1]).replay_key, "completed")
    assert await replays.ends("j1") == {"expired": 1, "completed": 1, "not_arrived": 1, "to_do": 1}


async def test_what_was_asked_goes_before_the_rest_where_a_site_wants_that(
    ledger: Ledger, replays: ReplayJobs, settings: Settings, clock: Clock
):
    await end(ledger)
    claim = started(await ledger.begin(opening(2)))
    doubt = FollowUp(MESSAGE)
    await ledger.finish(claim.lease, state="in_doubt", code=None, events=events(2), follow_up=doubt)
    shorter = settings.ledger.model_copy(update={"keep_failed_messages_days": 3})
    oversight = Oversight(ledger.store, shorter, clock)
    assert (await oversight.prune(START + timedelta(days=2))).messages == 0
    pruned = await oversight.prune(START + timedelta(days=4))
    assert (pruned.messages, pruned.bodies, pruned.requests) == (1, 0, 0)
    [found] = await replays.find(WantedRequests())
    assert not found.has_message
    await planned(replays, "j1")
    assert await replays.take("j1", item("j1")) == "message_not_kept"
    left = "SELECT count(*) FROM messages"
    assert await ledger.store.read(lambda to: to.scalar(text(left))) == 1
