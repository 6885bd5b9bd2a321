"""What a worker tells of a night in which every patient of the sandbox is asked about: its log, and its figures."""

import asyncio
import json
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from bridge.bus import open_bus
from bridge.figures.table import FIGURES
from bridge.observe.vocabulary import bus, requests
from bridge.observe.vocabulary.base import RequestEvent
from bridge.sandbox import SCENARIOS
from bridge.settings import Settings
from tests.support import run_logs
from tests.support.figures import Answer
from tests.support.hospital import hospital_on
from tests.support.processes import Child, worker
from tests.support.promtool import promtool
from tests.support.requests import cloud_event, record_request
from tests.support.tcp_proxy import TcpProxy

OF_REQUESTS = {
    event.name
    for module in (bus, requests)
    for event in vars(module).values()
    if isinstance(event, type) and issubclass(event, RequestEvent) and "name" in vars(event)
}
WRONG_CHECK_DIGIT = "9990000019"
ENDS = {
    "record.completed.v1": "completed",
    "request.failed.v1": "failed",
    "request.rejected.v1": "rejected",
}
RUNS = ("appointments", "care_record", "documents", "patients", "structured_record")

pytestmark = [pytest.mark.nats, pytest.mark.asyncio(loop_scope="module")]


def names():
    """Of every patient, as PDS and as the practice has them, and of who asks."""
    for scenario in SCENARIOS:
        yield from (scenario.person.family, *scenario.person.given)
        held = scenario.at_practice or {}
        yield from (held.get("family", "Mirfield"), *held.get("given", ()))
    yield from ("Patel", "Asha")


@dataclass
class Night:
    """What was asked, what came of it, and what the worker told of it.

    Attributes:
        ends: how requests ended, and with which code, as their events say.
        before, after: figures at the end of it, and then with the broker away.
    """

    asked: list[str]
    ends: Counter[tuple[str, str]]
    environment: dict[str, str]
    log: str
    logs: Path
    before: bytes
    after: bytes


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def night(sandbox_environment, nats_url, tmp_path_factory) -> AsyncIterator[Night]:
    folder = tmp_path_factory.mktemp("night")
    logs = folder / "logs"
    logs.mkdir()
    environment = sandbox_environment | {
        "BRIDGE_BUS_URL": nats_url,
        "BRIDGE_BUS_PREFIX": f"t{uuid4().hex[:8]}",
        "BRIDGE_STATE_DIR": str(folder / "state"),
        "BRIDGE_RETRY_FIRST_DELAY": "0.1",
        "BRIDGE_LOG_LEVEL": "debug",
        "BRIDGE_RETRY_ATTEMPTS": "1",
        "BRIDGE_SPINE_READ_TIMEOUT": "2.5",
        "BRIDGE_SPINE_CALL_TIMEOUT": "5",
        "BRIDGE_SPINE_CIRCUIT_PAUSE": "0.1",  # the practices that fail are here on purpose
    }
    async with (
        open_bus(Settings.load(environ=os.environ | environment)) as opened,
        hospital_on(opened) as hospital,
        TcpProxy(nats_url) as link,
    ):
        # In a thread: the link to its broker is in this one.
        started = worker(environment | {"BRIDGE_BUS_URL": link.url}, output=logs / "worker.log")
        child = await asyncio.to_thread(started.__enter__)
        try:
            asked, made_at = [], {"time": datetime.now(UTC).isoformat()}
            # Those that something goes wrong for come last, so that the circuit holds nobody else back.
            for scenario in sorted(SCENARIOS, key=lambda scenario: scenario.fault is not None):
                asked.append(await hospital.ask(made_at | cloud_event(record_request(scenario.nhs_number))))
                if scenario.fault is None:
                    await hospital.outcome(asked[-1])
            asked.append(await hospital.ask(made_at | cloud_event(record_request(WRONG_CHECK_DIGIT))))
            ends = Counter([end_of(await hospital.outcome(correlation_id)) for correlation_id in asked])
            before = await answer(child, partial(is_over, sent=len(asked)))
            await link.refuse()
            after = await answer(child, lambda figures: figures.value("bus_up") == 0)
            await link.heal()
            await answer(child, lambda figures: figures.value("bus_up") == 1)
            assert await asyncio.to_thread(child.stop) == 0
        finally:
            await asyncio.to_thread(started.__exit__, None, None, None)
        yield Night(asked, ends, environment, child.output.read_text(), logs, before, after)


def is_over(figures: Answer, sent: int) -> bool:
    """The events of the last request are out a moment before it is counted, and before the ledger has that they are."""
    left = ("in_flight", "waiting", "events_owed")
    return figures.total("requests_total") >= sent and not any(figures.total(name) for name in left)


def end_of(events) -> tuple[str, str]:
    kind, event = events[-1]
    code = event["data"].get("code", "") if kind == "request.failed.v1" else ""
    return ENDS[kind], code


async def answer(child: Child, is_meant: Callable[[Answer], bool]) -> bytes:
    """The figures, once they are those that are meant."""
    while True:
        text = await asyncio.to_thread(child.metrics)
        if is_meant(Answer(text)):
            return text
        await asyncio.sleep(0.05)


@pytest.mark.duty("JO-033")
async def test_the_log_of_a_worker_holds_no_patient_and_no_secret(night: Night):
    log = night.log
    assert all(correlation_id in log for correlation_id in night.asked)
    assert '"level":"debug"' in log
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    about_requests = [line for line in lines if line["event"] in OF_REQUESTS]
    assert {"request_received", "request_handled", "message_dead", "record_mapped", "stage_ended"} <= {
        line["event"] for line in about_requests
    }
    assert [line for line in about_requests if "request_key" not in line] == []
    assert run_logs.leaks(night.logs) == []
    assert WRONG_CHECK_DIGIT not in log
    assert sorted({name for name in names() if re.search(rf"\b{name}\b", log)}) == []
    assert "eyJ" not in log  # how a token begins
    secrets = {"BRIDGE_SDS_API_KEY", "BRIDGE_PATIENT_KEY"}
    assert sorted(name for name in secrets if night.environment[name] in log) == []
    assert "PRIVATE KEY" not in log


async def test_figures_reconcile_with_what_was_asked(night: Night):
    figures = Answer(night.before)
    assert {outcome for outcome, _ in night.ends} == {"completed", "failed", "rejected"}
    failed = {
        (outcome, code): count for (outcome, code), count in night.ends.items() if outcome != "completed"
    }
    # A record of which a part failed is completed, and has a code.
    told = figures.by("requests_total", "outcome", "code")
    assert {key: count for key, count in told.items() if key[0] != "completed"} == failed
    completed = sum(count for (outcome, _), count in night.ends.items() if outcome == "completed")
    assert figures.total("requests_total", outcome="completed") == completed
    asked = float(len(night.asked))
    mine = {"pipeline": "structured_record", "operation": "record.requested.v1"}
    assert figures.total("requests_total", **mine) == asked
    assert figures.total("request_duration_seconds_count", **mine) == asked
    assert figures.total("request_age_seconds_count", pipeline="structured_record") == asked
    assert figures.total("dead_letters_total", reason="rejected") == failed["rejected", ""]
    assert figures.value("dead", pipeline="structured_record") == failed["rejected", ""]
    assert figures.total("retries_total", pipeline="structured_record") > 0
    logged = Counter(
        (line["upstream"], line["interaction"])
        for line in map(json.loads, filter(lambda text: text.startswith("{"), night.log.splitlines()))
        if line["event"] == "upstream_call"
    )
    assert figures.by("upstream_calls_total", "upstream", "interaction") == logged
    assert figures.total("stage_duration_seconds_count", stage="pds") > 0
    mapped = figures.total("stage_duration_seconds_count", stage="map")
    assert mapped >= completed
    assert figures.total("stage_duration_seconds_count", stage="publish") == asked
    assert figures.total("stage_duration_seconds_count", stage="ledger") >= 2 * asked
    assert figures.total("record_area_outcomes_total", area="medications") >= completed
    assert figures.total("record_items_total", area="medications") > 0
    assert figures.total("record_unmapped_total") > 0


async def test_what_is_left_is_looked_up(night: Night):
    figures = Answer(night.before)
    assert [figures.value(name) for name in ("bus_up", "ledger_up", "audit_ok")] == [1, 1, 1]
    assert figures.value("consumers_expected") == figures.value("consumers_present") == len(RUNS)
    for name in ("in_flight", "waiting", "oldest_waiting_seconds"):
        assert figures.by(name, "pipeline") == Counter(), name
        assert {each.labels["pipeline"] for each in figures.series if each.name == name} == {*RUNS}
    for name in ("requests_in_doubt", "oldest_doubt_seconds", "events_owed", "oldest_event_owed_seconds"):
        assert figures.value(name) == 0
    assert figures.value("retries_stopped") == 0
    assert figures.value("circuit_open", upstream="pds") == 0
    assert abs(figures.value("clock_skew_seconds")) < 5


async def test_without_the_broker_its_figures_are_not_there_and_the_others_are(night: Night):
    figures = Answer(night.after)
    assert figures.value("bus_up") == 0
    assert [name for name in ("waiting", "dead", "consumers_present") if figures.values(name)] == []
    assert figures.value("ledger_up") == 1
    assert figures.value("requests_in_doubt") == 0
    assert figures.total("requests_total") == len(night.asked)


@pytest.mark.duty("JO-033")
async def test_figures_hold_no_patient_and_are_as_prometheus_wants_them(night: Night):
    text = night.before.decode()
    # Sums of seconds are long numbers too: what is told of a patient would stand in a label.
    labels = " ".join(value for each in Answer(night.before).series for value in each.labels.values())
    assert not re.search(r"\d{10}", labels)
    assert sorted({name for name in names() if re.search(rf"\b{name}\b", text)}) == []
    assert not any(correlation_id in text for correlation_id in night.asked)
    promtool("check", "metrics", given=night.before)
    answered = {each.name for each in Answer(night.before).series}
    histogram = {name for name, figure in FIGURES.items() if figure.kind == "histogram"}
    expected = {*FIGURES.keys() - histogram} | {
        f"{name}_{part}" for name in histogram for part in ("bucket", "count", "sum")
    }
    # Here are no certificates, no collector of traces, no damaged stream: theirs are told where there are some.
    untold = {"certificate_expiry_timestamp_seconds", "spans_lost_total", "stored_messages_lost_total"}
    assert expected - answered == untold
    assert answered <= expected
