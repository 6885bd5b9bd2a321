"""Groups by cause add up: every request that did not succeed is in exactly one, with its practice and times."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import StaticPool, create_engine, delete, insert

from bridge.ledger.model import FOUND_OUT, FailureCause
from bridge.ledger.storage.causes import count_causes
from bridge.ledger.storage.listing import RequestFilter, list_requests
from bridge.ledger.storage.tables import requests

START = datetime(2026, 11, 29, tzinfo=UTC)
ENGINE = create_engine("sqlite://", poolclass=StaticPool)
requests.create(ENGINE)

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "pipeline": st.sampled_from(["a", "b"]),
            "state": st.sampled_from(["completed", "failed", "rejected", "in_doubt", "waiting", "in_flight"]),
            "stage": st.sampled_from([None, "pds"]),
            "code": st.sampled_from([None, "internal", FOUND_OUT]),
            "upstream": st.sampled_from([None, "pds"]),
            "detail": st.sampled_from([None, "", "http=500"]),
            "practice_ods": st.sampled_from([None, "A1", "B2"]),
            "dead_letter": st.sampled_from([None, "internal"]),
            "minutes": st.integers(0, 3),
        }
    ),
    max_size=30,
)


def row(number: int, given: dict[str, Any]) -> dict[str, Any]:
    minutes = timedelta(minutes=given["minutes"])
    kept = {name: value for name, value in given.items() if name != "minutes"}
    known = {"id": number, "request_key": f"/epr {number}", "correlation_id": "c", "body_sha256": "s"}
    known |= {"received_at": START + minutes, "ended_at": START + minutes, "started_at": START}
    return known | {"starts": 1, "worker": "w", "waits": 0} | kept


def counts(each: dict[str, Any]) -> bool:
    if each["state"] == "in_doubt":
        return bool(each["code"] != FOUND_OUT)
    return each["state"] in ("failed", "rejected") or (
        each["state"] == "completed" and bool(each["dead_letter"])
    )


def cause(each: dict[str, Any]) -> FailureCause:
    return FailureCause(each["pipeline"], each["stage"], each["code"], each["upstream"], each["detail"])


@settings(max_examples=60)
@given(ROWS, st.integers(0, 3))
def test_groups_reconcile_with_the_rows_and_with_their_lists(given_rows: list[dict[str, Any]], minutes: int):
    since = START + timedelta(minutes=minutes)
    rows = [row(number, each) for number, each in enumerate(given_rows, start=1)]
    wanted = [each for each in rows if counts(each) and each["ended_at"] >= since]
    with ENGINE.begin() as connection:
        connection.execute(delete(requests))
        if rows:
            connection.execute(insert(requests), rows)
        found = count_causes(connection, since=since, until=None, pipeline=None)
        assert Counter({each.cause: each.count for each in found}) == Counter(map(cause, wanted))
        for each in found:
            of_it = [one for one in wanted if cause(one) == each.cause]
            asked = Counter(one["practice_ods"] for one in of_it if one["practice_ods"])
            assert Counter(each.practices) == asked
            ended = [one["ended_at"] for one in of_it]
            assert (each.first_seen, each.last_seen) == (min(ended), max(ended))
            page = list_requests(
                connection, RequestFilter(cause=each.cause, ended_since=since), after=None, limit=50
            )
            assert {line.request_key for line in page.lines} == {one["request_key"] for one in of_it}
            assert Counter(line.outcome for line in page.lines) == Counter(each.outcomes)
            assert each.example in {line.request_key for line in page.lines}
