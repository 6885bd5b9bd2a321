"""Lists of requests, finding them, groups by cause and overviews, against the rows they are made of."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest
from sqlalchemy import Connection, TextClause, select, text
from sqlalchemy.dialects import sqlite

from bridge.cli.commands.options import Took
from bridge.figures.table import BUCKETS
from bridge.ledger import Circumstances, EndState, FollowUp, Ledger
from bridge.ledger.model import FailureCause, ListedOutcome
from bridge.ledger.opening import open_store
from bridge.ledger.storage.durations import THRESHOLDS
from bridge.ledger.storage.listing import Cursor, RequestFilter, RequestLine
from bridge.ledger.storage.tables import requests
from bridge.settings import Settings
from tests.integration.ledger.site import START, Clock, events, opening, started

TIMEOUT = Circumstances("provider", "practice", "read_timeout", "A12345")


async def end(
    ledger: Ledger,
    number: int,
    state: EndState,
    code: str | None = None,
    told: Circumstances | None = None,
    **other: Any,
) -> None:
    claim = started(await ledger.begin(opening(number, own_id=f"r-{number}", **other)))
    follow_up = FollowUp() if state == "in_doubt" else None
    await ledger.finish(
        claim.lease,
        state=state,
        code=code,
        events=events(number),
        told=told or Circumstances(),
        follow_up=follow_up,
    )


async def ids(ledger: Ledger, **wanted: Any) -> list[str]:
    return [line.own_id for line in (await ledger.oversight.list_requests(RequestFilter(**wanted))).lines]


async def one_of_each(ledger: Ledger, clock: Clock) -> None:
    """The number of a request is how many seconds after the start it came."""
    at = {number: START + timedelta(seconds=number) for number in range(9)}
    await end(ledger, 1, "completed", told=Circumstances(practice_ods="A12345"), received_at=at[1])
    await end(ledger, 2, "failed", "provider_timeout", TIMEOUT, received_at=at[2], pipeline="appointments")
    at_fault = Circumstances("request", None, "id: is", None, "rejected")
    await end(ledger, 3, "rejected", None, at_fault, received_at=at[3])
    dead = Circumstances("engine", dead_letter="internal")
    await end(ledger, 4, "failed", "internal", dead, received_at=at[4])
    await end(ledger, 5, "in_doubt", "provider_timeout", TIMEOUT, received_at=at[5], patient_key="f" * 32)
    waits = started(await ledger.begin(opening(6, own_id="r-6", received_at=at[6], correlation_id="c-1")))
    until = clock() + timedelta(seconds=30)
    await ledger.wait(waits.lease, until=until, reason="provider_timeout", told=TIMEOUT)
    await ledger.begin(opening(7, own_id="r-7", received_at=at[7], operation="record.requested.v1"))


async def test_each_filter_finds_its_requests_the_newest_first(ledger: Ledger, clock: Clock):
    await one_of_each(ledger, clock)
    assert await ids(ledger) == ["r-7", "r-6", "r-5", "r-4", "r-3", "r-2", "r-1"]
    found = {outcome: await ids(ledger, outcome=outcome) for outcome in get_args(ListedOutcome)}
    assert found == {
        "completed": ["r-1"],
        "failed": ["r-2"],
        "rejected": ["r-3"],
        "dead": ["r-4"],
        "in_doubt": ["r-5"],
        "retrying": ["r-6"],
        "in_flight": ["r-7"],
    }
    assert await ids(ledger, code="provider_timeout") == ["r-6", "r-5", "r-2"]
    assert await ids(ledger, code="provider_timeout", outcome="failed") == ["r-2"]
    assert await ids(ledger, pipeline="appointments") == ["r-2"]
    assert await ids(ledger, practice_ods="A12345") == ["r-6", "r-5", "r-2", "r-1"]
    assert await ids(ledger, correlation_id="c-1") == ["r-6", "r-1"]
    assert await ids(ledger, patient_key="f" * 32) == ["r-5"]
    since, until = START + timedelta(seconds=3), START + timedelta(seconds=5)
    assert await ids(ledger, since=since, until=until) == ["r-4", "r-3"]
    assert await ids(ledger, operation="record.requested.v1") == ["r-7"]
    assert await ids(ledger, operation="record.requested.v1", outcome="failed") == []
    assert await ids(ledger, attempts=2) == ["r-6"]
    assert await ids(ledger, attempts=1, outcome="failed") == ["r-2"]
    assert await ids(ledger, attempts=3) == []
    assert await ids(ledger, code="none such") == []


async def test_requests_are_found_by_how_long_they_took(ledger: Ledger, clock: Clock):
    received = clock()
    for number, seconds in enumerate((0.0, 4.999, 5.0, 45.25, 3600.0)):
        claim = started(await ledger.begin(opening(number, own_id=f"r-{number}", received_at=received)))
        clock.now = received + timedelta(seconds=seconds)
        state: EndState = "failed" if number == 3 else "completed"
        await ledger.finish(claim.lease, state=state, code=None, events=[], told=Circumstances())
    await ledger.begin(opening(9, own_id="r-9", received_at=received - timedelta(hours=2)))  # in flight
    found = {seconds: await ids(ledger, took_s=seconds) for seconds in THRESHOLDS}
    assert found[5] == ["r-4", "r-3", "r-2"]
    assert found[10] == found[30] == ["r-4", "r-3"]
    assert found[60] == found[300] == ["r-4"]
    assert await ids(ledger, took_s=5, outcome="failed") == ["r-3"]
    with pytest.raises(ValueError, match="5, 10, 30"):
        await ids(ledger, took_s=7)


def test_thresholds_are_bounds_that_the_metric_has_too():
    assert {float(seconds) for seconds in THRESHOLDS} <= set(BUCKETS)
    assert [f"{seconds}s" for seconds in THRESHOLDS] == list(get_args(Took))


def _rows(query: TextClause, connection: Connection) -> str:
    return str(connection.execute(query).all())


async def test_slow_requests_are_found_by_their_index(tmp_path: Path):
    """The condition of a list is that of the index to the letter: SQLite uses it for no other."""
    async with open_store(Settings(state_dir=tmp_path)) as store:
        for seconds in THRESHOLDS:
            wanted = RequestFilter(took_s=seconds).conditions("sqlite")
            query = select(requests.c.id).where(*wanted).order_by(requests.c.received_at.desc())
            plan = text("EXPLAIN QUERY PLAN " + str(query.compile(dialect=sqlite.dialect())))
            steps = await store.read(partial(_rows, plan))
            assert f"ix_requests_slow_{seconds}" in steps


async def test_a_line_says_what_the_ledger_knows(ledger: Ledger, clock: Clock):
    asked_at = START - timedelta(minutes=3)
    told = Circumstances("provider", "practice", "http=500", "A12345", "internal")
    claim = started(
        await ledger.begin(opening(own_id="r-1", operation="record.requested.v1", asked_at=asked_at))
    )
    await ledger.wait(claim.lease, until=clock(), reason="provider_timeout", told=TIMEOUT)
    again = started(await ledger.begin(opening(attempt=2)))
    clock.turn(2.5)
    await ledger.finish(again.lease, state="failed", code="provider_error", events=[], told=told)
    (line,) = (await ledger.oversight.list_requests(RequestFilter())).lines
    assert line == RequestLine(
        row=line.row,
        request_key="/epr r-1",
        source="/epr",
        own_id="r-1",
        correlation_id="c-1",
        pipeline="structured_record",
        operation="record.requested.v1",
        practice_ods="A12345",
        outcome="dead",
        state="failed",
        code="provider_error",
        stage="provider",
        upstream="practice",
        detail="http=500",
        dead_letter="internal",
        attempts=2,
        asked_at=asked_at,
        received_at=START,
        ended_at=START + timedelta(seconds=2.5),
        wait_until=None,
    )
    assert line.duration_ms == 2500.0


async def test_the_practice_that_an_earlier_try_asked_is_not_forgotten(ledger: Ledger, clock: Clock):
    claim = started(await ledger.begin(opening()))
    await ledger.wait(claim.lease, until=clock(), reason="provider_timeout", told=TIMEOUT)
    again = started(await ledger.begin(opening(attempt=2)))
    told = Circumstances("pds", "pds", "http=503")
    await ledger.finish(again.lease, state="failed", code="spine_error", events=[], told=told)
    (line,) = (await ledger.oversight.list_requests(RequestFilter())).lines
    assert (line.practice_ods, line.stage, line.detail) == ("A12345", "pds", "http=503")


async def test_pages_follow_each_other_without_a_gap_though_requests_come_at_one_moment(ledger: Ledger):
    for number in range(7):
        await ledger.begin(opening(number, received_at=START + timedelta(seconds=number // 4)))
    read: list[str] = []
    after: Cursor | None = None
    while True:
        page = await ledger.oversight.list_requests(RequestFilter(), after=after, limit=2)
        read += [line.own_id for line in page.lines]
        if page.after is None:
            break
        after = Cursor.parse(str(page.after))
        await ledger.begin(opening(100 + len(read), received_at=START + timedelta(hours=1)))
    assert read == [f"r-{number}" for number in (6, 5, 4, 3, 2, 1, 0)]


@pytest.mark.parametrize("broken", ["", "x", "20261122T093000.000000", "20261122T093000.000000-x", "-1"])
def test_what_is_no_cursor_is_refused(broken: str):
    with pytest.raises(ValueError, match=r".*"):
        Cursor.parse(broken)


async def test_a_request_is_found_by_every_name_it_has(ledger: Ledger, clock: Clock):
    await one_of_each(ledger, clock)
    await ledger.begin(opening(2, request_key="/other r-2", own_id="r-2", received_at=START))

    async def found(reference: str) -> list[str]:
        return [line.request_key for line in await ledger.oversight.find(reference)]

    assert await found("/epr r-2") == ["/epr r-2"]
    assert await found("r-2") == ["/epr r-2", "/other r-2"]
    assert await found("c-1") == ["/epr r-6", "/epr r-1"]
    assert await found("e-4-1") == ["/epr r-4"]
    assert await found("none such") == []
    assert await found("%") == []


async def test_a_request_from_before_there_was_an_id_of_its_own_is_found_by_it(ledger: Ledger):
    await ledger.begin(opening(5))  # as an older version writes it
    assert [line.own_id for line in await ledger.oversight.find("r-5")] == ["r-5"]


async def test_what_did_not_succeed_is_grouped_by_cause(ledger: Ledger, clock: Clock):
    await one_of_each(ledger, clock)
    clock.turn(3600)
    other = Circumstances("provider", "practice", "read_timeout", "B99999")
    for number in (10, 11):
        await end(ledger, number, "failed", "provider_timeout", other)
    await end(ledger, 12, "failed", "provider_timeout", TIMEOUT)
    first, *others = await ledger.oversight.count_causes()
    assert first.cause == FailureCause(
        "structured_record", "provider", "provider_timeout", "practice", "read_timeout"
    )
    assert (first.count, dict(first.outcomes)) == (4, {"failed": 3, "in_doubt": 1})
    assert list(first.practices.items()) == [("A12345", 2), ("B99999", 2)]
    assert (first.first_seen, first.last_seen) == (START, START + timedelta(hours=1))
    assert first.example == "/epr r-12"
    assert sorted((each.cause.pipeline, str(each.cause.code)) for each in others) == [
        ("appointments", "provider_timeout"),
        ("structured_record", "None"),
        ("structured_record", "internal"),
    ]
    (since,) = await ledger.oversight.count_causes(since=START + timedelta(minutes=1))
    assert since.count == 3
    assert await ids(ledger, cause=first.cause) == ["r-5", "r-12", "r-11", "r-10"]
    assert await ids(ledger, cause=first.cause, ended_since=since.first_seen) == ["r-12", "r-11", "r-10"]


async def test_a_doubt_that_a_person_has_ended_is_in_no_group(ledger: Ledger):
    await end(ledger, 1, "in_doubt")
    assert [dict(each.outcomes) for each in await ledger.oversight.count_causes()] == [{"in_doubt": 1}]
    await ledger.oversight.close(opening().request_key, also=lambda _: None)
    assert await ledger.oversight.count_causes() == []
    (line,) = await ledger.oversight.pipelines(since=START)
    assert (line.in_doubt, line.oldest_in_doubt) == (0, None)


async def test_the_overview_counts_the_period_and_what_is_open_now(ledger: Ledger, clock: Clock):
    await one_of_each(ledger, clock)
    (structured,) = await ledger.oversight.pipelines(since=START + timedelta(seconds=4))
    assert dict(structured.outcomes) == {"dead": 1, "in_doubt": 1, "retrying": 1, "in_flight": 1}
    assert (structured.received, structured.last_completed) == (4, None)
    assert (structured.retrying, structured.in_flight, structured.in_doubt) == (1, 1, 1)
    assert structured.oldest_open == START + timedelta(seconds=6)
    assert structured.oldest_in_doubt == START + timedelta(seconds=5)
    later = await ledger.oversight.pipelines(since=START + timedelta(days=1))
    assert [(each.pipeline, each.received, each.retrying) for each in later] == [("structured_record", 0, 1)]
    both = await ledger.oversight.pipelines(since=START)
    assert [(each.pipeline, each.last_completed) for each in both] == [
        ("appointments", None),
        ("structured_record", START),
    ]


async def test_practices_are_told_with_their_last_success_and_codes(ledger: Ledger, clock: Clock):
    await one_of_each(ledger, clock)
    clock.turn(60)
    other = Circumstances("provider", "practice", "http=400", "B99999")
    await end(ledger, 20, "completed", told=other, received_at=clock())
    worst, fine = await ledger.oversight.practices(since=START + timedelta(seconds=2))
    assert (worst.practice_ods, worst.failure_rate) == ("A12345", 1.0)
    assert dict(worst.outcomes) == {"failed": 1, "in_doubt": 1, "retrying": 1}
    assert worst.last_success == START  # of one that was received before
    assert [(code.code, code.count) for code in worst.codes] == [("provider_timeout", 1)] * 3
    assert (fine.practice_ods, fine.failure_rate, fine.received) == ("B99999", 0.0, 1)
    assert fine.last_success == START + timedelta(seconds=60)
