"""What is done with a side effect by what is known of it: each row of the table, on a ledger, without anybody to call."""

from datetime import timedelta
from itertools import count

import pytest
import pytest_asyncio

from bridge.engine.side_effects import SideEffectLimits, SideEffects, TooEarly, TooLate
from bridge.errors import (
    AppointmentRefused,
    FailureCode,
    HeldBack,
    NotDone,
    RequestFailed,
    ResponseInvalid,
    Unavailable,
)
from bridge.ledger import LeaseLost, open_ledger
from bridge.ledger.clocks import Deadline, uptime, utc_now
from bridge.settings import LedgerSettings, Settings
from bridge.spine.sending import who_forbids
from tests.integration.ledger.site import Clock, opening, sealer_in, started

pytestmark = pytest.mark.asyncio(loop_scope="module")

KIND, KEY, PAYLOAD, DONE = "rooms.book", "slot-9", {"slot": 9}, {"id": "b-1"}
TIMEOUT = Unavailable(FailureCode.PROVIDER_TIMEOUT, stage="provider", detail="read")
REFUSAL = AppointmentRefused.again(
    FailureCode.REQUEST_REFUSED, stage="provider", detail="DUPLICATE_REJECTED", reason="slot_taken"
)
NUMBERS = count(1)
CLOCK = Clock()
"""Of the ledger; a try goes on for as long as a test says."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ledger(tmp_path_factory):
    folder = tmp_path_factory.mktemp("side-effects")
    settings = Settings(state_dir=folder, ledger=LedgerSettings(lease_seconds=60))
    async with open_ledger(settings, sealer_in(folder), clock=CLOCK) as opened:
        yield opened


@pytest.fixture(autouse=True)
def now():
    CLOCK.now = utc_now()


class Request:
    """One request, tried again and again, and the practice that it would change something at."""

    def __init__(self, ledger) -> None:
        self.ledger = ledger
        self.opening = opening(next(NUMBERS))
        self.calls: list[str] = []
        self.answer: object = DONE
        self.found: object = None

    async def tried(self, *, settle_after=0.0, retries=3, withheld=None, **limits) -> SideEffects:
        """The side effects as the next try sees them."""
        self.begun = started(await self.ledger.begin(self.opening))
        limited = SideEffectLimits(
            settle_after=settle_after, retries=retries, is_allowed=limits.pop("is_allowed", True), **limits
        )
        return SideEffects(self.ledger, self.begun.lease, self.begun.intents, limited, withheld=withheld)

    async def ended(self) -> None:
        """The try has ended, and there is another."""
        await self.ledger.wait(self.begun.lease, until=CLOCK.now, reason="provider_timeout")

    async def once(self, effects: SideEffects, kind=KIND) -> object:
        async def send():
            self.calls.append("send")
            return self._said(self.answer)

        async def settle():
            self.calls.append("settle")
            return self._said(self.found)

        return await effects.once(kind, key=KEY, payload=PAYLOAD, send=send, settle=settle)

    async def fails(self, effects: SideEffects, kind: type[RequestFailed], **said) -> RequestFailed:
        with pytest.raises(kind) as raised:
            await self.once(effects)
        assert type(raised.value) is kind
        assert {name: getattr(raised.value, name) for name in said} == said
        return raised.value

    async def unknown(self) -> None:
        """A first try, of which nobody knows what it came to."""
        self.answer = TIMEOUT
        await self.fails(await self.tried(), Unavailable, detail="read")
        await self.ended()
        self.calls.clear()
        self.answer = DONE

    @staticmethod
    def _said(answer):
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
def request_(ledger):
    return Request(ledger)


async def test_it_is_sent_once_and_what_was_done_is_known_to_every_later_try(request_):
    effects = await request_.tried()
    assert (effects.were_tried, effects.is_unfinished, effects.sent(KIND, KEY)) == (False, False, None)
    assert [await request_.once(effects) for _ in range(2)] == [DONE, DONE]
    assert (effects.were_tried, effects.are_told, effects.is_unfinished) == (True, True, True)
    await request_.ended()
    later = await request_.tried()
    assert (later.are_told, later.is_unfinished, later.sent(KIND, KEY)) == (False, True, PAYLOAD)
    assert await request_.once(later) == DONE
    assert later.are_told
    assert request_.calls == ["send"]
    doubt = later.in_doubt(FailureCode.INTERNAL)
    assert (doubt.kind, doubt.key, doubt.payload, doubt.is_done) == (KIND, KEY, PAYLOAD, True)


async def test_what_nobody_knows_is_not_asked_about_while_it_may_be_under_way(request_):
    await request_.unknown()
    effects = await request_.tried(settle_after=60.0)
    early = await request_.fails(
        effects, TooEarly, code=FailureCode.PROVIDER_TIMEOUT, stage="engine", detail="may_be_under_way"
    )
    assert 0 < early.retry_after <= effects.settled_in(utc_now()) + 5 <= 65
    assert not request_.calls
    assert (effects.are_told, effects.is_unfinished) == (False, True)
    assert effects.in_doubt(FailureCode.INTERNAL).is_done is False


async def test_what_is_found_to_be_done_is_not_sent_again(request_):
    await request_.unknown()
    request_.found = DONE
    effects = await request_.tried()
    assert await request_.once(effects) == DONE
    assert (request_.calls, effects.are_told, effects.settled_in(utc_now())) == (["settle"], True, 0.0)


async def test_what_is_found_to_be_not_done_is_sent_again(request_):
    await request_.unknown()
    assert await request_.once(await request_.tried()) == DONE
    assert request_.calls == ["settle", "send"]


async def test_it_is_sent_again_as_often_as_it_may_be_and_no_more(request_):
    await request_.unknown()
    request_.answer = TIMEOUT
    await request_.fails(await request_.tried(retries=1), Unavailable)
    await request_.ended()
    effects = await request_.tried(retries=1)
    await request_.fails(
        effects, NotDone, code=FailureCode.NOT_DONE, stage="engine", detail="tries_used_up", reason="not_done"
    )
    assert request_.calls == ["settle", "send", "settle"]
    assert not effects.is_unfinished


async def test_what_is_withheld_is_settled_and_not_sent(request_):
    await request_.unknown()
    await request_.fails(await request_.tried(withheld="retries_stopped"), NotDone, detail="retries_stopped")
    assert request_.calls == ["settle"]


async def test_a_refusal_is_the_same_for_every_later_try(request_):
    request_.answer = REFUSAL
    said = {"code": REFUSAL.code, "stage": "provider", "detail": REFUSAL.detail, "reason": "slot_taken"}
    for _ in range(2):
        effects = await request_.tried()
        await request_.fails(effects, AppointmentRefused, **said)
        assert not effects.is_unfinished
        await request_.ended()
    assert request_.calls == ["send"]


@pytest.mark.parametrize("is_done", [True, False])
async def test_a_refusal_of_a_second_try_may_be_an_answer_to_the_first(request_, is_done):
    await request_.unknown()
    effects = await request_.tried()

    async def send():
        request_.found = DONE if is_done else None
        raise REFUSAL

    async def settle():
        return request_.found

    asked = effects.once(KIND, key=KEY, payload=PAYLOAD, send=send, settle=settle)
    if is_done:
        assert await asked == DONE
        assert effects.are_told
    else:
        with pytest.raises(AppointmentRefused):
            await asked
        assert not effects.is_unfinished


async def test_what_was_held_back_was_not_sent_and_is_no_try(request_):
    request_.answer = HeldBack(FailureCode.PROVIDER_ERROR, stage="provider", detail="circuit_open")
    for _ in range(3):
        effects = await request_.tried(retries=0)
        await request_.fails(effects, HeldBack, detail="circuit_open")
        assert not effects.is_unfinished
        await request_.ended()
    request_.answer = DONE
    assert await request_.once(await request_.tried(retries=0)) == DONE


@pytest.mark.parametrize("failure", ["answer", "found"])
async def test_an_answer_that_cannot_be_used_says_nothing_of_what_was_done(request_, failure):
    if failure == "found":
        await request_.unknown()
    setattr(request_, failure, ResponseInvalid(stage="provider", detail="truncated"))
    effects = await request_.tried()
    await request_.fails(
        effects, Unavailable, code=FailureCode.RESPONSE_INVALID, stage="provider", detail="truncated"
    )
    assert effects.in_doubt(FailureCode.INTERNAL).is_done is False


def over(seconds=-1.0) -> Deadline:
    return Deadline(utc_now() + timedelta(seconds=seconds), uptime() + seconds)


async def test_nothing_is_sent_once_the_request_has_expired(request_):
    effects = await request_.tried(expiry=over())
    await request_.fails(effects, RequestFailed, code=FailureCode.REQUEST_EXPIRED, stage="engine")
    assert (request_.calls, effects.were_tried) == ([], False)


async def test_a_request_that_expired_after_it_was_sent_is_told_that_it_is_not_done(request_):
    await request_.unknown()
    effects = await request_.tried(expiry=over())
    await request_.fails(effects, NotDone, code=FailureCode.NOT_DONE, detail="expired", reason="not_done")
    assert (request_.calls, effects.withheld) == (["settle"], "expired")
    await request_.fails(effects, NotDone, detail="expired")
    assert request_.calls == ["settle"], "it was found out once"


async def test_a_request_that_expires_while_it_is_held_back_is_not_held_back_but_over(request_):
    effects = await request_.tried(expiry=over(seconds=0.2))

    async def send():
        while True:
            effects.may_send()

    with pytest.raises(RequestFailed) as raised:
        await effects.once(KIND, key=KEY, payload=PAYLOAD, send=send, settle=send)
    assert (type(raised.value), raised.value.code) == (RequestFailed, FailureCode.REQUEST_EXPIRED)
    assert not effects.is_unfinished


async def test_nothing_is_sent_when_the_lease_is_about_to_end(request_):
    effects = await request_.tried(margin=20)
    CLOCK.turn(41)
    await request_.fails(effects, TooLate, code=FailureCode.INTERNAL, stage="engine", detail="lease_ends")
    assert (request_.calls, effects.is_unfinished, effects.holds_no_longer) == ([], False, False)


async def test_what_was_done_although_the_lease_was_lost_is_kept_to_be_told(request_):
    effects = await request_.tried()

    async def send():
        CLOCK.turn(61)
        started(await request_.ledger.begin(request_.opening))
        return DONE

    with pytest.raises(LeaseLost):
        await effects.once(KIND, key=KEY, payload=PAYLOAD, send=send, settle=send)
    [late] = effects.late
    assert (late.intent.settle_key, late.result) == (KEY, b'{"id":"b-1"}')
    assert effects.holds_no_longer


async def test_what_left_when_the_lease_was_over_and_was_never_answered_is_kept_as_unknown(request_):
    effects = await request_.tried()

    async def send():
        word = who_forbids("POST")
        assert word is not None
        word.check()
        CLOCK.turn(61)
        word.sent()
        raise TIMEOUT

    with pytest.raises(Unavailable):
        await effects.once(KIND, key=KEY, payload=PAYLOAD, send=send, settle=send)
    [late] = effects.late
    assert (late.intent.settle_key, late.result) == (KEY, None)


async def test_what_left_in_time_is_not_late(request_):
    request_.answer = TIMEOUT
    effects = await request_.tried()
    await request_.fails(effects, Unavailable)
    assert effects.late == []


async def test_in_doubt_is_what_is_open_before_what_was_done(request_):
    await request_.unknown()
    effects = await request_.tried(settle_after=60.0)
    assert await request_.once(effects, kind="rooms.clean") == DONE
    doubt = effects.in_doubt(FailureCode.PROVIDER_TIMEOUT)
    assert (doubt.kind, doubt.is_done, doubt.code) == (KIND, False, FailureCode.PROVIDER_TIMEOUT)


async def test_an_operation_that_cannot_tell_of_its_doubt_may_cause_nothing(request_):
    effects = await request_.tried(is_allowed=False)
    with pytest.raises(RuntimeError, match="in_doubt"):
        await request_.once(effects)
    assert (request_.calls, effects.were_tried) == ([], False)
