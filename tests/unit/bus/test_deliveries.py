"""The delivery runner: one run per message and attempt, whatever the connection does."""

import asyncio
from contextlib import AbstractContextManager, suppress
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from bridge.bus.deliveries import MOST_ATTEMPTS, DeliveryRunner
from bridge.bus.port import Dead, Delivery, Disposition, Done, RetryAfter
from bridge.observe import about_request, record
from bridge.observe.about import tell_bound
from bridge.observe.vocabulary.bus import MessageReturned, QueueDeclaredAgain
from tests.support.bus_sites import until

DELIVERY = Delivery(b"{}", id="request-1", key="record.requested.v1")


class Settled:
    """Takes outcomes, and fails when told to."""

    def __init__(self, *, failures: int = 0) -> None:
        self.outcomes: list[Disposition] = []
        self._failures = failures

    async def __call__(self, outcome: RetryAfter | Dead) -> None:
        if self._failures:
            self._failures -= 1
            raise ConnectionError
        self.outcomes.append(outcome)


class Counting:
    def __init__(self, outcome: Disposition | Exception) -> None:
        self.runs = 0
        self.go = asyncio.Event()
        self.go.set()
        self._outcome = outcome

    async def __call__(self, delivery: Delivery) -> Disposition:
        self.runs += 1
        await self.go.wait()
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


async def test_work_goes_on_when_its_connection_is_cut_and_the_next_copy_joins_it() -> None:
    handler = Counting(Done())
    handler.go.clear()
    runner = DeliveryRunner("q", handler, concurrency=1)
    first = asyncio.create_task(runner.run(DELIVERY, Settled()))
    await until(lambda: handler.runs == 1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = asyncio.create_task(runner.run(replace(DELIVERY, deliveries=2), Settled()))
    await asyncio.sleep(0)
    assert runner.busy == 1
    handler.go.set()
    await second
    assert handler.runs == 1


async def test_what_a_cut_connection_left_running_counts_against_the_bound() -> None:
    handler = Counting(Done())
    handler.go.clear()
    runner = DeliveryRunner("q", handler, concurrency=2)
    old = [asyncio.create_task(runner.run(replace(DELIVERY, id=f"old-{n}"), Settled())) for n in range(2)]
    await until(lambda: handler.runs == 2)
    for task in old:
        task.cancel()
    new = [asyncio.create_task(runner.run(replace(DELIVERY, id=f"new-{n}"), Settled())) for n in range(2)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert handler.runs == 2
    handler.go.set()
    await asyncio.gather(*new)
    assert handler.runs == 4


@pytest.mark.parametrize("outcome", [Done(), RetryAfter(1, "again"), Dead("invalid")])
async def test_a_copy_that_comes_late_takes_the_outcome_there_was(outcome: Disposition) -> None:
    handler, settled = Counting(outcome), Settled()
    runner = DeliveryRunner("q", handler, concurrency=1)
    await runner.run(DELIVERY, settled)
    await runner.run(replace(DELIVERY, deliveries=2), settled)
    assert handler.runs == 1
    assert len(settled.outcomes) == (0 if outcome == Done() else 1)


@pytest.mark.parametrize(
    "other",
    [replace(DELIVERY, id="request-2"), replace(DELIVERY, body=b"[]"), replace(DELIVERY, attempt=2)],
    ids=["id", "body", "attempt"],
)
async def test_another_message_or_attempt_is_run(other: Delivery) -> None:
    handler = Counting(Done())
    runner = DeliveryRunner("q", handler, concurrency=1)
    await runner.run(DELIVERY, Settled())
    await runner.run(other, Settled())
    assert handler.runs == 2


async def test_an_outcome_that_could_not_be_settled_does_not_count() -> None:
    handler, settled = Counting(Dead("invalid")), Settled(failures=1)
    runner = DeliveryRunner("q", handler, concurrency=1)
    with pytest.raises(ConnectionError), capture_logs() as logs:
        await runner.run(DELIVERY, settled)
    await asyncio.sleep(0)
    assert [line["event"] for line in logs] == ["outcome_not_settled"]
    await runner.run(replace(DELIVERY, deliveries=2), settled)
    assert handler.runs == 2
    assert settled.outcomes == [Dead("invalid")]


class Naming(Counting):
    """Knows which request a delivery is about."""

    def about(self, delivery: Delivery) -> AbstractContextManager[None]:
        return about_request(f"/epr {delivery.id}")


@pytest.mark.parametrize("outcome", [Done(), Dead("invalid"), RetryAfter(1, "again"), RuntimeError()])
async def test_every_line_of_a_delivery_that_the_bus_writes_names_the_request(
    outcome: Disposition | Exception,
) -> None:
    class Handler(Naming):
        async def __call__(self, delivery: Delivery) -> Disposition:
            with self.about(delivery):
                return await super().__call__(delivery)

    runner = DeliveryRunner("q", Handler(outcome), concurrency=1)
    with capture_logs(processors=[tell_bound]) as logs:
        for settled in (Settled(failures=1), Settled()):
            with suppress(ConnectionError):
                await runner.run(DELIVERY, settled)
        with runner.about(DELIVERY):
            record(MessageReturned("q", "ConnectionError"))
        record(QueueDeclaredAgain("q"))
    *told, last = logs
    assert {line["request_key"] for line in told} == {"/epr request-1"}
    assert "request_key" not in last
    assert ("outcome_not_settled" in {line["event"] for line in told}) == (outcome != Done())


async def test_no_message_is_tried_for_ever() -> None:
    settled = Settled()
    runner = DeliveryRunner("q", Counting(RetryAfter(1, "provider_timeout")), concurrency=1)
    await runner.run(replace(DELIVERY, attempt=MOST_ATTEMPTS - 1), settled)
    await runner.run(replace(DELIVERY, attempt=MOST_ATTEMPTS), settled)
    assert settled.outcomes == [
        RetryAfter(1, "provider_timeout"),
        Dead("attempts_exhausted", "provider_timeout"),
    ]


async def test_a_handler_that_keeps_count_itself_is_left_alone() -> None:
    settled = Settled()
    behind = RetryAfter(1, "behind_another", is_bounded=True)
    await DeliveryRunner("q", Counting(behind), concurrency=1).run(replace(DELIVERY, attempt=1000), settled)
    assert settled.outcomes == [behind]


async def test_dead_letters_are_logged_with_their_reason() -> None:
    runner = DeliveryRunner("q", Counting(Dead("rejected", "data.patient: is required")), concurrency=1)
    with capture_logs() as logs:
        await runner.run(DELIVERY, Settled())
    assert logs == [
        {
            "event": "message_dead",
            "log_level": "warning",
            "queue": "q",
            "reason": "rejected",
            "detail": "data.patient: is required",
            "attempt": 1,
            "outcome": "dead",
        }
    ]


async def test_what_the_bus_says_last_of_a_request_names_it_too_and_nothing_after_it_does() -> None:
    async def handler(_delivery: Delivery) -> Disposition:
        with about_request("urn:epr 1", pipeline="p"):
            return Dead("rejected")

    with capture_logs(processors=[tell_bound]) as logs:
        for _ in range(2):
            await DeliveryRunner("q", handler, concurrency=1).run(DELIVERY, Settled())
            record(QueueDeclaredAgain("q"))
    assert [line.get("request_key") for line in logs] == ["urn:epr 1", None, "urn:epr 1", None]


async def test_the_text_of_an_unforeseen_error_is_not_logged_nor_sent_on() -> None:
    settled = Settled()
    runner = DeliveryRunner("q", Counting(ValueError("9990548609")), concurrency=1)
    with capture_logs() as logs:
        await runner.run(DELIVERY, settled)
    assert [line["error"] for line in logs] == ["ValueError"]
    assert "9990548609" not in repr(logs) + repr(settled.outcomes)
    [outcome] = settled.outcomes
    assert isinstance(outcome, RetryAfter)
    assert outcome.reason == "internal"


async def test_draining_waits_then_cancels() -> None:
    handler = Counting(Done())
    handler.go.clear()
    runner = DeliveryRunner("q", handler, concurrency=1)
    running = asyncio.create_task(runner.run(DELIVERY, Settled()))
    await until(lambda: handler.runs == 1)
    assert await runner.drain(0.01) == 1
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await runner.drain(0.01) == 0
