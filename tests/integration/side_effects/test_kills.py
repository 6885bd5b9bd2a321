"""Workers that are killed (-9) around a side effect: the next one neither loses nor repeats it."""

import pytest

from tests.integration.side_effects.installation import ROOT, opened, until
from tests.integration.side_effects.rooms import TAKEN
from tests.support.processes import worker

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENTS = ("9990000018", "9990000026", "9990000034")


@pytest.mark.rabbit
async def test_a_worker_killed_before_during_and_after_a_side_effect(
    sandbox, rabbit_url, package, tmp_path, monkeypatch
):
    async with opened(sandbox, rabbit_url, tmp_path, monkeypatch) as site:
        house = site.house
        environment = site.environment | {"PYTHONPATH": f"{package}:{ROOT}"}
        # Written down and not sent; done and not answered; known and not published.
        gates = ("send/r0", "answer/r1", "after/r2")
        for gate in gates:
            house.close(gate)
        arguments = ["--pipeline", "rooms"]
        log = tmp_path / "worker.log"
        with worker(environment, output=log, arguments=arguments) as first:
            requests = [
                await site.ask(f"r{number}", patient=patient) for number, patient in enumerate(PATIENTS)
            ]
            for gate in gates:
                await house.held(gate)
            assert [house.rooms[f"r{number}"].posts for number in range(3)] == [0, 1, 1]
            first.kill()
        for gate in gates:
            house.open(gate)
        with worker(environment, output=log, arguments=arguments) as second:
            for patient, asked in zip(PATIENTS, requests, strict=True):
                assert await site.outcome(asked) == [(TAKEN, {"by": patient, "refused": {}})]
            assert second.stop() == 0
        for number, patient in enumerate(PATIENTS):
            room = house.rooms[f"r{number}"]
            assert (room.taken_by, room.posts) == ([patient], 1)
        # Of what was done nobody was asked again when it was written down, and asked when it was not.
        assert [house.rooms[f"r{number}"].looks for number in range(3)] == [1, 1, 0]
        assert (await site.account()).balance.completed == 3


@pytest.mark.rabbit
async def test_what_a_worker_left_is_not_asked_about_while_it_may_be_under_way(
    sandbox, rabbit_url, tmp_path, monkeypatch
):
    settle_after = 2.5
    changes = {"BRIDGE_RETRY_SETTLE_AFTER": str(settle_after), "BRIDGE_STOP_GRACE": "0.01"}
    async with opened(sandbox, rabbit_url, tmp_path, monkeypatch, **changes) as site:
        site.house.close("answer/r1")
        async with site.worker():
            request = await site.ask("r1")
            await site.house.held("answer/r1")
        async with site.worker():  # gets it at once
            assert await site.outcome(request) == [(TAKEN, {"by": PATIENTS[0], "refused": {}})]
        room = site.house.rooms["r1"]
        assert room.posts == 1
        # Counted from when its worker was found gone.
        assert room.first_look_at - room.posted_at > settle_after


@pytest.mark.nats
async def test_what_is_in_doubt_outlives_its_worker(sandbox, nats_url, package, tmp_path, monkeypatch):
    async with opened(sandbox, nats_url, tmp_path, monkeypatch) as site:
        room = site.house.rooms["r1"]
        room.is_silent = True
        site.house.will("r1", "do+drop")
        environment = site.environment | {"PYTHONPATH": f"{package}:{ROOT}"}
        with worker(environment, output=tmp_path / "w.log", arguments=["--pipeline", "rooms"]) as first:
            asked = await site.ask("r1")
            await site.outcome(asked)
            await until(lambda: room.looks > 4)
            first.kill()
        room.is_silent = False
        async with site.worker():
            _, told = await site.outcome(asked, events=2)
        assert told == (TAKEN, {"by": PATIENTS[0], "refused": {}})
        assert room.posts == 1
        await site.account()
