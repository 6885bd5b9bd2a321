"""Failed requests are asked again by a job, on a real RabbitMQ and a real NATS: once each, and reads alone."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nats
import orjson
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from bridge.bus.nats.streams import stream_of
from bridge.ledger.keys import add_key
from bridge.ledger.storage.replay_jobs import JobRequest
from bridge.operations import replay_jobs
from bridge.operations.errors import OperationRefused
from bridge.operations.failures import failures
from bridge.operations.lost_messages import give_up_lost
from bridge.operations.replay_jobs import JobRefused, ReplayPlan, Selection
from bridge.operations.site import Actor, Stores, open_queues, open_stores, operator
from bridge.sandbox import BY_NAME, FaultKind, InjectedFault
from tests.integration.pipeline.conftest import Engine, running_engine
from tests.support.bus_sites import until
from tests.support.processes import Ended, bridge, child
from tests.support.requests import cloud_event, record_request

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXAMPLES = Path(__file__).parents[3] / "pipelines" / "examples"
PATIENT = BY_NAME["rich_record"].nhs_number
COMPLETED, FAILED = "record.completed.v1", "request.failed.v1"
NO_USE = InjectedFault(FaultKind.OUTCOME)
"""The practice answers with what is no record: the request fails at once, and nothing is retried."""


@dataclass
class House:
    """A hospital whose practice can be broken and mended, and the stores that an operator opens."""

    engine: Engine
    stores: Stores
    environment: dict[str, str]
    folder: Path

    def break_practice(self, fault: InjectedFault = NO_USE) -> None:
        self.engine.sandbox.fault(PATIENT, fault)

    def mend_practice(self) -> None:
        self.engine.sandbox.clear_faults(PATIENT)

    async def fail(self, *ids: str, **changes: Any) -> None:
        """Ask under these ids while the practice is broken; then it is mended."""
        self.break_practice()
        for each in ids:
            await self.engine.hospital.ask(cloud_event(record_request(PATIENT, **changes), id=each))
        for each in ids:
            [(kind, _)] = await self.engine.hospital.outcome(each)
            assert kind == FAILED
        # The last event is published before that is noted.
        await until(self._nothing_in_hand)
        self.mend_practice()

    async def _nothing_in_hand(self) -> bool:
        found = await self.stores.ledger.oversight.draw_balance()
        return found.in_flight == found.waiting == 0

    async def plan(self, **selected: Any) -> ReplayPlan:
        return await replay_jobs.plan(self.stores, Selection(**selected), actor=self.who)

    @property
    def who(self) -> Actor:
        return operator(self.stores.settings, "os-user", "Sam Ple")

    async def confirm(self, job_id: str) -> None:
        await replay_jobs.confirm(self.stores, job_id, actor=self.who, reason="the practice is back")

    async def confirmed(self, **selected: Any) -> str:
        job_id = (await self.plan(**selected)).job.id
        await self.confirm(job_id)
        return job_id

    async def run(
        self, job_id: str, *, rate: float = 1000, progress: Callable[[int], None] = lambda _count: None
    ) -> replay_jobs.Job:
        return await replay_jobs.run(self.stores, job_id, rate=rate, progress=progress)

    def told(self, correlation_id: str, kind: str = COMPLETED) -> list[dict[str, Any]]:
        """The events of one kind, repeats left out as a consumer does."""
        events = self.engine.hospital.events(correlation_id)
        return list({event["id"]: event for each, event in events if each == kind}.values())

    async def until_told(self, *correlation_ids: str, kind: str = COMPLETED) -> None:
        await until(lambda: all(self.told(each, kind) for each in correlation_ids))

    def calls(self) -> int:
        """How often the practice was asked for a record."""
        return sum(call.upstream == "practice" for call in self.engine.sandbox.calls)

    async def kept(self) -> int:
        """Of how many requests it is kept what they asked."""
        count = text("SELECT count(*) FROM messages")
        return await self.stores.ledger.store.read(lambda to: to.scalar(count)) or 0

    async def command(self, *arguments: str) -> Ended:
        return await asyncio.to_thread(
            bridge, *arguments, directory=self.folder, environment=self.environment
        )


@asynccontextmanager
async def house_of(
    sandbox: Any, bus_url: str, folder: Path, *pipelines: str, **settings: str
) -> AsyncIterator[House]:
    changed = {"BRIDGE_RETRY_ATTEMPTS": "0", "BRIDGE_LEDGER_LEASE_SECONDS": "1"} | settings
    async with (
        running_engine(sandbox, bus_url, folder, pipelines or ("structured_record",), changed) as engine,
        open_stores(engine.settings) as stores,
    ):
        at = {
            "BRIDGE_BUS_URL": bus_url,
            "BRIDGE_BUS_PREFIX": engine.settings.bus.prefix,
            "BRIDGE_STATE_DIR": str(folder),
            "COLUMNS": "200",
        }
        yield House(engine, stores, sandbox.environment | changed | at, folder)
        sandbox.clear_faults(PATIENT)


@pytest_asyncio.fixture(loop_scope="module")
async def house(sandbox, bus_url, tmp_path) -> AsyncIterator[House]:
    async with house_of(sandbox, bus_url, tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def on_nats(sandbox, nats_url, tmp_path) -> AsyncIterator[House]:
    """What no broker has a part in."""
    async with house_of(sandbox, nats_url, tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def on_rabbit(sandbox, rabbit_url, tmp_path) -> AsyncIterator[House]:
    """The same."""
    async with house_of(sandbox, rabbit_url, tmp_path) as opened:
        yield opened


async def test_each_is_asked_again_once_under_an_id_that_the_epr_can_tell(house):
    await house.fail("r-1", "r-2")
    planned = await house.plan()
    assert (planned.job.state, planned.job.total) == ("planned", 2)
    with pytest.raises(JobRefused, match="planned, not confirmed"):
        await house.run(planned.job.id)
    await house.confirm(planned.job.id)
    ended = await house.run(planned.job.id)
    assert (ended.state, ended.marked) == ("done", 2)
    await house.until_told("r-1", "r-2")
    for first in ("r-1", "r-2"):
        [completed] = house.told(first)
        assert (completed["replayof"], completed["correlationid"]) == (first, first)
        assert completed["causationid"] != first
        events = house.engine.hospital.events(first)
        assert {event.get("replayof") for kind, event in events if kind != FAILED} == {first}
        [failed] = house.told(first, FAILED)
        assert "replayof" not in failed
    assert planned.is_of_all_time
    now, day = datetime.now(UTC), timedelta(days=1)
    [noted] = [
        one
        async for one in house.stores.trail.export(now - day, now + day)
        if one["event"] == "replay.planned"
    ]
    assert noted["user"]["user_id"] == "os-user"
    assert noted["facts"] == {"job": planned.job.id, "total": "2"}
    progress = await replay_jobs.show(house.stores, planned.job.id)
    # What was asked is kept of the two that failed, and of nothing that completed.
    assert await house.kept() == 2
    await until(lambda: _ends(house, planned.job.id, completed=2))
    assert progress.job.state == "done"
    with pytest.raises(JobRefused, match="2 asked again already, and completed"):
        await house.plan()


async def _ends(house: House, job_id: str, **expected: int) -> bool:
    return dict((await replay_jobs.show(house.stores, job_id)).ends) == expected


@pytest.mark.nats
async def test_three_commands_from_a_failure_to_its_record(on_nats):
    await on_nats.fail("r-1")
    [found] = await failures(on_nats.stores)
    assert found.cause.code == "response_invalid"
    planned = await on_nats.command("replay", "plan", "--group", found.id, "--json")
    assert planned.code == 0, planned.errors
    told = orjson.loads(planned.printed)
    assert (told["total"], told["left_out"], told["sample"][0]["request_key"]) == (1, {}, "/epr/test r-1")
    assert PATIENT not in planned.text
    reason = ("--reason", "the practice is back", "--actor", "Sam Ple")
    confirmed = await on_nats.command("replay", "confirm", told["id"], *reason)
    assert f"Next: bridge replay run {told['id']}" in confirmed.text, confirmed.errors
    ran = await on_nats.command("replay", "run", told["id"])
    assert "done, 1 of 1" in ran.text, ran.errors
    await on_nats.until_told("r-1")
    await until(lambda: _ends(on_nats, told["id"], completed=1))
    shown = await on_nats.command("replay", "show", told["id"])
    assert "completed" in shown.text
    [listed] = orjson.loads((await on_nats.command("replay", "list", "--json")).printed)
    assert (listed["actor"], listed["reason"], listed["state"]) == ("Sam Ple", "the practice is back", "done")


@pytest.mark.nats
async def test_who_why_and_which_job_is_on_record(on_nats):
    await on_nats.fail("r-1")
    job_id = await on_nats.confirmed()
    await on_nats.run(job_id)
    assert await on_nats.stores.trail.verify() == []
    now, day = datetime.now(UTC), timedelta(days=1)
    entries = [one async for one in on_nats.stores.trail.export(now - day, now + day)]
    planning, confirmation, asked = [one for one in entries if one["event"].startswith("replay.")]
    assert (planning["event"], planning["facts"]["total"]) == ("replay.planned", "1")
    assert (confirmation["event"], asked["event"]) == ("replay.confirmed", "replay.asked")
    assert (asked["user_id"], asked["user"]["name"]) == ("os-user", "Sam Ple")
    assert (asked["request_key"], asked["correlation_id"]) == ("/epr/test r-1", "r-1")
    assert asked["code"] == "response_invalid"
    assert asked["facts"]["job"] == confirmation["facts"]["job"] == job_id
    assert asked["facts"]["reason"] == "the practice is back"
    [replay] = await on_nats.stores.replay_jobs.items(job_id)
    assert replay == "/epr/test r-1"


@pytest.mark.nats
async def test_a_plan_says_why_they_failed_and_what_is_left_out(on_nats):
    soon = (datetime.now(UTC) + timedelta(seconds=1.5)).isoformat()
    await on_nats.fail("r-1", "r-2", "r-3")
    await on_nats.fail("gone", expires_at=soon)
    await asyncio.sleep(1.5)
    other = await on_nats.confirmed(requests=["r-3"])
    planned = await on_nats.plan(limit=1)
    assert planned.left_out == {"expired": 1, "in_another_job": 1}
    [cause] = planned.causes
    assert (cause.cause.pipeline, cause.cause.code, cause.count) == (
        "structured_record",
        "response_invalid",
        1,
    )
    assert (await on_nats.plan(group=cause.group)).left_out == planned.left_out
    with pytest.raises(OperationRefused, match="no request is in a group of this id"):
        await on_nats.plan(group="0" * 12)
    assert [one.request_key for one in planned.sample] == ["/epr/test r-1"]
    who = operator(on_nats.stores.settings, "os-user")
    await replay_jobs.end(on_nats.stores, other, how="stop", actor=who)
    assert (await on_nats.plan()).job.total == 3
    with pytest.raises(JobRefused, match="no failed request can be asked again"):
        await on_nats.plan(code="provider_timeout")
    with pytest.raises(JobRefused):
        await on_nats.plan(practice_ods="A99003")
    with pytest.raises(JobRefused):
        await on_nats.plan(took_s=300)
    assert (await on_nats.plan(practice_ods=BY_NAME["rich_record"].practice.ods)).job.total == 3
    with pytest.raises(JobRefused):
        await on_nats.plan(until=datetime.now(UTC) - timedelta(hours=1))


@pytest.mark.nats
async def test_an_expired_request_is_asked_again_when_that_is_asked_for_with_an_expiry_of_its_own(on_nats):
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat(timespec="milliseconds")
    await on_nats.fail("r-1", expires_at=soon)
    await asyncio.sleep(1)
    with pytest.raises(JobRefused, match="1 the answer is of no use any more"):
        await on_nats.plan()
    job_id = await on_nats.confirmed(include_expired=True)
    before = datetime.now(UTC)
    await on_nats.run(job_id)
    await on_nats.until_told("r-1")
    [one] = (await on_nats.stores.replay_jobs.items(job_id)).values()
    assert one.expires_at is not None
    assert before + timedelta(minutes=5) <= one.expires_at <= datetime.now(UTC) + timedelta(minutes=5)
    history = await on_nats.stores.ledger.oversight.request_history(one.replay_key)
    assert history is not None
    assert history.expires_at is not None
    assert abs(history.expires_at - one.expires_at) < timedelta(milliseconds=1)


@pytest.mark.nats
async def test_what_expires_after_the_plan_is_left_out_and_that_is_on_record(on_nats):
    soon = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    await on_nats.fail("r-1", expires_at=soon)
    job_id = await on_nats.confirmed()
    await asyncio.sleep(3)
    ended = await on_nats.run(job_id)
    assert (ended.state, ended.marked) == ("done", 1)
    assert await _ends(on_nats, job_id, expired=1)
    assert on_nats.told("r-1") == []


@pytest.mark.nats
async def test_a_replay_that_fails_is_asked_again_for_the_first_request(on_nats):
    await on_nats.fail("r-1")
    on_nats.break_practice()
    await on_nats.run(await on_nats.confirmed())
    await until(lambda: len(on_nats.told("r-1", FAILED)) == 2)
    await until(on_nats._nothing_in_hand)
    on_nats.mend_practice()
    planned = await on_nats.plan()
    assert (planned.job.total, planned.left_out) == (1, {"superseded": 1})
    await on_nats.confirm(planned.job.id)
    await on_nats.run(planned.job.id)
    await on_nats.until_told("r-1")
    assert [event["replayof"] for event in on_nats.told("r-1")] == ["r-1"]


@pytest.mark.nats
async def test_a_booking_is_never_asked_again(sandbox, nats_url, tmp_path):
    async with house_of(sandbox, nats_url, tmp_path, "appointments", "structured_record") as house:
        request = orjson.loads((EXAMPLES / "appointment.requested.json").read_bytes())
        house.engine.sandbox.fault("*", InjectedFault(FaultKind.STATUS, at="pds", status=503))
        try:
            await house.engine.hospital.ask(request, key="appointment.requested.v1")
            [(kind, _)] = await house.engine.hospital.outcome(request["id"])
        finally:
            house.engine.sandbox.clear_faults("*")
        assert kind == FAILED
        await until(house._nothing_in_hand)
        for selected in ({}, {"requests": [request["id"]]}, {"include_expired": True}):
            with pytest.raises(JobRefused, match="1 a booking or another change, which is never asked again"):
                await house.plan(**selected)
        assert await house.kept() == 0


@pytest.mark.nats
async def test_where_nothing_is_kept_the_plan_says_so(sandbox, nats_url, tmp_path):
    setting = {"BRIDGE_LEDGER_KEEP_FAILED_MESSAGES_DAYS": "0"}
    async with house_of(sandbox, nats_url, tmp_path, **setting) as house:
        await house.fail("r-1")
        with pytest.raises(JobRefused, match=f"not kept.*{next(iter(setting))} is 0"):
            await house.plan()


@pytest.mark.nats
async def test_the_kill_switch_for_retries_does_not_hold_it_back(on_nats):
    await on_nats.fail("r-1")
    job_id = await on_nats.confirmed()
    (on_nats.folder / "stop-retries").touch()
    await on_nats.run(job_id)
    await on_nats.until_told("r-1")


@pytest.mark.nats
async def test_a_key_that_was_rotated_opens_what_it_sealed_and_one_that_is_gone_costs_its_own(on_nats):
    await on_nats.fail("r-1", "r-2")
    first, second = [await on_nats.confirmed(requests=[each]) for each in ("r-1", "r-2")]
    ring = on_nats.folder / "vault.keys"
    add_key(ring)
    async with open_stores(on_nats.stores.settings) as stores:
        await replay_jobs.run(stores, first, rate=1000, progress=lambda _count: None)
    await on_nats.until_told("r-1")
    ring.write_text("".join(ring.read_text().splitlines(keepends=True)[:1]))
    async with open_stores(on_nats.stores.settings) as stores:
        await replay_jobs.run(stores, second, rate=1000, progress=lambda _count: None)
    assert await _ends(on_nats, second, key_unknown=1)


@pytest.mark.nats
async def test_a_pause_of_another_process_is_heard_and_a_later_run_goes_on(on_nats):
    names = [f"r-{number}" for number in range(4)]
    await on_nats.fail(*names)
    job_id = await on_nats.confirmed()
    running = asyncio.create_task(on_nats.command("replay", "run", job_id, "--rate", "1"))
    await until(lambda: any(on_nats.told(each) for each in names))
    assert (await on_nats.command("replay", "pause", job_id)).code == 0
    paused = await running
    assert paused.code == 1
    assert "`run` goes on" in paused.text
    assert (await on_nats.run(job_id)).state == "done"
    await on_nats.until_told(*names)
    now, day = datetime.now(UTC), timedelta(days=1)
    noted = [one["event"] async for one in on_nats.stores.trail.export(now - day, now + day)]
    assert noted.count("replay.paused") == 1


@pytest.mark.nats
async def test_what_was_purged_is_given_up_by_an_operator_and_not_while_a_queue_holds_anything(
    on_nats, nats_url
):
    stores = on_nats.stores
    # Of a pipeline that no worker here takes from; sent as a run does.
    item = JobRequest("/epr d-1", "documents", "provider_timeout", "c-1", "/epr d-2")
    job = await stores.replay_jobs.plan("replay", [item], by="u", also=lambda _job: lambda _to: None)
    await on_nats.confirm(job.id)
    await stores.replay_jobs.start(job.id, "replay", runner="a")
    async with open_queues(stores.settings, ["documents"]) as queues:
        await queues.bus.send("document.requested.v1", b"{}", id="d-2", content_type="application/json")
        await stores.replay_jobs.mark(job.id, "/epr d-1", also=lambda _to: None, left_out=None)
        await stores.replay_jobs.release(job.id, runner="a", complete=True)
        given = {"actor": on_nats.who, "reason": "purged by hand"}
        with pytest.raises(JobRefused, match="1 messages of documents wait"):
            await give_up_lost(stores, queues, job.id, **given)
        client = await nats.connect(nats_url)
        await client.jetstream().purge_stream(stream_of(queues.by_pipeline["documents"].name))
        await client.close()
        assert await _ends(on_nats, job.id, not_arrived=1)
        await until(lambda: _is_given_up(stores, queues, job.id, given))
    assert await _ends(on_nats, job.id, lost=1)
    assert await stores.replay_jobs.standing(["/epr d-1"]) == {}
    now, day = datetime.now(UTC), timedelta(days=1)
    [noted] = [
        one async for one in stores.trail.export(now - day, now + day) if one["event"] == "replay.lost"
    ]
    assert (noted["user"]["name"], noted["facts"]["reason"], noted["facts"]["total"]) == (
        "Sam Ple",
        "purged by hand",
        "1",
    )
    again = await on_nats.command("replay", "lost", job.id, "--reason", "once more")
    assert (again.code, "nothing that it has sent is lost" in again.errors) == (1, True)


async def _is_given_up(stores, queues, job_id, given) -> bool:
    """Once it is longer ago than a lease lasts."""
    try:
        return await give_up_lost(stores, queues, job_id, **given) == 1
    except JobRefused:
        await asyncio.sleep(0.2)
        return False


CUTS = {
    "marked": "BEFORE UPDATE OF marked_at ON replay_job_requests",
    "in the trail": "BEFORE INSERT ON audit_entries WHEN NEW.event = 'replay.asked'",
    "given an expiry": "BEFORE UPDATE OF expires_at ON replay_job_requests",
    "released": "BEFORE UPDATE OF ended_at ON replay_jobs",
}


@pytest.mark.nats
@pytest.mark.parametrize("before", CUTS)
async def test_a_run_that_is_cut_off_between_two_steps_goes_on(on_nats, before):
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    await on_nats.fail("r-1", expires_at=soon)
    await asyncio.sleep(1)
    job_id = await on_nats.confirmed(include_expired=True)
    calls = on_nats.calls()
    trap = f"CREATE TRIGGER trap {CUTS[before]} BEGIN SELECT RAISE(ABORT, 'cut'); END"
    store = on_nats.stores.ledger.store
    await store.write(lambda to: to.execute(text(trap)))
    with pytest.raises((IntegrityError, sqlite3.IntegrityError)):
        await on_nats.run(job_id)
    if before in ("marked", "in the trail"):
        await on_nats.until_told("r-1")
        await until(on_nats._nothing_in_hand)
    await store.write(lambda to: to.execute(text("DROP TRIGGER trap")))
    # As after a kill, when the lease is over.
    freed = "UPDATE replay_jobs SET lease_until = NULL"
    await store.write(lambda to: to.execute(text(freed)))
    assert (await on_nats.run(job_id)).state == "done"
    await on_nats.until_told("r-1")
    await until(lambda: _ends(on_nats, job_id, completed=1))
    assert on_nats.calls() - calls == 1
    now, day = datetime.now(UTC), timedelta(days=1)
    noted = [one["event"] async for one in on_nats.stores.trail.export(now - day, now + day)]
    assert noted.count("replay.asked") == 1


async def _has_marked(house: House, job_id: str) -> bool:
    return (await replay_jobs.show(house.stores, job_id)).job.marked > 0


@pytest.mark.rabbit
async def test_a_run_that_is_killed_loses_nothing_and_asks_nothing_twice(on_rabbit):
    names = [f"r-{number}" for number in range(6)]
    await on_rabbit.fail(*names)
    job_id = await on_rabbit.confirmed()
    before = on_rabbit.calls()
    # Long enough a pause after the first that no machine is too slow to kill it before the last.
    arguments = ["replay", "run", job_id, "--rate", "0.01"]
    with child(
        "bridge", arguments, environment=on_rabbit.environment, output=on_rabbit.folder / "run.log"
    ) as running:
        await until(lambda: _has_marked(on_rabbit, job_id))
        running.kill()
    job = (await replay_jobs.show(on_rabbit.stores, job_id)).job
    assert job.left == 5
    assert job.lease_until is not None
    await asyncio.sleep(max(0.0, job.lease_until.timestamp() - time.time()))
    assert (await on_rabbit.run(job_id)).state == "done"
    await on_rabbit.until_told(*names)
    assert [len(on_rabbit.told(each)) for each in names] == [1] * 6
    assert on_rabbit.calls() - before == 6
