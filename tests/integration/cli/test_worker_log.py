"""What a worker logs at its most talkative, for every patient of the sandbox, tells nothing of any of them."""

import json
import re

import pytest

from bridge.bus import open_bus
from bridge.observe.vocabulary import bus, requests
from bridge.observe.vocabulary.base import RequestEvent
from bridge.sandbox import SCENARIOS
from bridge.settings import Settings
from tests.support import run_logs
from tests.support.hospital import hospital_on
from tests.support.processes import worker
from tests.support.requests import cloud_event, record_request

OF_REQUESTS = {
    event.name
    for module in (bus, requests)
    for event in vars(module).values()
    if isinstance(event, type) and issubclass(event, RequestEvent) and "name" in vars(event)
}
WRONG_CHECK_DIGIT = "9990000019"


def names():
    """Of every patient, as PDS and as the practice has them, and of who asks."""
    for scenario in SCENARIOS:
        yield from (scenario.person.family, *scenario.person.given)
        held = scenario.at_practice or {}
        yield from (held.get("family", "Mirfield"), *held.get("given", ()))
    yield from ("Patel", "Asha")


@pytest.mark.nats
@pytest.mark.duty("JO-033")
async def test_the_log_of_a_worker_holds_no_patient_and_no_secret(environment, tmp_path, monkeypatch):
    environment |= {
        "BRIDGE_LOG_LEVEL": "debug",
        "BRIDGE_RETRY_ATTEMPTS": "1",
        "BRIDGE_SPINE_READ_TIMEOUT": "2.5",
        "BRIDGE_SPINE_CALL_TIMEOUT": "5",
        "BRIDGE_SPINE_CIRCUIT_PAUSE": "0.1",  # the practices that fail are here on purpose
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    logs = tmp_path / "logs"
    logs.mkdir()
    async with open_bus(Settings.load()) as opened, hospital_on(opened) as hospital:
        with worker(environment, output=logs / "worker.log") as started:
            asked = []
            # Those that something goes wrong for come last, so that the circuit holds nobody else back.
            for scenario in sorted(SCENARIOS, key=lambda scenario: scenario.fault is not None):
                asked.append(await hospital.ask(cloud_event(record_request(scenario.nhs_number))))
                if scenario.fault is None:
                    await hospital.outcome(asked[-1])
            asked.append(await hospital.ask(cloud_event(record_request(WRONG_CHECK_DIGIT))))
            for correlation_id in asked:
                await hospital.outcome(correlation_id)
            assert started.stop() == 0
    log = started.output.read_text()
    assert all(correlation_id in log for correlation_id in asked)
    assert '"level":"debug"' in log
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    about_requests = [line for line in lines if line["event"] in OF_REQUESTS]
    assert {"request_received", "request_handled", "message_dead"} <= {
        line["event"] for line in about_requests
    }
    assert [line for line in about_requests if "request_key" not in line] == []
    assert run_logs.leaks(logs) == []
    assert WRONG_CHECK_DIGIT not in log
    assert sorted({name for name in names() if re.search(rf"\b{name}\b", log)}) == []
    assert "eyJ" not in log  # how a token begins
    secrets = {"BRIDGE_SDS_API_KEY", "BRIDGE_PATIENT_KEY"}
    assert sorted(name for name in secrets if environment[name] in log) == []
    assert "PRIVATE KEY" not in log
