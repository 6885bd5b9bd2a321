"""How each delivery of a request ends, and what is kept of it: a worker on a ledger, and a bus inside this process."""

import asyncio
import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from bridge.areas.requests import RecordRequest
from bridge.bus.control_headers import FAULTS
from bridge.bus.port import EXPIRED, Dead, Delivery, Done, RetryAfter
from bridge.contracts.envelope import STRUCTURED
from bridge.contracts.events import Event
from bridge.engine.kill_switch import switch_file
from bridge.engine.messages import restored
from bridge.engine.worker import consuming
from bridge.errors import FailureCode, Refused, Unavailable
from bridge.ledger import LedgerUnavailable, request_key
from bridge.ledger.storage.replay_jobs import WantedRequests
from bridge.operations.site import open_stores
from bridge.pipelines import Context, Pipeline
from bridge.settings import Settings
from bridge.testing import site
from bridge.testing.bus import InProcessBus
from tests.support.requests import cloud_event, record_request

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOOK, CHANGE = "acts.look.requested.v1", "acts.change.requested.v1"
SEEN, DOUBTFUL = "acts.seen.v1", "acts.in_doubt.v1"
KIND = "acts.change"
NUMBERS = count(1)
TIMEOUT = Unavailable(FailureCode.PROVIDER_TIMEOUT, stage="provider", detail="read")
acts = Pipeline("acts")


class Acts:
    """What the handlers do the next times; the last of it again and again.

    Attributes:
        ran: how often one ran.
        tells: what the event of doubt raises, if anything.
    """

    def __init__(self) -> None:
        self.next: list[Any] = []
        self.ran = 0
        self.tells: Exception | None = None

    async def act(self, gp: Context) -> list[Event]:
        self.ran += 1
        what = self.next.pop(0) if len(self.next) > 1 else self.next[0]
        if isinstance(what, BaseException):
            raise what
        found: list[Event] = await what(gp) if callable(what) else what
        return found


ACTS = Acts()


def in_doubt(_request, doubt) -> Event:
    if ACTS.tells is not None:
        raise ACTS.tells
    return Event(DOUBTFUL, {"is_done": doubt.is_done, "code": doubt.code})


@acts.operation(accepts=LOOK, request=RecordRequest, publishes={SEEN: dict})
async def look(_request: RecordRequest, gp: Context) -> list[Event]:
    """Only reads."""
    return await ACTS.act(gp)


@acts.operation(
    accepts=CHANGE, request=RecordRequest, publishes={SEEN: dict, DOUBTFUL: dict}, in_doubt=in_doubt
)
async def change(_request: RecordRequest, gp: Context) -> list[Event]:
    """Changes something."""
    return await ACTS.act(gp)


class Bus(InProcessBus):
    """Takes what is published, or stumbles."""

    stumbles = False

    async def publish(self, topic, body, **more) -> None:
        if self.stumbles:
            raise KeyError(topic)
        await super().publish(topic, body, **more)


class Lives:
    """Hands messages to the worker, and looks into its ledger."""

    def __init__(self, settings: Settings, bus: Bus, stores) -> None:
        self.settings = settings
        self.bus = bus
        self.stores = stores

    def message(self, key=LOOK, **attributes) -> Delivery:
        event = cloud_event(record_request(), id=f"r-{next(NUMBERS)}", **attributes)
        return Delivery(json.dumps(event).encode(), event["id"], key, content_type=STRUCTURED)

    async def ends(self, delivery: Delivery, *does: object):
        """What is done with the message, and what is published."""
        if does:
            ACTS.next, ACTS.ran = list(does), 0
        disposition = await self.bus.deliver(delivery)
        return disposition, [(each.kind, each.data) for each in self.bus.taken_out(delivery.id)]

    def key(self, delivery: Delivery) -> str:
        return request_key("/epr/test", delivery.id)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lives():
    bus = Bus()
    async with (
        site({"BRIDGE_RETRY_SETTLE_AFTER": "3600"}) as here,
        open_stores(here.settings) as stores,
        consuming(here.settings, [acts], bus),
    ):
        yield Lives(here.settings, bus, stores)


@pytest.fixture
def stopped(lives):
    """Retries are stopped until the test is over."""
    file = switch_file(lives.settings)

    def stop() -> None:
        file.touch()

    yield stop
    file.unlink(missing_ok=True)


def again(delivery: Delivery, attempt=2, **more) -> Delivery:
    return replace(delivery, attempt=attempt, **more)


def seen() -> list[Event]:
    return [Event(SEEN, {"seen": True})]


async def test_a_retry_waits_as_long_as_the_other_side_asks(lives):
    failure = Unavailable(FailureCode.PROVIDER_ERROR, stage="provider", retry_after=17.0)
    ended, told = await lives.ends(lives.message(), failure)
    assert (ended, told) == (RetryAfter(17.0, "provider_error", is_bounded=True), [])


async def test_retries_that_are_stopped_end_the_next_try_before_it_begins(lives, stopped):
    message = lives.message()
    await lives.ends(message, TIMEOUT, seen())
    stopped()
    ended, [(kind, data)] = await lives.ends(again(message))
    assert (ended, kind, ACTS.ran) == (Done(), "request.failed.v1", 1)
    assert (data["detail"], data["attempts"]) == ("retries_stopped", 2)
    ended, told = await lives.ends(lives.message(), seen())
    assert (ended, told) == (Done(), [(SEEN, {"seen": True})]), "a first try is no retry"


async def test_a_try_that_cannot_be_written_down_is_given_back_to_whoever_comes_next(lives):
    message = lives.message()
    ended, told = await lives.ends(message, LedgerUnavailable("away"), seen())
    assert (ended.reason, told) == ("ledger_unavailable", [])
    assert await lives.ends(again(message)) == (Done(), [(SEEN, {"seen": True})])


@pytest.mark.parametrize(("faults", "times"), [(0, 1), (1, 2), (3, 8)])
async def test_an_error_nobody_foresaw_is_tried_again_ever_later(lives, faults, times):
    message = replace(lives.message(), headers={FAULTS: str(faults)})
    policy = lives.settings.retry
    lives.bus.stumbles = True
    try:
        with capture_logs() as logs:
            ended, told = await lives.ends(message, seen())
    finally:
        lives.bus.stumbles = False
    assert [line["error"] for line in logs if line["event"] == "handling_failed"] == ["KeyError"]
    pause = min(policy.max_delay, policy.first_delay * times)
    assert (ended, told) == (RetryAfter(pause, "internal", is_bounded=True, is_fault=True), [])
    assert await lives.ends(again(message)) == (Done(), [(SEEN, {"seen": True})]), "it is owed"


async def test_a_read_that_failed_is_kept_to_be_asked_again_and_nothing_else_is(lives):
    refused = Refused(FailureCode.PATIENT_NOT_FOUND, stage="pds")
    failed, completed, changing = lives.message(), lives.message(), lives.message(CHANGE)
    await lives.ends(failed, refused)
    await lives.ends(completed, seen())
    await lives.ends(changing, refused)
    keys = [lives.key(each) for each in (failed, completed, changing)]
    found = await lives.stores.replay_jobs.find(WantedRequests(request_keys=keys))
    assert {each.request_key: each.has_message for each in found} == dict(
        zip(keys, [True, False, False], strict=True)
    )


async def stumbles_after(send, gp) -> list[Event]:
    """A side effect, and an error that nobody foresaw."""
    with contextlib.suppress(Unavailable):
        await gp.once(KIND, key="1", payload={"a": 1}, send=send, settle=send)
    raise KeyError("after")


async def done() -> dict:
    return {"id": "b-1"}


async def lost() -> dict:
    raise TIMEOUT


@pytest.mark.parametrize(("send", "is_done"), [(done, True), (lost, False)])
async def test_what_was_or_may_have_been_done_is_in_doubt_and_kept_to_be_checked_later(lives, send, is_done):
    message = lives.message(CHANGE)
    ended, told = await lives.ends(message, partial(stumbles_after, send))
    assert ended == Dead("internal", "internal KeyError")
    assert told == [(DOUBTFUL, {"is_done": is_done, "code": "internal"})]
    ledger, key = lives.stores.ledger, lives.key(message)
    assert await ledger.due_for_check("acts") == [], "not before what was sent must have ended"
    reopened = await ledger.reopen(key, check_again_at=datetime.now(UTC) + timedelta(hours=1))
    assert message.body in restored(reopened.message)[0].body
    await ledger.release(reopened.lease)


async def test_an_operation_that_cannot_tell_of_its_doubt_ends_where_somebody_is_told(lives):
    ACTS.tells = KeyError("tell")
    try:
        ended, told = await lives.ends(lives.message(CHANGE), partial(stumbles_after, lost))
    finally:
        ACTS.tells = None
    assert ended == Dead("internal", "internal in_doubt: KeyError")
    [(kind, data)] = told
    assert (kind, data["code"], data["stage"], data["detail"], data["attempts"]) == (
        "request.failed.v1",
        "outcome_unknown",
        "engine",
        "in_doubt_failed",
        1,
    )


async def test_an_error_of_the_handler_is_a_dead_letter_whenever_the_message_comes(lives):
    message = lives.message()
    ended, [(kind, data)] = await lives.ends(message, KeyError("name"))
    assert (ended, kind, data["code"]) == (
        Dead("internal", "internal KeyError"),
        "request.failed.v1",
        "internal",
    )
    again_ = Dead("internal", "as the first time")
    with capture_logs() as logs:
        assert await lives.ends(replace(message, deliveries=2)) == (again_, []), (
            "the broker asks what is owed"
        )
    [handled] = [line for line in logs if line["event"] == "request_handled"]
    assert (handled["reason"], handled["events"]) == ("ended_before", 0)
    assert await lives.ends(message) == (again_, [(kind, data)]), "the sender asks what it was"
    assert ACTS.ran == 1


async def test_an_id_that_another_request_had_is_rejected_whenever_it_comes(lives):
    first = lives.message()
    await lives.ends(first, seen())
    event = json.loads(first.body)
    event["data"]["areas"] = {"allergies": {}}
    other = replace(first, body=json.dumps(event).encode())
    ended, [(kind, data)] = await lives.ends(other)
    assert (ended.reason, kind) == ("rejected", "request.rejected.v1")
    assert [each["field"] for each in data["faults"]] == ["id"]
    assert await lives.ends(other) == (Dead("rejected", "as the first time"), [(kind, data)])
    assert await lives.ends(first) == (Done(), [(SEEN, {"seen": True})])
    assert ACTS.ran == 1


async def test_what_a_broker_gave_up_is_told_of_and_not_worked_on(lives):
    message = replace(lives.message(), given_up="delivery_limit")
    ended, [(kind, data)] = await lives.ends(message, seen())
    assert ended == Dead("parked_by_broker", "parked_by_broker delivery_limit")
    assert (kind, data["code"], data["detail"]) == (
        "request.failed.v1",
        "internal",
        "parked_by_broker delivery_limit",
    )
    assert ACTS.ran == 0


@pytest.mark.parametrize("how", [{"given_up": EXPIRED}, {}])
async def test_what_expired_before_it_was_read_is_rejected_and_later_it_failed(lives, how):
    expired = {} if how else {"expirytime": (datetime.now(UTC) - timedelta(seconds=1)).isoformat()}
    early, late = lives.message(**expired), lives.message(**expired)
    ended, [(kind, data)] = await lives.ends(replace(early, **how), seen())
    assert (ended.reason, kind) == ("rejected", "request.rejected.v1")
    assert [each["field"] for each in data["faults"]] == ["expires_at"]
    ended, [(kind, data)] = await lives.ends(again(late, **how), seen())
    assert (ended, kind, data["code"]) == (Done(), "request.failed.v1", "request_expired")
    assert ACTS.ran == 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def checked():
    """A worker that soon looks again at what is in doubt."""
    bus = Bus()
    async with (
        site({"BRIDGE_RETRY_SETTLE_AFTER": "0.2"}) as here,
        open_stores(here.settings) as stores,
        consuming(here.settings, [acts], bus),
    ):
        yield Lives(here.settings, bus, stores)


@pytest.mark.parametrize(
    ("found", "kind"), [({"id": "b-1"}, SEEN), (None, "request.failed.v1")], ids=["done", "not done"]
)
async def test_a_doubt_ends_by_itself_with_what_is_found_and_nothing_is_sent(checked, found, kind):
    message, sent = checked.message(CHANGE), []
    _, [(first, _)] = await checked.ends(message, partial(stumbles_after, lost))
    assert first == DOUBTFUL

    async def send():
        sent.append(1)

    async def settle():
        return found

    async def settles(gp) -> list[Event]:
        await gp.once(KIND, key="1", payload={"a": 1}, send=send, settle=settle)
        return seen()

    ACTS.next = [settles]
    while not (told := checked.bus.taken_out(message.id)):
        await asyncio.sleep(0.02)
    assert ([each.kind for each in told], sent) == ([kind], [])
    assert await checked.stores.ledger.due_for_check("acts") == []


async def test_a_doubt_that_lasts_is_told_of_once(checked):
    message = checked.message(CHANGE)
    _, [(first, _)] = await checked.ends(message, partial(stumbles_after, lost))
    assert first == DOUBTFUL
    ran, ACTS.next = ACTS.ran, [partial(stumbles_after, lost)]
    while ACTS.ran < ran + 2:
        await asyncio.sleep(0.02)
    assert checked.bus.taken_out(message.id) == []


@pytest.mark.parametrize("reason", ["retries_stopped", "expired"])
async def test_what_may_be_done_is_asked_about_and_not_sent_when_it_may_not_be_tried_again(checked, reason):
    message, calls = checked.message(CHANGE), []

    async def send():
        calls.append("send")
        raise TIMEOUT

    async def settle():
        calls.append("settle")

    async def sends(gp) -> list[Event]:
        await gp.once(KIND, key="1", payload={"a": 1}, send=send, settle=settle)
        return seen()

    ended, told = await checked.ends(message, sends)
    assert (ended.reason, told, calls) == ("provider_timeout", [], ["send"])
    late = again(message, given_up=EXPIRED if reason == "expired" else None)
    switch = switch_file(checked.settings)
    if reason == "retries_stopped":
        switch.touch()
    try:
        while isinstance(ended, RetryAfter):
            await asyncio.sleep(ended.seconds)
            ended, told = await checked.ends(late)
    finally:
        switch.unlink(missing_ok=True)
    [(kind, data)] = told
    assert (ended, kind, data["code"], data["detail"]) == (Done(), "request.failed.v1", "not_done", reason)
    assert calls == ["send", "settle"]
