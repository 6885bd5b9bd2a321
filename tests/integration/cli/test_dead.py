"""``bridge dead``: real commands, a real broker, a real ledger."""

import asyncio
import json
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.operations.job_conformance import confirmed
from tests.support.bus_sites import NatsSite, RabbitSite, until
from tests.support.operators import MendableHandler, Operator, bus_with, make_dead_letters, until_dead
from tests.support.processes import child


@pytest.fixture
async def rabbit(rabbit_url: str) -> AsyncIterator[RabbitSite]:
    async with RabbitSite.open(rabbit_url) as site:
        yield site


@pytest.fixture
async def nats(nats_url: str) -> AsyncIterator[NatsSite]:
    async with NatsSite.open(nats_url) as site:
        yield site


def operator_of(site: RabbitSite | NatsSite, folder: Path) -> Operator:
    return Operator(folder, site.url, site.prefix)


@pytest.mark.rabbit
async def test_the_story_of_a_replay(rabbit: RabbitSite, tmp_path: Path):
    operator, handler = operator_of(rabbit, tmp_path), MendableHandler()
    async with bus_with(rabbit, handler) as bus:
        await make_dead_letters(bus, rabbit, "r-1", "r-2")
        handler.reason = "unroutable"
        await make_dead_letters(bus, rabbit, "r-3")

        listed = await operator.json("dead", "list", "--json")
        causes = [
            (group["pipeline"], group["reason"], group["detail"], group["count"])
            for group in listed["groups"]
        ]
        assert causes == [
            ("structured_record", "internal", "as told", 2),
            ("structured_record", "unroutable", "as told", 1),
        ]
        assert all(group["oldest"] <= group["newest"] for group in listed["groups"])

        planned = await operator.json("dead", "replay", "plan", "--reason", "internal", "--json")
        assert (planned["state"], planned["total"], planned["marked"]) == ("planned", 2, 0)
        assert {one["message_id"] for one in planned["sample"]} == {"r-1", "r-2"}
        job = planned["id"]

        confirmed = await operator.run(
            "dead", "replay", "confirm", job, "--actor", "Sam Ple", "--reason", "bug 7 is mended"
        )
        assert confirmed.code == 0, confirmed.errors

        handler.is_mended = True
        ran = await operator.run("dead", "replay", "run", job, "--rate", "100")
        assert ran.code == 0, ran.errors
        assert "done, 2 of 2" in ran.text
        await until(lambda: sorted(handler.ids) == ["r-1", "r-2"])
        await until_dead(bus, rabbit, 1)

        [known] = await operator.json("dead", "replay", "jobs", "--json")
    assert (known["id"], known["state"]) == (job, "done")
    assert (known["actor"], known["reason"]) == ("Sam Ple", "bug 7 is mended")
    assert known["planned_by"] == known["confirmed_by"]
    assert [entry["event"] for entry in await operator.entries()] == [
        "dead.replay.planned",
        "dead.replay.confirmed",
        "dead.replay",
        "dead.replay",
    ]


@pytest.mark.nats
async def test_the_story_of_a_discard(nats: NatsSite, tmp_path: Path):
    operator, handler = operator_of(nats, tmp_path), MendableHandler()
    async with bus_with(nats, handler) as bus:
        await make_dead_letters(bus, nats, "r-1", "r-2")
        job = (await operator.json("dead", "discard", "plan", "--limit", "1", "--json"))["id"]
        too_early = await operator.run("dead", "discard", "run", job)
        assert (too_early.code, too_early.text) == (1, "")
        assert "planned" in too_early.errors
        confirmed = await operator.run("dead", "discard", "confirm", job, "--reason", "sent by mistake")
        assert "removed for good" in confirmed.text
        assert (await operator.run("dead", "discard", "run", job)).code == 0
        await until_dead(bus, nats, 1)
    assert handler.worked_on == []


@pytest.mark.nats
async def test_a_dead_letter_is_shown_without_its_body_unless_that_is_asked_for(
    nats: NatsSite, tmp_path: Path
):
    operator = operator_of(nats, tmp_path)
    async with bus_with(nats, MendableHandler()) as bus:
        await make_dead_letters(bus, nats, "r-1")
        async with bus.dead_letters(nats.queue) as letters:
            letter = (await anext(letters)).dead_letter
        shown = await operator.json("dead", "show", letter.id)
        opened = await operator.json("dead", "show", letter.id, "--body", "--actor", "Sam Ple")
    assert (shown["reason"], shown["detail"], shown["attempt"]) == ("internal", "as told", 1)
    assert (shown["message_id"], shown["correlation_id"]) == ("r-1", "r-1")
    assert shown["headers"]["x-error-reason"] == "internal"
    assert "body" not in shown
    assert opened["body"] == '{"request": "r-1"}'
    [noted] = await operator.entries()
    assert (noted["event"], noted["user"]["name"]) == ("dead.opened", "Sam Ple")
    assert noted["facts"]["letter"] == letter.id


@pytest.mark.rabbit
async def test_dead_letters_are_copied_to_files_of_their_owner(rabbit: RabbitSite, tmp_path: Path):
    operator, handler, folder = operator_of(rabbit, tmp_path), MendableHandler(), tmp_path / "copies"
    async with bus_with(rabbit, handler) as bus:
        await make_dead_letters(bus, rabbit, "r-1")
        handler.reason = "unroutable"
        await make_dead_letters(bus, rabbit, "r-2")
        exported = await operator.run("dead", "export", folder, "--reason", "internal")
        await until_dead(bus, rabbit, 2)
    assert exported.code == 0, exported.errors
    [body], [facts] = list(folder.glob("*.body")), list(folder.glob("*.json"))
    assert body.read_bytes() == b'{"request": "r-1"}'
    assert json.loads(facts.read_text())["id"] == body.stem == facts.stem
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [entry["event"] for entry in await operator.entries()] == ["dead.exported"]


@pytest.mark.rabbit
async def test_a_run_that_is_killed_goes_on_where_it_was(rabbit: RabbitSite, tmp_path: Path):
    operator, handler = operator_of(rabbit, tmp_path), MendableHandler()
    names = [f"r-{number}" for number in range(8)]
    async with bus_with(rabbit, handler) as bus:
        await make_dead_letters(bus, rabbit, *names)
        async with operator.stores() as stores:
            job = (await confirmed(bus, stores, rabbit)).id
        handler.is_mended = True
        arguments = ["dead", "replay", "run", job, "--rate", "4"]
        with child(
            "bridge", arguments, environment=operator.environment, output=tmp_path / "run.log"
        ) as running:
            await until(lambda: len(handler.worked_on) >= 2)
            running.kill()
        assert len(handler.worked_on) < len(names)
        await _until_let_go(operator, job)
        ended = await operator.run("dead", "replay", "run", job, "--rate", "100")
        assert ended.code == 0, ended.errors
        await until_dead(bus, rabbit, 0)
        await until(lambda: set(handler.ids) == set(names))
    # At most the letter at hand was sent and not yet marked.
    assert len(handler.ids) <= len(names) + 1
    replayed = [entry for entry in await operator.entries() if entry["event"] == "dead.replay"]
    assert sorted(entry["facts"]["message_id"] for entry in replayed) == sorted(names)


async def _until_let_go(operator: Operator, job: str) -> None:
    """Until the lease of the process that was killed has run out."""
    async with operator.stores() as stores:
        until_when = (await stores.dead_letter_jobs.job(job, "replay")).lease_until
    assert until_when is not None
    await asyncio.sleep(max(0.0, until_when.timestamp() - time.time()))


@pytest.mark.nats
async def test_a_pause_is_heard_by_the_run_of_another_process(nats: NatsSite, tmp_path: Path):
    operator, handler = operator_of(nats, tmp_path), MendableHandler()
    async with bus_with(nats, handler) as bus:
        await make_dead_letters(bus, nats, *(f"r-{number}" for number in range(30)))
        async with operator.stores() as stores:
            job = (await confirmed(bus, stores, nats)).id
        handler.is_mended = True
        running = asyncio.create_task(operator.run("dead", "replay", "run", job, "--rate", "2"))
        await until(lambda: handler.worked_on)
        assert (await operator.run("dead", "replay", "pause", job)).code == 0
        ended = await running
        assert ended.code == 1
        assert "paused" in ended.text
        await until_dead(bus, nats, 30 - len(handler.worked_on))
    assert 0 < len(handler.worked_on) < 30
    assert "dead.replay.paused" in [entry["event"] for entry in await operator.entries()]


@pytest.mark.nats
async def test_nothing_dead_is_no_fault(nats: NatsSite, tmp_path: Path):
    operator = operator_of(nats, tmp_path)
    listed = await operator.run("dead", "list")
    assert (listed.code, listed.text) == (0, "There are no dead letters.\n")
    planned = await operator.run("dead", "replay", "plan")
    assert (planned.code, planned.text) == (1, "")
