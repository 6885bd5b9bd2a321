import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog

from bridge.errors import FailureCode, HeldBack, Refused, ResponseInvalid, Unavailable
from bridge.spine.answer import Answer
from bridge.spine.bulkhead import Blame, Bulkhead, Circuit, Policy, PracticeBulkheads, current_request_key

CIRCUIT = Policy(failures=3, pause=30.0)
PATIENT = Policy(failures=3, pause=30, concurrency=200, silent_concurrency=2, silent_after=3.0)
OK = Answer(200, {}, b"{}")


class VirtualTime:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


def practice(policy: Policy, time: VirtualTime) -> Bulkhead:
    return PracticeBulkheads(policy, clock=time).of("A82038")


class Calls:
    """Calls that wait until the test says how they end."""

    def __init__(self, bulkhead: Bulkhead) -> None:
        self._bulkhead = bulkhead
        self._ends: list[asyncio.Future[Answer]] = []
        self._tasks: list[asyncio.Task[Answer]] = []

    @property
    def made(self) -> int:
        return len(self._ends)

    async def _call(self) -> Answer:
        end: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._ends.append(end)
        return await end

    async def start(self, count: int = 1) -> None:
        """Start calls; raises what holds one of them back."""
        for _ in range(count):
            task = asyncio.create_task(self._bulkhead.run(self._call))
            await asyncio.sleep(0)
            if task.done():
                await task
            self._tasks.append(task)

    async def end(self, how: Answer | Exception = OK, *, which: int = 0) -> None:
        end = self._ends.pop(which)
        task = self._tasks.pop(which)
        if isinstance(how, Exception):
            end.set_exception(how)
        else:
            end.set_result(how)
        await asyncio.gather(task, return_exceptions=True)

    async def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def ends(how: Answer | Exception) -> Callable[[], Awaitable[Answer]]:
    async def call() -> Answer:
        if isinstance(how, Exception):
            raise how
        return how

    return call


async def after(bulkhead: Bulkhead, *hows: Answer | Exception) -> Circuit:
    for how in hows:
        await asyncio.gather(bulkhead.run(ends(how)), return_exceptions=True)
    return bulkhead.facts().circuit


async def held_back(bulkhead: Bulkhead) -> HeldBack:
    called = False

    async def call() -> Answer:
        nonlocal called
        called = True
        return OK

    with pytest.raises(HeldBack) as refused:
        await bulkhead.run(call)
    assert not called
    return refused.value


TIMEOUT = Unavailable(FailureCode.PROVIDER_TIMEOUT, stage="provider")
BROKEN = Unavailable(FailureCode.PROVIDER_ERROR, stage="provider")


@pytest.mark.parametrize("failing", [TIMEOUT, BROKEN, Answer(503, {}, b""), Answer(429, {}, b"")])
async def test_failures_in_a_row_open_the_circuit_and_then_nothing_is_called(time: Any, failing: Any):
    bulkhead = practice(CIRCUIT, time)
    assert await after(bulkhead, failing, failing) is Circuit.CLOSED
    assert await after(bulkhead, failing) is Circuit.OPEN

    refused = await held_back(bulkhead)
    assert (refused.code, refused.detail, refused.stage) == (
        FailureCode.PROVIDER_ERROR,
        "circuit_open",
        "provider",
    )
    assert refused.retry_after is not None
    assert 30.0 <= refused.retry_after <= 45.0
    assert bulkhead.facts().held_back == 1


@pytest.mark.parametrize(
    "answered",
    [
        OK,
        Answer(404, {}, b""),
        Answer(501, {}, b""),
        Refused(FailureCode.CONFIGURATION, stage="sds"),
        ResponseInvalid(stage="provider", detail="too_large"),
    ],
)
async def test_a_practice_that_says_no_is_called_again(time: Any, answered: Any):
    assert await after(practice(CIRCUIT, time), *[answered] * 50) is Circuit.CLOSED


async def test_an_answer_between_failures_begins_the_row_anew(time: Any):
    assert await after(practice(CIRCUIT, time), TIMEOUT, TIMEOUT, OK, TIMEOUT, TIMEOUT) is Circuit.CLOSED


@pytest.mark.parametrize(
    ("row", "circuit"), [([OK, TIMEOUT], Circuit.OPEN), ([OK, OK, TIMEOUT], Circuit.CLOSED)]
)
async def test_half_of_twenty_calls_failing_opens_it_in_whatever_order(time: Any, row: Any, circuit: Circuit):
    bulkhead = practice(CIRCUIT, time)
    assert await after(bulkhead, *[row[0]] * 2, *(row * 10)[:17]) is Circuit.CLOSED  # too few to tell

    assert await after(bulkhead, *(row * 10)[17:30]) is circuit


async def test_a_practice_that_is_well_again_is_not_judged_by_old_failures(time: Any):
    bulkhead = practice(CIRCUIT, time)
    mixed: list[Answer | Exception] = [OK, TIMEOUT]
    assert await after(bulkhead, OK, OK, *mixed * 10) is Circuit.OPEN
    time.now += 30

    assert await after(bulkhead, OK, TIMEOUT) is Circuit.CLOSED


async def test_a_fault_of_the_way_there_is_not_the_practices(time: Any):
    proxy_down = Unavailable(FailureCode.SPINE_ERROR, stage="spine")
    assert await after(practice(CIRCUIT, time), *[proxy_down] * 10) is Circuit.CLOSED


async def test_errors_that_come_through_the_proxy_are_not_its_own(time: Any):
    code = FailureCode.SPINE_ERROR
    blame = Blame(codes=frozenset({code}), statuses=False, silent=code, failing=code, stage="spine")
    proxy = Bulkhead("ssp", CIRCUIT, blame, clock=time)

    assert await after(proxy, *[TIMEOUT] * 10, *[Answer(502, {}, b"")] * 10) is Circuit.CLOSED
    assert await after(proxy, *[Unavailable(code, stage="spine")] * 3) is Circuit.OPEN
    assert (await held_back(proxy)).code is code


async def test_one_probe_at_a_time_finds_out_whether_it_is_over(time: Any):
    bulkhead = practice(CIRCUIT, time)
    await after(bulkhead, *[TIMEOUT] * 3)
    calls = Calls(bulkhead)
    time.now += 29.9
    await held_back(bulkhead)
    time.now += 0.1
    await calls.start()

    assert bulkhead.facts().circuit is Circuit.HALF_OPEN
    assert (await held_back(bulkhead)).detail == "circuit_open"
    await calls.end(TIMEOUT)
    assert bulkhead.facts().circuit is Circuit.OPEN
    await held_back(bulkhead)

    time.now += 30.0
    await calls.start()
    await calls.end(OK)
    assert bulkhead.facts().circuit is Circuit.CLOSED
    assert await after(bulkhead, TIMEOUT, TIMEOUT) is Circuit.CLOSED  # the old failures are forgotten
    assert bulkhead.facts().opened == 1


async def test_a_probe_that_is_cancelled_leaves_the_next_one_to_find_out(time: Any):
    bulkhead = practice(CIRCUIT, time)
    await after(bulkhead, *[TIMEOUT] * 3)
    time.now += 30
    calls = Calls(bulkhead)
    await calls.start()
    await calls.cancel()

    assert await after(bulkhead, OK) is Circuit.CLOSED


@pytest.mark.parametrize(("waited", "circuit"), [(2.0, Circuit.CLOSED), (3.1, Circuit.OPEN)])
async def test_requests_that_gave_up_on_a_silent_practice_are_failures(
    time: Any, waited: float, circuit: Circuit
):
    bulkhead = practice(PATIENT, time)
    calls = Calls(bulkhead)
    await calls.start(3)
    time.now += waited
    await calls.cancel()

    assert bulkhead.facts().circuit is circuit


async def test_calls_from_before_do_not_close_an_open_circuit(time: Any):
    bulkhead = practice(CIRCUIT, time)
    calls = Calls(bulkhead)
    await calls.start(4)
    for _ in range(3):
        await calls.end(TIMEOUT)
    await calls.end(OK)

    assert bulkhead.facts().circuit is Circuit.OPEN


async def test_calls_from_before_do_not_put_off_the_probe(time: Any):
    bulkhead = practice(CIRCUIT, time)
    calls = Calls(bulkhead)
    await calls.start(4)
    for _ in range(3):
        await calls.end(TIMEOUT)
    time.now += 20
    await calls.end(TIMEOUT)
    time.now += 10

    assert await after(bulkhead, OK) is Circuit.CLOSED


async def test_over_the_bound_a_request_is_given_back_at_once(time: Any):
    bulkhead = practice(Policy(failures=3, pause=30, concurrency=2), time)
    calls = Calls(bulkhead)
    await calls.start(2)

    refused = await held_back(bulkhead)
    assert (refused.detail, refused.retry_after) == ("busy", 1.0)
    assert bulkhead.facts().in_flight == 2
    await calls.end(Refused(FailureCode.CONFIGURATION, stage="sds"))
    await calls.start()
    await calls.cancel()
    assert bulkhead.facts().in_flight == 0


async def test_over_the_rate_a_request_is_given_back_until_its_turn(time: Any):
    bulkhead = practice(Policy(failures=3, pause=30, per_second=2), time)
    await after(bulkhead, OK, OK)
    time.now += 0.25

    refused = await held_back(bulkhead)
    assert (refused.detail, refused.retry_after) == ("rate_limited", 0.75)
    time.now += 0.75
    await bulkhead.run(ends(OK))


async def test_a_practice_that_hangs_holds_few_calls_long_before_they_time_out(time: Any):
    bulkhead = practice(PATIENT, time)
    calls = Calls(bulkhead)
    time.now += 60  # nobody asked, so it was not silent
    await calls.start(20)
    time.now += 3.0
    await calls.start()
    time.now += 0.1

    refused = await held_back(bulkhead)
    assert (refused.detail, refused.code, refused.retry_after) == (
        "silent",
        FailureCode.PROVIDER_TIMEOUT,
        3.0,
    )
    assert calls.made == 21
    await calls.cancel()


async def test_a_slow_practice_that_answers_is_not_silent(time: Any):
    bulkhead = practice(PATIENT, time)
    calls = Calls(bulkhead)
    await calls.start(100)
    for _ in range(10):
        time.now += 2.9
        await calls.end(OK)
        await calls.start()
    await calls.cancel()


async def test_one_call_that_hangs_does_not_make_a_practice_silent(time: Any):
    bulkhead = practice(PATIENT, time)
    calls = Calls(bulkhead)
    await calls.start()
    time.now += 20
    await calls.start()
    await calls.end(OK, which=1)
    await calls.start(2)
    await calls.cancel()


async def test_a_probe_goes_though_older_calls_still_hang(time: Any):
    bulkhead = practice(PATIENT, time)
    calls = Calls(bulkhead)
    await calls.start(6)
    for _ in range(3):
        await calls.end(TIMEOUT)
    time.now += 30

    assert await after(bulkhead, OK) is Circuit.CLOSED
    await calls.cancel()


async def test_practices_do_not_share_a_bulkhead(time: Any):
    bulkheads = PracticeBulkheads(CIRCUIT, clock=time)
    await after(bulkheads.of("A00001"), *[TIMEOUT] * 3)
    await after(bulkheads.of("A00002"), OK)

    assert [(facts.upstream, facts.where, facts.circuit) for facts in bulkheads.facts()] == [
        ("practice", "A00001", Circuit.OPEN),
        ("practice", "A00002", Circuit.CLOSED),
    ]


async def test_one_line_per_change_of_state(time: Any):
    bulkhead = practice(CIRCUIT, time)
    with structlog.testing.capture_logs() as lines:
        await after(bulkhead, *[TIMEOUT] * 3)
        time.now += 30
        await after(bulkhead, TIMEOUT)
        time.now += 30
        await after(bulkhead, OK, OK)

    assert {line["event"] for line in lines} == {"circuit_changed"}
    assert {line["practice_ods"] for line in lines} == {"A82038"}
    assert [line["circuit"] for line in lines] == ["open", "half_open", "open", "half_open", "closed"]


async def test_a_request_that_fails_again_and_again_is_one_witness(time: VirtualTime):
    bulkhead = practice(CIRCUIT, time)

    async def call() -> Answer:
        raise Unavailable(FailureCode.PROVIDER_ERROR, stage="provider")

    async def ask(request: str) -> None:
        current_request_key.set(request)
        with pytest.raises(Unavailable):
            await bulkhead.run(call)

    for request in ("poison",) * 40 + ("another",):
        await asyncio.create_task(ask(request))
    assert bulkhead.facts().circuit is Circuit.CLOSED

    await asyncio.create_task(ask("a third"))
    assert bulkhead.facts().circuit is Circuit.OPEN
