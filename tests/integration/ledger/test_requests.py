"""The life of a request: who gets it, when it is given on, how it ends, and what a repeat is told."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from bridge.ledger import (
    Conflict,
    Ended,
    LeaseLost,
    Ledger,
    Running,
    Started,
    open_ledger,
)
from bridge.settings import Settings
from tests.integration.ledger.site import START, Clock, call, events, opening, sealer_in, started

LEASE = timedelta(seconds=60)


@pytest.fixture
async def other(settings: Settings, clock: Clock, ledger: Ledger):
    """Another worker on the same ledger."""
    async with open_ledger(settings, sealer_in(settings.state_dir), clock=clock) as opened:
        yield opened


async def test_a_new_request_is_started(ledger: Ledger):
    claim = started(await ledger.begin(opening()))
    assert (claim.lease.attempt, claim.taken_over, list(claim.intents)) == (1, False, [])


async def test_a_request_that_is_worked_on_is_not_given_twice(ledger: Ledger, other: Ledger):
    await ledger.begin(opening())
    assert await ledger.begin(opening()) == Running(START + LEASE)
    assert await other.begin(opening()) == Running(START + LEASE)


async def test_of_many_that_ask_at_once_one_gets_it(ledger: Ledger, other: Ledger):
    claims = await asyncio.gather(*(worker.begin(opening()) for worker in (ledger, other) * 10))
    assert sorted(type(claim).__name__ for claim in claims) == ["Running"] * 19 + ["Started"]


async def test_the_same_id_with_another_body_is_a_conflict(ledger: Ledger):
    first = started(await ledger.begin(opening()))
    impostor = opening(body_sha256="cd" * 32)
    assert await ledger.begin(impostor) == Conflict()
    await ledger.finish(first.lease, state="completed", code=None, events=events())
    assert await ledger.begin(impostor) == Conflict()


async def test_a_conflict_is_rejected_under_a_key_of_its_own(ledger: Ledger):
    first = started(await ledger.begin(opening()))
    impostor = opening(body_sha256="cd" * 32).as_conflicting()
    rejection = started(await ledger.begin(impostor))
    await ledger.finish(rejection.lease, state="rejected", code="duplicate_id", events=events(2, 1))
    await ledger.finish(first.lease, state="completed", code=None, events=events(1))
    again = await ledger.begin(impostor)
    assert isinstance(again, Ended)
    assert (again.state, again.code) == ("rejected", "duplicate_id")


async def test_a_repeat_gets_the_stored_outcome_and_what_is_owed(ledger: Ledger, other: Ledger):
    claim = started(await ledger.begin(opening()))
    told = events(count=3)
    await ledger.finish(claim.lease, state="completed", code=None, events=told)
    assert await other.begin(opening()) == Ended("completed", None, told)
    await ledger.published(opening().request_key, [told[0].id, told[2].id])
    assert await other.begin(opening()) == Ended("completed", None, [told[1]])
    await ledger.published(opening().request_key, [told[1].id])
    assert await other.begin(opening()) == Ended("completed", None, [])


async def test_the_stored_outcome_can_be_read_again(ledger: Ledger):
    claim = started(await ledger.begin(opening()))
    await ledger.finish(claim.lease, state="completed", code=None, events=events())
    await ledger.published(opening().request_key, [event.id for event in events()])
    assert await ledger.stored_events(opening().request_key) == events()
    assert await ledger.stored_events("/epr never") == []


async def test_a_failure_is_an_outcome_too(ledger: Ledger):
    claim = started(await ledger.begin(opening()))
    await ledger.finish(claim.lease, state="failed", code="patient_not_found", events=events(count=1))
    again = await ledger.begin(opening())
    assert isinstance(again, Ended)
    assert (again.state, again.code) == ("failed", "patient_not_found")


async def test_a_lease_that_runs_out_is_taken_over(ledger: Ledger, other: Ledger, clock: Clock):
    first = started(await ledger.begin(opening()))
    clock.turn(60)
    second = started(await other.begin(opening()))
    assert second.taken_over
    assert second.lease.attempt == 1  # a crash is no retry
    with pytest.raises(LeaseLost):
        await ledger.finish(first.lease, state="completed", code=None, events=events())
    await other.finish(second.lease, state="completed", code=None, events=events())


async def test_whoever_was_taken_over_leaves_no_trace(ledger: Ledger, other: Ledger, clock: Clock):
    first = started(await ledger.begin(opening()))
    clock.turn(60)
    second = started(await other.begin(opening()))
    with pytest.raises(LeaseLost):
        await ledger.finish(first.lease, state="failed", code="late", events=events(9), calls=[call()])
    with pytest.raises(LeaseLost):
        await ledger.wait(first.lease, until=clock() + LEASE, reason="late", calls=[call()])
    await other.finish(second.lease, state="completed", code=None, events=events(1))
    history = await other.oversight.request_history(opening().request_key)
    assert history is not None
    assert history.state == "completed"
    assert [event.id for event in history.events] == ["e-1-0", "e-1-1"]
    assert [(attempt.outcome, list(attempt.calls)) for attempt in history.attempts] == [
        ("lost", []),
        ("completed", []),
    ]


async def test_a_lease_that_is_renewed_is_kept(ledger: Ledger, other: Ledger, clock: Clock):
    await ledger.begin(opening())
    clock.turn(50)
    await ledger.renew()
    clock.turn(50)
    assert await other.begin(opening()) == Running(START + timedelta(seconds=110))


async def test_leases_are_renewed_without_being_asked(settings: Settings, clock: Clock):
    hasty = settings.model_copy(update={"ledger": settings.ledger.model_copy(update={"lease_seconds": 0.05})})
    async with open_ledger(hasty, sealer_in(settings.state_dir), clock=clock) as ledger:
        await ledger.begin(opening())
        clock.turn(1)
        while True:
            history = await ledger.oversight.request_history(opening().request_key)
            assert history is not None
            if history.lease_until == clock() + timedelta(seconds=0.05):
                break
            await asyncio.sleep(0.005)


async def test_only_what_is_held_is_renewed(ledger: Ledger, other: Ledger, clock: Clock):
    claim = started(await ledger.begin(opening()))
    await ledger.release(claim.lease)
    await ledger.renew()
    assert started(await other.begin(opening())).taken_over


async def test_a_renewal_that_comes_late_does_not_revive_what_has_ended(ledger: Ledger):
    claim = started(await ledger.begin(opening()))
    await asyncio.gather(
        ledger.finish(claim.lease, state="completed", code=None, events=events()), ledger.renew()
    )
    history = await ledger.oversight.request_history(opening().request_key)
    assert history is not None
    assert (history.state, history.lease_until) == ("completed", None)


async def test_a_released_request_is_free_at_once(ledger: Ledger, other: Ledger):
    claim = started(await ledger.begin(opening()))
    await ledger.release(claim.lease)
    await ledger.release(claim.lease)
    second = started(await other.begin(opening()))
    await ledger.release(claim.lease)  # not ours any more: nothing happens
    assert isinstance(await ledger.begin(opening()), Running)
    await other.finish(second.lease, state="completed", code=None, events=events())
    await other.release(second.lease)
    assert isinstance(await ledger.begin(opening()), Ended)


async def test_a_lease_from_before_the_clock_was_set_back_does_not_block(
    ledger: Ledger, other: Ledger, clock: Clock
):
    clock.turn(24 * 3600)
    await ledger.begin(opening())
    clock.turn(-24 * 3600)
    assert started(await other.begin(opening())).taken_over


async def test_a_retry_waits_until_it_is_due(ledger: Ledger, other: Ledger, clock: Clock):
    claim = started(await ledger.begin(opening()))
    due = START + timedelta(seconds=30)
    await ledger.wait(claim.lease, until=due, reason="provider_timeout", calls=[call(status=None)])
    # The broker hands the first delivery over again, because its worker died before the copy was parked.
    assert await other.begin(opening()) == Running(due)
    clock.turn(30)
    second = started(await other.begin(opening()))
    assert (second.lease.attempt, second.taken_over) == (2, False)


async def test_the_retry_itself_is_taken_even_when_it_is_early(ledger: Ledger, clock: Clock):
    claim = started(await ledger.begin(opening()))
    await ledger.wait(claim.lease, until=START + timedelta(seconds=30), reason="provider_timeout")
    clock.turn(29)
    assert started(await ledger.begin(opening(attempt=2))).lease.attempt == 2


async def test_a_wait_that_is_no_attempt_is_not_counted(ledger: Ledger, clock: Clock):
    claim = started(await ledger.begin(opening()))
    await ledger.wait(claim.lease, until=clock(), reason="may_be_under_way", is_counted=False)
    assert started(await ledger.begin(opening(attempt=2))).lease.attempt == 1


async def test_attempts_are_counted_by_the_ledger(ledger: Ledger, clock: Clock):
    for attempt in (1, 2, 3):
        claim = started(await ledger.begin(opening(attempt=attempt * 7)))
        assert claim.lease.attempt == attempt
        await ledger.wait(claim.lease, until=clock(), reason="provider_timeout")


async def test_a_finished_lease_cannot_be_used_again(ledger: Ledger):
    claim = started(await ledger.begin(opening()))
    await ledger.finish(claim.lease, state="completed", code=None, events=events())
    with pytest.raises(LeaseLost):
        await ledger.finish(claim.lease, state="failed", code="internal", events=events(2))
    again = await ledger.begin(opening())
    assert isinstance(again, Ended)
    assert (again.state, list(again.unpublished)) == ("completed", events())


@pytest.mark.duty("JO-024")
async def test_what_belongs_to_the_outcome_is_kept_with_it_or_not_at_all(ledger: Ledger):
    claim = started(await ledger.begin(opening()))

    def refuse(connection: object) -> None:
        raise RuntimeError("the audit trail cannot be written")

    with pytest.raises(RuntimeError):
        await ledger.finish(claim.lease, state="completed", code=None, events=events(), also=refuse)
    assert isinstance(await ledger.begin(opening()), Running)
    await ledger.finish(claim.lease, state="completed", code=None, events=events())


async def end_together(
    ledger: Ledger, claims: Sequence[Started], more: Mapping[int, Mapping[str, Any]]
) -> list[BaseException | None]:
    """End requests at the same moment, so that they share a commit on SQLite; what each of them raised."""
    ends = (
        ledger.finish(
            claim.lease, state="completed", code=None, events=events(number), **more.get(number, {})
        )
        for number, claim in enumerate(claims)
    )
    return await asyncio.gather(*ends, return_exceptions=True)


async def test_one_request_at_fault_takes_no_other_with_it(ledger: Ledger):
    claims = [started(await ledger.begin(opening(number))) for number in range(20)]

    def refuse(connection: object) -> None:
        raise RuntimeError

    results = await end_together(ledger, claims, {7: {"also": refuse}})
    assert [number for number, result in enumerate(results) if result is not None] == [7]
    balance = await ledger.oversight.draw_balance()
    assert (balance.completed, balance.in_flight) == (19, 1)


async def test_a_row_that_the_database_refuses_takes_no_other_request_with_it(ledger: Ledger):
    claims = [started(await ledger.begin(opening(number))) for number in range(9)]
    results = await end_together(ledger, claims, {4: {"calls": [call(trace_id=None)]}})
    # Of each driver, its own.
    assert [type(result).__name__ for result in results if result is not None] in (
        ["IntegrityError"],
        ["NotNullViolationError"],
    )
    assert isinstance(await ledger.begin(opening(4)), Running)
    told = [await ledger.stored_events(opening(number).request_key) for number in range(9)]
    assert told == [[] if number == 4 else events(number) for number in range(9)]


async def test_requests_that_end_together_have_their_own_events_and_calls(ledger: Ledger):
    claims = [started(await ledger.begin(opening(number))) for number in range(30)]
    # More rows than one statement takes, in uneven portions.
    made = [[call(trace_id=f"t-{number}-{of}") for of in range(number % 7)] for number in range(30)]
    results = await end_together(ledger, claims, {number: {"calls": made[number]} for number in range(30)})
    assert results == [None] * 30
    for number in range(30):
        assert await ledger.stored_events(opening(number).request_key) == events(number)
        history = await ledger.oversight.request_history(opening(number).request_key)
        assert history is not None
        assert [list(attempt.calls) for attempt in history.attempts] == [made[number]]


async def test_of_requests_published_together_each_owes_what_was_not_published_of_itself(ledger: Ledger):
    same = events(1, 3)  # under the same ids, which a derived id never is
    for number in range(12):
        claim = started(await ledger.begin(opening(number)))
        await ledger.finish(claim.lease, state="completed", code=None, events=same)
    out = [[event.id for event in same[: 1 + number % 3]] for number in range(12)]
    await asyncio.gather(
        *(ledger.published(opening(number).request_key, out[number]) for number in range(12))
    )
    for number in range(12):
        again = await ledger.begin(opening(number))
        assert again == Ended("completed", None, same[1 + number % 3 :])


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
async def test_a_repeat_at_the_moment_of_the_end_is_told_what_is_owed(ledger: Ledger):
    in_line = opening(turn_key="one after another")
    claim = started(await ledger.begin(in_line))
    _, again = await asyncio.gather(
        ledger.finish(claim.lease, state="completed", code=None, events=events()), ledger.begin(in_line)
    )
    assert again == Ended("completed", None, events())


async def test_a_caller_that_is_cancelled_can_begin_again(ledger: Ledger):
    await ledger.begin(opening(2))  # the only request of a worker may begin before it can be cancelled
    task = asyncio.create_task(ledger.begin(opening()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    claims = await asyncio.gather(*(ledger.begin(opening()) for _ in range(5)))
    assert sorted(type(claim).__name__ for claim in claims) == ["Running"] * 4 + ["Started"]


@pytest.mark.duty("JO-024")
async def test_an_operator_sees_the_whole_history(ledger: Ledger, clock: Clock):
    asked = opening(expires_at=START + timedelta(hours=1))
    claim = started(await ledger.begin(asked))
    timed_out = call(status=None, code="provider_timeout", duration_ms=30000.0)
    clock.turn(31)
    await ledger.wait(claim.lease, until=clock(), reason="provider_timeout", calls=[timed_out])
    claim = started(await ledger.begin(asked))
    pds = call(what="pds.patient", where="pds", trace_id="p-1")
    await ledger.finish(claim.lease, state="completed", code=None, events=events(), calls=[pds, call()])
    await ledger.published(asked.request_key, ["e-1-0"])

    history = await ledger.oversight.request_history(asked.request_key)
    assert history is not None
    assert (history.pipeline, history.correlation_id) == ("structured_record", "c-1")
    assert (history.requester, history.patient_key) == (asked.requester, asked.patient_key)
    assert (history.received_at, history.expires_at, history.ended_at) == (START, asked.expires_at, clock())
    assert [(attempt.start, attempt.outcome, attempt.code) for attempt in history.attempts] == [
        (1, "waiting", "provider_timeout"),
        (2, "completed", None),
    ]
    assert [list(attempt.calls) for attempt in history.attempts] == [[timed_out], [pds, call()]]
    assert all(attempt.worker.startswith(ledger.worker_id) for attempt in history.attempts)
    assert [(event.id, event.topic, event.published_at) for event in history.events] == [
        ("e-1-0", "medications.published.v1", clock()),
        ("e-1-1", "request.completed.v1", None),
    ]
    assert history.events[0].size == len(events()[0].body)


async def test_a_message_that_could_not_be_read_is_on_the_record(ledger: Ledger):
    unreadable = opening(requester=None, patient_key=None)
    claim = started(await ledger.begin(unreadable))
    await ledger.finish(claim.lease, state="rejected", code="body", events=events(count=1))
    history = await ledger.oversight.request_history(unreadable.request_key)
    assert history is not None
    assert (history.state, history.requester) == ("rejected", None)


async def test_nothing_is_known_of_a_request_that_never_came(ledger: Ledger):
    assert await ledger.oversight.request_history("/epr never") is None
