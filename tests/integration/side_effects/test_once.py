"""Side effects at most once: whatever happens between here and the house, a room is taken once or not at all."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from bridge.contracts.events import Event
from bridge.operations.site import open_stores
from bridge.pipelines import Context, pipeline
from tests.integration.side_effects.installation import Installation, opened, request_for, until
from tests.integration.side_effects.rooms import (
    IN_DOUBT,
    LOOK,
    REFUSED,
    SEEN,
    TAKE,
    TAKEN,
    House,
    RoomRequest,
)
from tests.support.requests import PATIENT, cloud_event, record_request

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.nats]
OTHER = "9990000026"


async def test_it_is_done_once_and_its_result_is_kept(site: Installation):
    request = await site.ask("r1")
    assert await site.outcome(request) == [(TAKEN, {"by": PATIENT, "refused": {}})]
    (intent,) = (await site.history(request)).intents
    assert (intent.kind, intent.settle_key, intent.verdict) == ("room.take", "r1", "done")
    account = await site.account()
    assert account.balance.completed == 1
    assert site.house.rooms["r1"].posts == 1


@pytest.mark.parametrize(
    ("act", "posts"),
    [
        pytest.param("do+drop", 1, id="done, and the answer lost"),
        pytest.param("late", 1, id="done after the client gave up"),
        pytest.param("do+garbage", 1, id="done, and answered with nonsense"),
        pytest.param("drop", 2, id="not done"),
    ],
)
async def test_what_nobody_knows_is_settled_before_anything_is_sent_again(
    site: Installation, act: str, posts: int
):
    site.house.will("r1", act)
    request = await site.ask("r1")
    assert await site.outcome(request) == [(TAKEN, {"by": PATIENT, "refused": {}})]
    await site.house.ended()
    room = site.house.rooms["r1"]
    assert (room.taken_by, room.posts) == ([PATIENT], posts)
    assert (await site.account()).balance.completed == 1


async def test_it_is_not_settled_before_a_call_of_the_last_moment_must_have_ended(site: Installation):
    # Spec AP §10.2: wait when the outcome is unknown, however long ago it was written down.
    site.house.close("answer/r1")
    request = await site.ask("r1")
    assert await site.outcome(request) == [(TAKEN, {"by": PATIENT, "refused": {}})]
    assert site.house.rooms["r1"].posts == 1
    history = await site.history(request)
    (intent,) = history.intents
    assert intent.settled_at
    assert (tried_until := history.attempts[0].ended_at)
    assert (intent.settled_at - tried_until).total_seconds() >= site.settings.settle_after


async def test_a_refusal_of_a_second_try_may_be_our_own_success(site: Installation):
    site.house.will("r1", "drop")
    request = await site.ask("r1")
    room = site.house.rooms["r1"]
    await until(lambda: room.posts == 1)
    site.house.close("send/r1")
    await site.house.held("send/r1")
    room.taken_by.append(PATIENT)  # what was sent first is done only now: the second try will get a 409
    site.house.open("send/r1")
    assert await site.outcome(request) == [(TAKEN, {"by": PATIENT, "refused": {}})]
    assert (room.taken_by, room.posts) == ([PATIENT], 2)
    await site.account()


async def test_a_refusal_of_a_second_try_that_settling_confirms_is_a_refusal(site: Installation):
    site.house.will("r1", "drop", "refuse")
    request = await site.ask("r1")
    assert await site.outcome(request) == [(REFUSED, {"reasons": {"r1": "taken"}})]
    verdicts = [intent.verdict for intent in (await site.history(request)).intents]
    assert verdicts == ["not_done", "refused"]
    assert site.house.rooms["r1"].taken_by == []


async def test_what_was_refused_and_what_was_done_are_remembered_by_every_later_try(site: Installation):
    site.house.will("r1", "refuse")
    site.house.statuses["after/r2"].extend([503, 503])
    request = await site.ask("r1", "r2")
    assert await site.outcome(request) == [(TAKEN, {"by": PATIENT, "refused": {"r1": "taken"}})]
    assert [site.house.rooms[name].posts for name in ("r1", "r2")] == [1, 1]
    assert site.house.passed.count("after/r2") == 3
    await site.account()


async def test_what_was_held_back_was_not_sent_and_is_no_try(site: Installation):
    site.house.statuses["send/r1"].extend([429] * 5)  # more often than a try may be repeated
    request = await site.ask("r1")
    assert await site.outcome(request) == [(TAKEN, {"by": PATIENT, "refused": {}})]
    verdicts = [intent.verdict for intent in (await site.history(request)).intents]
    assert verdicts == [*["not_sent"] * 5, "done"]
    assert site.house.rooms["r1"].looks == 0


@pytest.mark.duty("SP-037")
async def test_it_is_sent_four_times_at_most(site: Installation):
    site.house.will("r1", *["drop"] * 9)
    request = await site.ask("r1")
    (kind, data), *more = await site.outcome(request, events=2)
    # After the last try nobody may ask at once: so it is in doubt, and the first check ends that.
    assert kind == IN_DOUBT
    assert data["code"] == "provider_timeout"
    assert more == [(REFUSED, {"reasons": {"r1": "not_done"}, "detail": "in_doubt"})]
    assert site.house.rooms["r1"].posts == 4
    assert (await site.account()).balance.completed == 1


@pytest.mark.parametrize("is_done", [True, False])
async def test_what_is_in_doubt_is_told_and_ends_by_itself(site: Installation, is_done: bool):
    room = site.house.rooms["r1"]
    room.is_silent = True
    site.house.will("r1", "do+drop" if is_done else "drop")
    with capture_logs() as lines:
        request = await site.ask("r1")
        assert await site.outcome(request) == [
            (IN_DOUBT, {"room": "r1", "is_done": False, "code": "provider_error"})
        ]
        history = await site.history(request)
        assert (history.state, history.code) == ("in_doubt", "provider_error")
        assert (await site.account()).balance.in_doubt == 1
        looks = room.looks
        await until(lambda: room.looks > looks)  # it is checked again, in vain, and nobody is told again
        room.is_silent = False
        _, told = await site.outcome(request, events=2)
        await until(
            lambda: any(line["event"] == "doubt_ended" for line in lines)
        )  # said once all is published
    assert told == (
        (TAKEN, {"by": PATIENT, "refused": {}})
        if is_done
        else (REFUSED, {"reasons": {"r1": "not_done"}, "detail": "in_doubt"})
    )
    assert (room.taken_by, room.posts) == ([PATIENT] if is_done else [], 1)
    balance = (await site.account()).balance
    assert (balance.received, balance.completed, balance.in_doubt) == (1, 1, 0)
    events = [line["event"] for line in lines]
    assert (events.count("request_in_doubt"), events.count("doubt_ended")) == (1, 1)


async def test_a_request_that_did_something_does_not_end_as_failed(site: Installation):
    site.house.statuses["after/r1"].extend([503] * 5)
    request = await site.ask("r1")
    told = await site.outcome(request, events=2)
    assert told == [
        (IN_DOUBT, {"room": "r1", "is_done": True, "code": "provider_error"}),
        (TAKEN, {"by": PATIENT, "refused": {}}),
    ]
    assert site.house.rooms["r1"].posts == 1
    await site.account()


async def test_an_outcome_that_leaves_out_what_was_done_is_not_published(site: Installation):
    site.house.statuses["before/r1"].extend([200, 403, 200])
    site.house.statuses["after/r1"].append(503)
    request = await site.ask("r1")
    assert await site.outcome(request) == [(TAKEN, {"by": PATIENT, "refused": {}})]
    assert site.house.passed.count("before/r1") == 3
    assert site.house.rooms["r1"].posts == 1
    await site.account()


async def test_a_request_in_doubt_that_cannot_be_opened_keeps_no_other_from_ending(site: Installation):
    requests = []
    for name, patient in (("r1", PATIENT), ("r2", OTHER)):
        site.house.rooms[name].is_silent = True
        site.house.will(name, "do+drop")
        requests.append(await site.ask(name, patient=patient))
    for request in requests:
        await site.outcome(request)
    with capture_logs() as lines:
        async with open_stores(site.settings) as stores:
            spoil = text("UPDATE messages SET sealed = '' WHERE request_id = 1")
            await stores.ledger.store.write(lambda connection: connection.execute(spoil))
        await until(lambda: any(line["event"] == "check_failed" for line in lines))
        for name in ("r1", "r2"):
            site.house.rooms[name].is_silent = False
        async with asyncio.timeout(30):
            while sorted([(await site.history(one)).state for one in requests]) != ["completed", "in_doubt"]:
                await asyncio.sleep(0.1)


@pytest.mark.parametrize("act", ["do+drop", "drop"])
async def test_after_its_expiry_what_is_open_is_settled_and_nothing_is_sent(site: Installation, act: str):
    site.house.will("r1", act)
    site.house.close("send/r1")
    expiry = datetime.now(UTC) + timedelta(seconds=2)
    request = await site.ask("r1", expirytime=expiry.isoformat())
    await site.house.held("send/r1")
    await until(lambda: datetime.now(UTC) > expiry)
    site.house.open("send/r1")
    (told,) = await site.outcome(request)
    assert told == (
        (TAKEN, {"by": PATIENT, "refused": {}})
        if act == "do+drop"
        else (REFUSED, {"reasons": {"r1": "not_done"}, "detail": "expired"})
    )
    assert site.house.rooms["r1"].posts == 1
    await site.account()


@pytest.mark.parametrize("act", ["do+drop", "drop"])
async def test_while_retries_are_stopped_what_is_open_is_settled_and_nothing_is_sent(
    site: Installation, act: str
):
    site.house.will("r1", act)
    (site.settings.state_dir / "stop-retries").touch()
    request = await site.ask("r1")
    (told,) = await site.outcome(request)
    assert told == (
        (TAKEN, {"by": PATIENT, "refused": {}})
        if act == "do+drop"
        else (REFUSED, {"reasons": {"r1": "not_done"}, "detail": "retries_stopped"})
    )
    assert site.house.rooms["r1"].posts == 1
    await site.account()


async def test_deliveries_at_once_cause_it_once(site: Installation):
    site.house.close("send/r1")
    request = request_for("r1")
    for copy in range(3):
        await site.hospital.ask(request, key=TAKE, message_id=f"{request['id']}-{copy}")
    await site.house.held("send/r1")
    site.house.open("send/r1")
    await site.account()
    assert site.house.rooms["r1"].posts == 1
    published = {delivery.id for found in site.hospital.deliveries.values() for delivery in found}
    assert len(published) == 1


async def test_a_queue_of_several_operations_tells_them_apart_by_routing_key(site: Installation):
    request = await site.ask("r1")
    await site.outcome(request)
    data = record_request(room="r1")
    del data["areas"]
    looked = cloud_event(data)
    await site.hospital.ask(looked, key=LOOK)
    assert await site.outcome(looked) == [(SEEN, {"found": {"by": PATIENT}})]
    wrong = cloud_event(data)
    await site.hospital.ask(wrong, key=TAKE)
    ((kind, told),) = await site.outcome(wrong)
    assert kind == "request.rejected.v1"
    assert {fault["field"] for fault in told["faults"]} == {"data.room", "data.rooms"}


async def test_an_operation_that_cannot_tell_that_it_is_in_doubt_may_have_no_side_effects(
    sandbox, nats_url, tmp_path, monkeypatch
):
    @pipeline(name="rooms", accepts=TAKE, request=RoomRequest, publishes={})
    async def careless(request: RoomRequest, gp: Context) -> list[Event]:
        house = House(PATIENT)
        await gp.once(
            "room.take",
            key="r1",
            payload={},
            send=partial(house.take, "r1"),
            settle=partial(house.found, "r1"),
        )
        return []

    async with opened(sandbox, nats_url, tmp_path, monkeypatch) as site, site.worker(careless):
        ((kind, told),) = await site.outcome(await site.ask("r1"))
        assert (kind, told["code"]) == ("request.failed.v1", "internal")
        assert site.house.rooms["r1"].posts == 0


async def test_what_stays_in_doubt_for_too_long_is_given_up_and_named(
    sandbox, nats_url, tmp_path, monkeypatch
):
    late = {"BRIDGE_RETRY_GIVE_UP_AFTER": "1"}
    async with opened(sandbox, nats_url, tmp_path, monkeypatch, **late) as site, site.worker():
        site.house.rooms["r1"].is_silent = True
        site.house.will("r1", "do+drop")
        with capture_logs() as lines:
            request = await site.ask("r1")
            await site.outcome(request)
            await until(lambda: any(line["event"] == "doubt_given_up" for line in lines))
        async with open_stores(site.settings) as stores:
            balance = await stores.ledger.oversight.draw_balance()
        assert [found.kind for found in balance.discrepancies] == ["unwatched"]
        history = await site.history(request)
        assert (history.state, history.wait_until) == ("in_doubt", None)
        assert [(intent.settle_key, intent.verdict) for intent in history.intents] == [("r1", None)]
