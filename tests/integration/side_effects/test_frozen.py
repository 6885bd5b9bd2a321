"""Workers that stand still (SIGSTOP) between writing an effect down and sending it, while others tell of it."""

import asyncio
import signal
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.side_effects.installation import ROOT, opened, until
from tests.integration.side_effects.rooms import IN_DOUBT, REFUSED, TAKE, TAKEN
from tests.support.processes import worker
from tests.support.requests import PATIENT

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.nats]

NO_RETRIES = {"BRIDGE_RETRY_ATTEMPTS": "0"}
"""What was not done is told as not done, and not tried again."""


@asynccontextmanager
async def frozen(sandbox, nats_url, package, folder, monkeypatch, *, room, is_silent=False):
    """A site on which a worker stopped before it sent, and another one told that nothing was done.

    Where the house is silent at first, the other one told before that nobody knows.
    """
    async with opened(sandbox, nats_url, folder, monkeypatch, **NO_RETRIES) as site:
        environment = site.environment | {"PYTHONPATH": f"{package}:{ROOT}"}
        site.house.close(f"send/{room}")
        log = folder / "frozen.log"
        with worker(environment, output=log, arguments=["--pipeline", "rooms"]) as stopped:
            request = await site.ask(room, correlationid="c-1")
            await site.house.held(f"send/{room}")
            stopped.process.send_signal(signal.SIGSTOP)
            try:
                site.house.rooms[room].is_silent = is_silent
                async with site.worker():
                    await site.hospital.ask(request, key=TAKE, message_id="the-sender-asks-again")
                    if is_silent:
                        await until(lambda: bool(told(site)))
                        site.house.rooms[room].is_silent = False
                    expected = [IN_DOUBT, REFUSED] if is_silent else [REFUSED]
                    await until(lambda: len(told(site)) == len(expected))
                    assert [kind for kind, _ in told(site)] == expected
                    stopped.process.send_signal(signal.SIGCONT)
                    site.house.open(f"send/{room}")
                    yield site, request, stopped
            finally:
                stopped.process.send_signal(signal.SIGCONT)


def told(site):
    """Kind and data of the events, as whoever removes repeats by their id reads them."""
    events = {event["id"]: (kind, event["data"]) for kind, event in site.hospital.events("c-1")}
    return list(events.values())


async def test_a_worker_that_wakes_up_sends_nothing_any_more(
    sandbox, nats_url, package, tmp_path, monkeypatch
):
    async with frozen(sandbox, nats_url, package, tmp_path, monkeypatch, room="careful") as (
        site,
        _,
        stopped,
    ):
        await asyncio.to_thread(stopped.wait_for, "lease_lost")
        assert site.house.rooms["careful"].posts == 0
        assert [kind for kind, _ in told(site)] == [REFUSED]
        assert (await site.account()).balance.completed == 1


async def test_what_was_done_too_late_is_told_in_the_end(sandbox, nats_url, package, tmp_path, monkeypatch):
    async with frozen(sandbox, nats_url, package, tmp_path, monkeypatch, room="r1") as (site, request, _):
        await until(lambda: len(told(site)) == 3)
        assert told(site) == [
            (REFUSED, {"reasons": {"r1": "not_done"}, "detail": "tries_used_up"}),
            (IN_DOUBT, {"room": "r1", "is_done": True, "code": "outcome_unknown"}),
            (TAKEN, {"by": PATIENT, "refused": {}}),
        ]
        assert (site.house.rooms["r1"].taken_by, site.house.rooms["r1"].posts) == ([PATIENT], 1)
        history = await site.history(request)
        assert [attempt.outcome for attempt in history.attempts if attempt.outcome == "in_doubt"]
        assert (await site.account()).balance.completed == 1


async def test_a_doubt_that_was_told_before_does_not_hide_the_one_of_what_was_done_too_late(
    sandbox, nats_url, package, tmp_path, monkeypatch
):
    async with frozen(sandbox, nats_url, package, tmp_path, monkeypatch, room="r1", is_silent=True) as (
        site,
        _,
        _,
    ):
        await until(lambda: (TAKEN, {"by": PATIENT, "refused": {}}) in told(site))
        assert told(site) == [
            (IN_DOUBT, {"room": "r1", "is_done": False, "code": "provider_error"}),
            (REFUSED, {"reasons": {"r1": "not_done"}, "detail": "in_doubt"}),
            (IN_DOUBT, {"room": "r1", "is_done": True, "code": "outcome_unknown"}),
            (TAKEN, {"by": PATIENT, "refused": {}}),
        ]


async def test_nothing_is_sent_once_the_request_has_expired_within_one_try(
    sandbox, nats_url, tmp_path, monkeypatch
):
    async with opened(sandbox, nats_url, tmp_path, monkeypatch) as site, site.worker():
        site.house.close("send/careful")
        ends = datetime.now(UTC) + timedelta(seconds=1.5)
        request = await site.ask("careful", expirytime=ends.isoformat())
        await site.house.held("send/careful")
        await asyncio.sleep((ends - datetime.now(UTC)).total_seconds() + 0.1)
        site.house.open("send/careful")
        ((kind, told),) = await site.outcome(request)
        assert (kind, told["code"]) == ("request.failed.v1", "request_expired")
        assert site.house.rooms["careful"].posts == 0
        [intent] = (await site.history(request)).intents
        assert intent.verdict == "not_sent"


@pytest.mark.parametrize("beyond", ["9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.999999+00:00"])
async def test_a_request_that_expires_at_the_end_of_the_calendar_is_worked_on(site, beyond):
    request = await site.ask("r1", expirytime=beyond)
    assert await site.outcome(request) == [(TAKEN, {"by": PATIENT, "refused": {}})]


@pytest.mark.parametrize("before", ["0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z"])
async def test_a_request_that_expired_at_its_beginning_is_rejected(site, before):
    request = await site.ask("r1", expirytime=before)
    ((kind, _),) = await site.outcome(request)
    assert kind == "request.rejected.v1"
    assert (await site.account()).balance.rejected == 1
