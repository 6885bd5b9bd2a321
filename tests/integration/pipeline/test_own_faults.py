"""A hospital's own handler that fails in a way nobody foresaw."""

import asyncio
import json
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from bridge.bus import open_bus
from bridge.contracts.events import Event
from bridge.contracts.requests import RecordRequest
from bridge.engine import Context, pipeline
from bridge.engine.worker import consuming
from bridge.sandbox import BY_NAME
from bridge.settings import Settings
from tests.support.hospital import hospital_on
from tests.support.requests import cloud_event, record_request

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.rabbit]


@pipeline(name="careless", accepts="careless.requested.v1", request=RecordRequest, publishes={})
async def careless(request: RecordRequest, gp: Context) -> list[Event]:
    """Says in its error what it should not."""
    patient = await gp.trace()
    raise KeyError(f"{patient.family_name} {patient.nhs_number}")


async def test_it_fails_visibly_is_parked_and_says_nothing_of_the_patient(
    sandbox, rabbit_url, tmp_path, monkeypatch
):
    environment = sandbox.environment | {
        "BRIDGE_BUS_URL": rabbit_url,
        "BRIDGE_BUS_PREFIX": f"t{uuid4().hex[:12]}",
        "BRIDGE_STATE_DIR": str(tmp_path),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    queue = careless.queue(settings.bus.prefix)
    patient = BY_NAME["rich_record"]
    request = cloud_event(record_request(patient.nhs_number))
    with capture_logs() as lines:
        async with (
            open_bus(settings) as bus,
            hospital_on(bus) as hospital,
            consuming(settings, [careless], bus),
        ):
            await hospital.ask(request, key="careless.requested.v1")
            ((kind, event),) = await hospital.outcome(request["id"])
            async with asyncio.timeout(10):
                while (await bus.depth(queue)).dead != 1:
                    await asyncio.sleep(0.05)
    assert (kind, event["data"]["code"], event["data"]["stage"]) == (
        "request.failed.v1",
        "internal",
        "engine",
    )
    (failed,) = [line for line in lines if line["event"] == "handler_failed"]
    assert failed["error"] == "KeyError"
    assert "careless" in failed["at"][-1]
    said = json.dumps([lines, event], default=str)
    assert patient.person.family not in said
    assert patient.nhs_number not in said
