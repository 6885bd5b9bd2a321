"""What is counted, under which labels, and what is left out because nobody knows it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.bus.port import QueueDepth, QueueSpec
from bridge.credentials.tls import CertificateFact
from bridge.errors import FailureCode
from bridge.figures import Figures, Sources
from bridge.figures.labels import Few
from bridge.ledger import LedgerUnavailable, OpenRequests, Unfinished
from bridge.observe import about_request, record, recording
from bridge.observe.vocabulary.bus import MessageDead, OneByOneBegun, StoredMessagesLost
from bridge.observe.vocabulary.requests import InDoubtEnded, RecordMapped, RequestHandled
from bridge.observe.vocabulary.upstreams import UpstreamCall
from bridge.spine.bulkhead import BulkheadFacts, Circuit
from tests.support.figures import Answer

QUEUE = QueueSpec("t.appointments", ("slots.requested.v1",))
LATER = datetime(2027, 1, 1, tzinfo=UTC)


class Broker:
    """Counts what a test says; another one is away."""

    def __init__(self, *, is_away: bool = False, has_queues: bool = True) -> None:
        self.is_away, self.has_queues = is_away, has_queues

    async def depth(self, _queue: QueueSpec) -> QueueDepth:
        if self.is_away or not self.has_queues:
            raise ConnectionError
        return QueueDepth(ready=3, waiting=2, dead=1)

    async def is_attended(self, _queue: QueueSpec) -> bool:
        if self.is_away:
            raise ConnectionError
        return self.has_queues


async def ready() -> Mapping[str, bool]:
    return {"ledger": True, "audit": True}


async def unfinished() -> Unfinished:
    ago = datetime.now(UTC) - timedelta(minutes=1)
    return Unfinished({"appointments": OpenRequests(2, 1, ago)}, 4, ago, 5, ago)


SOURCES = Sources(
    bus=Broker(),
    queues={"appointments": QUEUE},
    ready=ready,
    count_unfinished=unfinished,
    bulkheads=lambda: [
        BulkheadFacts("pds", None, Circuit.CLOSED, 0, 0, 0),
        BulkheadFacts("practice", "A82038", Circuit.OPEN, 0, 1, 4),
        BulkheadFacts("practice", "B82617", Circuit.HALF_OPEN, 1, 1, 4),
        BulkheadFacts("practice", "Y90001", Circuit.CLOSED, 1, 0, 0),
    ],
    certificates=lambda: [CertificateFact("BRIDGE_SPINE_CERT_FILE", LATER)],
    clock_skew=lambda: None,
    retries_stopped=lambda pipeline: pipeline == "appointments",
)


async def answer(figures: Figures) -> Answer:
    return Answer(await figures.text())


async def counted(*events) -> Answer:
    figures = Figures()
    with recording(figures), about_request("/epr r-1", pipeline="appointments"):
        for event in events:
            record(event)
    return await answer(figures)


def handled(outcome="completed", ended="completed", **other):
    return RequestHandled(
        outcome=outcome, ended=ended, duration_ms=1500.0, operation="slots.requested.v1", **other
    )


async def test_a_request_is_counted_where_it_ends_and_once():
    figures = await counted(
        handled("retrying", None, code="provider_timeout", retry_in_s=5.0),
        handled(age_s=7.0),
        handled("completed", None, reason="ended_before"),
        handled("dead", "failed", code="internal"),
    )
    assert figures.by("requests_total", "pipeline", "operation", "outcome", "code") == {
        ("appointments", "slots.requested.v1", "completed", ""): 1,
        ("appointments", "slots.requested.v1", "failed", "internal"): 1,
    }
    assert figures.by("retries_total", "pipeline", "reason") == {("appointments", "provider_timeout"): 1}
    assert figures.value("request_duration_seconds_count", operation="slots.requested.v1") == 2
    assert figures.value("request_duration_seconds_sum", operation="slots.requested.v1") == 3.0
    assert figures.value("request_age_seconds_bucket", le="5.0") == 0
    assert figures.value("request_age_seconds_bucket", le="10.0") == 1
    assert not any(each.name.endswith("_created") for each in figures.series)


async def test_a_request_in_doubt_is_counted_again_when_it_is_known():
    figures = await counted(
        handled("in_doubt", "in_doubt", code="provider_timeout"),
        InDoubtEnded(outcome="completed", ended="completed", operation="slots.requested.v1"),
    )
    assert figures.by("requests_total", "outcome") == {("in_doubt",): 1, ("completed",): 1}


@pytest.mark.duty("JO-033")
async def test_no_value_that_nobody_knew_beforehand_becomes_a_label():
    figures = await counted(
        handled("failed", "failed", code="made-up-4711"),
        MessageDead("t.appointments", "made-up-4711", "", 1),
        UpstreamCall("ssp", "urn:x", "made-up-4711", 10.0, "t-1", practice_ods="A82038"),
        UpstreamCall("ssp", "urn:x", "tls_certificate_refused_10", 10.0, "t-1"),
        RecordMapped(areas=("allergies:made-up:2",), unmapped=("none:made-up:3",)),
    )
    assert {each.labels.get("code") for each in figures.series if each.name == "requests_total"} == {"other"}
    assert figures.by("dead_letters_total", "reason") == {("other",): 1}
    assert figures.by("upstream_calls_total", "outcome") == {("other",): 1, ("tls",): 1}
    assert figures.by("record_area_outcomes_total", "area", "outcome") == {("allergies", "other"): 1}
    assert figures.by("record_unmapped_total", "area", "reason") == {("none", "other"): 3}
    told = {value for each in figures.series for value in each.labels.values()}
    assert not any("made-up" in value or "A82038" in value for value in told)


async def test_what_befalls_the_broker_is_counted():
    told = [StoredMessagesLost("gpconnect_appointments", each, "never_handed_over") for each in (2, 3)]
    figures = await counted(*told, OneByOneBegun("ConnectionInternalError"))
    assert figures.by("stored_messages_lost_total", "stream") == {("gpconnect_appointments",): 5}
    assert figures.value("taken_one_by_one_total") == 1


async def test_every_code_of_a_failure_is_known():
    figures = await counted(*(handled("failed", "failed", code=code.value) for code in FailureCode))
    assert {each.labels["code"] for each in figures.series if each.name == "requests_total"} == {
        code.value for code in FailureCode
    }


def test_an_open_list_of_values_has_an_end():
    few = Few()
    assert {few(f"v-{number}") for number in range(1000)} == {
        *(f"v-{number}" for number in range(64)),
        "other",
    }
    assert few("v-0") == "v-0"
    assert few(None) == "other"


@pytest.mark.parametrize(
    ("status", "outcome"), [(200, "answered"), (404, "http_4xx"), (429, "http_4xx"), (503, "http_5xx")]
)
async def test_a_call_is_counted_by_what_the_answer_says(status: int, outcome: str):
    figures = await counted(UpstreamCall("pds", "pds.trace", "answered", 250.0, "t-1", status=status))
    assert figures.by("upstream_calls_total", "upstream", "interaction", "outcome") == {
        ("pds", "pds.trace", outcome): 1
    }
    assert figures.value("stage_duration_seconds_sum", stage="pds") == 0.25


async def test_what_is_left_is_told_as_the_broker_and_the_ledger_have_it():
    figures = Figures()
    assert (await answer(figures)).value("bus_up") == 0, "a worker that has not started yet"
    figures.watch(SOURCES)
    told = await answer(figures)
    assert [told.value(name) for name in ("bus_up", "ledger_up", "audit_ok")] == [1, 1, 1]
    assert [told.value(name) for name in ("waiting", "dead", "in_flight")] == [5, 1, 2]
    assert [told.value(name) for name in ("requests_in_doubt", "events_owed")] == [4, 5]
    ages = ("oldest_waiting_seconds", "oldest_doubt_seconds", "oldest_event_owed_seconds")
    assert all(60 <= told.value(name) < 120 for name in ages)
    assert told.value("retries_stopped") == 1
    assert told.value("certificate_expiry_timestamp_seconds") == LATER.timestamp()
    assert told.values("clock_skew_seconds") == [], "before the first answer of a national service"
    assert told.by("circuit_open", "upstream") == {("practice",): 2}
    assert told.value("requests_total") == 0, "so that the first request is growth"


async def test_practices_are_named_where_the_site_wants_it_alone():
    figures = Figures(by_practice=True)
    figures.watch(SOURCES)
    told = await answer(figures)
    assert told.by("circuit_open", "upstream", "practice") == {
        ("practice", "A82038"): 1,
        ("practice", "B82617"): 1,
    }


async def test_what_cannot_be_known_is_left_out_and_is_not_nothing():
    figures = Figures()
    figures.watch(replace(SOURCES, bus=Broker(is_away=True), count_unfinished=away))
    told = await answer(figures)
    assert [told.value(name) for name in ("bus_up", "ledger_up")] == [0, 0]
    left_out = (
        "waiting",
        "dead",
        "consumers_present",
        "audit_ok",
        "in_flight",
        "requests_in_doubt",
        "events_owed",
    )
    assert [name for name in left_out if told.values(name)] == []
    assert told.value("consumers_expected") == 1


async def test_a_queue_that_was_deleted_is_one_that_nobody_takes_from():
    figures = Figures()
    figures.watch(replace(SOURCES, bus=Broker(has_queues=False)))
    told = await answer(figures)
    assert told.value("bus_up") == 1
    assert told.value("consumers_present") == 0
    assert told.values("waiting") == []


async def test_a_broken_trail_is_told_beside_a_ledger_that_is_there():
    figures = Figures()
    figures.watch(replace(SOURCES, ready=broken))
    told = await answer(figures)
    assert [told.value(name) for name in ("ledger_up", "audit_ok")] == [1, 0]


async def away() -> Unfinished:
    raise LedgerUnavailable("SQLITE_FULL")


async def broken() -> Mapping[str, bool]:
    return {"ledger": True, "audit": False}


async def test_a_worker_that_stops_tells_of_neither():
    figures = Figures()
    figures.watch(SOURCES)
    await figures.end()
    assert (await answer(figures)).values("ledger_up") == []
