"""What an operator does, as any face would have it done: functions and their results, and no command line."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from sqlalchemy import text

from bridge.engine.worker import check
from bridge.errors import Misconfigured
from bridge.ledger import FollowUp, Started
from bridge.ledger.errors import NoLedger
from bridge.ledger.keys import open_keys
from bridge.ledger.storage.fingerprints import compare, held_by
from bridge.operations import (
    audit,
    bodies,
    bundles,
    dead_letter_jobs,
    dead_letters,
    in_doubt,
    keys,
    preview,
    requests,
    retention,
    retries,
)
from bridge.operations.doctor import examine
from bridge.operations.errors import OperationRefused
from bridge.operations.reasons import ReasonMissing
from bridge.operations.reconciliation import Missing, reconcile
from bridge.operations.site import Stores, open_queues, open_stores, open_trail
from bridge.operations.site import operator as actor_of
from bridge.sandbox import SandboxOptions, running
from bridge.settings import RetrySettings, Settings
from tests.support.bundles import typical_record
from tests.support.bus_sites import NatsSite, until
from tests.support.operators import (
    PIPELINE,
    MendableHandler,
    Operator,
    bus_with,
    make_dead_letters,
    until_dead,
)
from tests.support.written_requests import PATIENT_KEY, answer, end, opening

NOWHERE = "nats://127.0.0.1:1"
DAY = timedelta(days=1)


@pytest.fixture
async def site(nats_url: str) -> AsyncIterator[NatsSite]:
    async with NatsSite.open(nats_url) as opened:
        yield opened


@pytest.fixture
def operator(site: NatsSite, tmp_path: Path) -> Operator:
    return Operator(tmp_path, site.url, site.prefix)


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    """Of an installation whose bus is away."""
    async with open_stores(Operator(tmp_path, NOWHERE, "no-bus").settings) as opened:
        yield opened


async def noted(stores: Stores) -> list[tuple[str, str | None, str | None]]:
    """Event, name and reason of every entry of the trail."""
    now = datetime.now(UTC)
    entries = stores.trail.export(now - DAY, now + DAY)
    return [
        (one["event"], one.get("user", {}).get("name"), one.get("facts", {}).get("reason"))
        async for one in entries
    ]


@pytest.mark.nats
async def test_dead_letters_are_counted_by_cause_found_and_copied(site: NatsSite, operator: Operator):
    handler = MendableHandler()
    async with bus_with(site, handler) as bus, open_stores(operator.settings) as stores:
        await make_dead_letters(bus, site, "r-1", "r-2")
        handler.reason = "unroutable"
        await make_dead_letters(bus, site, "r-3")
        actor = actor_of(operator.settings, "u-1", "Sam Ple")
        async with open_queues(operator.settings, [PIPELINE]) as queues:
            causes = await dead_letters.by_cause(queues)
            copied = dead_letters.copies(stores, queues, actor=actor, reason="unroutable")
            async with aclosing(copied) as found:
                (unroutable,) = [one async for one in found]
            again = await dead_letters.find(queues, unroutable.dead_letter.id)
            assert await dead_letters.find(queues, "unheard-of") is None
        assert again is not None
        await dead_letters.note_opened(stores, again, actor=actor)
        events = await noted(stores)
        await until_dead(bus, site, 3)
    assert causes.not_looked_at == 0
    assert [(one.pipeline, one.reason, one.detail, one.count) for one in causes.groups] == [
        (PIPELINE, "internal", "as told", 2),
        (PIPELINE, "unroutable", "as told", 1),
    ]
    assert again.facts == unroutable.facts
    assert (again.facts.message_id, again.facts.size) == ("r-3", len(b'{"request": "r-3"}'))
    assert events == [("dead.exported", "Sam Ple", "unroutable"), ("dead.opened", "Sam Ple", None)]


@pytest.mark.nats
async def test_a_job_is_planned_confirmed_and_run(site: NatsSite, operator: Operator):
    handler = MendableHandler()
    async with bus_with(site, handler) as bus, open_stores(operator.settings) as stores:
        await make_dead_letters(bus, site, "r-1", "r-2")
        async with open_queues(operator.settings) as queues:
            planned, found = await dead_letter_jobs.plan(
                stores,
                queues,
                "replay",
                reason="internal",
                limit=None,
                actor=actor_of(operator.settings, "u-1"),
            )
        assert (planned.state, planned.total, planned.planned_by) == ("planned", 2, "u-1")
        assert [one.facts.message_id for one in found] == ["r-1", "r-2"]
        with pytest.raises(dead_letter_jobs.JobRefused, match="planned"):
            await dead_letter_jobs.run(stores, planned, rate=100, progress=lambda _count: None)
        actor = actor_of(operator.settings, "u-2", "Sam Ple")
        job = await dead_letter_jobs.confirm(stores, planned.id, "replay", actor=actor, reason="mended")
        assert (job.state, job.confirmed_by, job.actor) == ("confirmed", "u-2", "Sam Ple")
        await stores.dead_letter_jobs.pause(job.id, "replay")
        handler.is_mended = True
        moved: list[int] = []
        ended = await dead_letter_jobs.run(stores, job, rate=100, progress=moved.append)
        assert (ended.state, ended.marked, moved) == ("done", 2, [1, 1])
        await until(lambda: sorted(handler.ids) == ["r-1", "r-2"])
        planning, confirmation, *letters = await noted(stores)
        assert planning == ("dead.replay.planned", "u-1", None)
        assert confirmation == ("dead.replay.confirmed", "Sam Ple", "mended")
        assert letters == [("dead.replay", "Sam Ple", "mended")] * 2


@pytest.mark.nats
async def test_ledger_and_broker_are_compared(site: NatsSite, operator: Operator):
    async with bus_with(site, MendableHandler("rejected")) as bus, open_stores(operator.settings) as stores:
        await end(stores, opening("r-1"), "completed")
        await end(stores, opening("r-2"), "rejected")
        async with open_queues(operator.settings, [PIPELINE]) as queues:
            short = await reconcile(stores, queues)
            of_a_period = await reconcile(stores, queues, since=datetime.now(UTC) - DAY)
            await make_dead_letters(bus, site, "r-2")
            whole = await reconcile(stores, queues)
    (account,) = short.accounts
    assert (account.pipeline, account.missing) == (PIPELINE, [Missing("dead_letters", 1)])
    assert (short.holds, of_a_period.holds, whole.holds) == (False, True, True)
    (account,) = whole.accounts
    assert (account.balance.completed, account.balance.rejected, account.depth.dead) == (1, 1, 1)
    told = short.as_json()
    assert told["holds"] is False
    [of_pipeline] = told["pipelines"]
    assert of_pipeline["ledger"]["rejected"] == 1
    left = {name: value for name, value in of_pipeline.items() if name != "ledger"}
    assert left == {
        "pipeline": PIPELINE,
        "holds": False,
        "broker": {"ready": 0, "waiting": 0, "dead": 0},
        "discarded": 0,
        "missing": [{"kind": "dead_letters", "count": 1}],
    }


async def test_a_request_in_doubt_is_listed_checked_and_closed(stores: Stores):
    opened = opening("r-1")
    begun = await stores.ledger.begin(opened)
    assert isinstance(begun, Started)
    await stores.ledger.intend(begun.lease, kind="appointment.book", payload=b"{}", settle_key="Slot/1")
    await stores.ledger.finish(
        begun.lease, state="in_doubt", code="provider_timeout", events=[], follow_up=FollowUp(b"{}", None)
    )
    (doubtful,) = await in_doubt.in_doubt(stores)
    assert (doubtful.request_key, doubtful.code, doubtful.wait_until) == (
        opened.request_key,
        "provider_timeout",
        None,
    )
    actor = actor_of(stores.settings, "u-1", "Sam Ple")
    await in_doubt.check(stores, "r-1", actor=actor)
    (doubtful,) = await in_doubt.in_doubt(stores)
    assert doubtful.wait_until is not None
    await in_doubt.close(stores, "r-1", actor=actor, reason="rang the practice")
    with pytest.raises(OperationRefused, match="not in doubt"):
        await in_doubt.close(stores, "r-1", actor=actor, reason="twice")
    with pytest.raises(OperationRefused, match="does not know"):
        await in_doubt.check(stores, "r-2", actor=actor)
    with pytest.raises(OperationRefused, match="not in doubt"):
        await in_doubt.check(stores, "r-1", actor=actor)
    # What was refused is no entry: the entry and what it tells of are one transaction.
    assert await noted(stores) == [
        ("doubt.check_asked", "Sam Ple", None),
        ("doubt.closed", "Sam Ple", "rang the practice"),
    ]


async def test_what_is_noted_first_and_then_fails_is_noted_as_failed(stores: Stores, tmp_path: Path):
    actor = actor_of(stores.settings, "u-1", "Sam Ple")
    await stores.ledger.begin(opening("r-1"))
    with pytest.raises(OperationRefused, match="no event of it is kept"):
        await bodies.opened_events(stores, "r-1", actor=actor, reason="asked by the ward")
    nowhere = RetrySettings(switch_file=tmp_path / "no-such-folder" / "stop")
    broken = replace(stores, settings=stores.settings.model_copy(update={"retry": nowhere}))
    with pytest.raises(OperationRefused, match="cannot be set"):
        await retries.stop(broken, actor=actor, reason="PDS is being mended")
    now = datetime.now(UTC)
    told = [
        (one["event"], one["outcome"], one.get("code"))
        async for one in stores.trail.export(now - DAY, now + DAY)
    ]
    assert told == [
        ("events.opened", "completed", None),
        ("events.opened", "failed", "OperationRefused"),
        ("retries.stopped", "completed", None),
        ("retries.stopped", "failed", "OperationRefused"),
    ]


async def test_one_request_its_record_once_more_and_its_large_event(stores: Stores):
    body = orjson.dumps(typical_record())
    actor = actor_of(stores.settings, "u-1", "Sam Ple")
    await end(stores, opening("r-1"), "completed")
    await end(stores, opening("r-1", source="/lab"), "failed")
    await stores.vault.store_answer(answer("/epr r-1", body))
    large = await stores.vault.check_in(b"{}", "application/json", datetime.now(UTC) + DAY)
    with pytest.raises(OperationRefused, match="/epr r-1; /lab r-1"):
        await requests.history(stores, "r-1")
    known = await requests.history(stores, "/epr r-1")
    record = await requests.remapped(stores, "/epr r-1", actor=actor, reason="mapping was mended")
    assert (known.state, known.patient_key) == ("completed", PATIENT_KEY)
    assert record["source_hash"] == f"sha256:{hashlib.sha256(body).hexdigest()}"
    with pytest.raises(OperationRefused, match="no answer came"):
        await requests.remapped(stores, "/lab r-1", actor=actor, reason="mapping was mended")
    assert await requests.claimed(stores, large.id, actor=actor, reason="consumer is away") == b"{}"
    assert (await noted(stores))[-2:] == [
        ("answer.remapped", "Sam Ple", "mapping was mended"),
        ("claim.opened", "Sam Ple", "consumer is away"),
    ]


async def test_what_is_over_is_deleted_and_counted(stores: Stores):
    long_ago = datetime.now(UTC) - timedelta(days=60)
    await end(stores, opening("r-1"), "completed")
    await stores.vault.store_answer(answer("/epr r-1", b"{}", received_at=long_ago))
    erased = await retention.prune(stores, actor=actor_of(stores.settings, "u-1"))
    assert (erased.answers, erased.claims, erased.requests) == (1, 0, 0)
    (_, (event, name, _)) = await noted(stores)
    assert (event, name) == ("requests.forgotten", "u-1")


async def test_the_trail_is_verified_and_a_broken_one_goes_on(stores: Stores):
    await end(stores, opening("r-1"), "completed")
    actor = actor_of(stores.settings, "u-1", "Sam Ple")
    async with open_trail(stores.settings) as trail:
        verified = await audit.verify(trail)
    assert verified.is_whole
    assert [head.sequence for head in verified.heads] == [1]
    with pytest.raises(OperationRefused, match="nothing to resume"):
        await audit.resume(stores, actor=actor, reason="none")
    await stores.ledger.store.write(
        lambda connection: connection.execute(text("UPDATE audit_heads SET sequence = 7"))
    )
    async with open_trail(stores.settings) as trail:
        broken = await audit.verify(trail)
    found = await audit.resume(stores, actor=actor, reason="a disk was put back")
    assert not broken.is_whole
    assert [str(one) for one in found] == [str(one) for one in broken.findings]
    assert (await noted(stores))[-1][1:] == ("Sam Ple", "a disk was put back")


async def test_a_trail_that_is_not_there_is_not_begun_by_looking_at_it(tmp_path: Path):
    settings = Operator(tmp_path, NOWHERE, "no-bus").settings
    with pytest.raises(NoLedger):
        async with open_trail(settings):
            pass
    with pytest.raises(Misconfigured, match="BRIDGE_PATIENT_KEY"):
        audit.patient_keys(settings)


async def test_a_ledger_gets_other_keys_once_somebody_says_so(stores: Stores):
    held = open_keys(stores.settings)

    async def faults(patient_key: str) -> object:
        return await stores.ledger.store.write(
            lambda connection: compare(connection, held_by(held, patient_key))
        )

    assert await faults("one key") == []
    assert await faults("another") != []
    await keys.adopt(stores, actor=actor_of(stores.settings, "u-1", "Sam Ple"), reason="it was lost")
    assert await faults("another") == []
    assert await noted(stores) == [("keys.adopted", "Sam Ple", "it was lost")]


@pytest.mark.nats
async def test_what_the_doctor_finds_is_data(site: NatsSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with running(SandboxOptions(state_dir=tmp_path / "sandbox")) as sandbox:
        environment = sandbox.environment | {
            "BRIDGE_BUS_URL": site.url,
            "BRIDGE_BUS_PREFIX": site.prefix,
            "BRIDGE_STATE_DIR": str(tmp_path / "state"),
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        settings = Settings.load(check=check)
        healthy = {one.what: one for one in await examine(settings)}
        away = settings.model_copy(update={"bus": settings.bus.model_copy(update={"url": NOWHERE})})
        sick = {one.what: one for one in await examine(away)}
    assert [one for one in healthy.values() if not one.is_good] == []
    assert healthy["bus (nats)"].detail == "connected"
    assert healthy["PDS access token"].detail == "granted"
    assert "none yet" in healthy["ledger and audit trail"].detail
    assert [one.what for one in sick.values() if not one.is_good] == ["bus (nats)"]
    assert "connection_refused" in sick["bus (nats)"].detail


async def test_what_needs_a_reason_is_not_done_for_a_blank_one(stores: Stores):
    actor = actor_of(stores.settings, "u-1", "Sam Ple")
    await end(stores, opening("r-1"), "in_doubt")
    before = await noted(stores)
    for blank in ("", " \t"):
        with pytest.raises(ReasonMissing, match="must say why"):
            await audit.resume(stores, actor=actor, reason=blank)
        with pytest.raises(ReasonMissing):
            await keys.adopt(stores, actor=actor, reason=blank)
        with pytest.raises(ReasonMissing):
            await dead_letter_jobs.confirm(stores, "j-1", "discard", actor=actor, reason=blank)
        with pytest.raises(ReasonMissing):
            await in_doubt.close(stores, "r-1", actor=actor, reason=blank)
    for none in (None, " "):
        with pytest.raises(ReasonMissing):
            audit.inquiry(actor, none)
    assert await noted(stores) == before
    assert [one.request_key for one in await in_doubt.in_doubt(stores)] == [opening("r-1").request_key]


def test_a_bundle_at_hand_is_mapped_and_checked():
    body = orjson.dumps(typical_record())
    record = bundles.mapped(body, asked=bundles.asked_for(None))
    assert record["source_hash"] == f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert bundles.mapped(body, asked=bundles.asked_for(["allergies"]))["areas"] != record["areas"]
    assert bundles.deviations(b'{"resourceType": "Bundle"}') != []
    with pytest.raises(bundles.UnknownArea, match="'x' is none of medications, allergies"):
        bundles.asked_for(["allergies", "x"])
    for wrong in (bundles.deviations, lambda body: bundles.mapped(body, asked=bundles.asked_for(None))):
        with pytest.raises(bundles.NotABundle, match=r"is not a FHIR Bundle \(Patient\)"):
            wrong(b'{"resourceType": "Patient"}')
        with pytest.raises(bundles.NotABundle, match="is not JSON: line 1 column 1"):
            wrong(b"x")


def test_a_page_is_made_of_what_was_read_and_names_no_patient():
    record = bundles.mapped(orjson.dumps(typical_record()), asked=bundles.asked_for(None))
    assert preview.page([("a.json", orjson.dumps(record))]).startswith("<!DOCTYPE html>")
    for body in (None, b"\xff"):
        with pytest.raises(preview.NotShowable, match=r"^b\.json: cannot be read as text$"):
            preview.page([("b.json", body)])
    with pytest.raises(preview.NotShowable, match=r"^file 1: is not JSON"):
        preview.page([("9990000018.json", b"{")])
