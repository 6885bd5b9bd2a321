"""What comes of a request without a bus is what comes of it on one: the same events, under the same ids."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from bridge.bus import open_bus
from bridge.engine.worker import consuming
from bridge.settings import Settings
from bridge.testing import Site, site
from bridge.testing.site import SOURCE
from pipelines.structured_record import structured_record
from tests.support.hospital import hospital_on
from tests.support.requests import cloud_event, record_request

pytestmark = pytest.mark.nats


async def on_a_bus(
    here: Site, data: dict[str, Any], url: str, folder: Path
) -> list[tuple[str, dict[str, Any]]]:
    """The same request to another worker of the same sandbox, which has the same keys."""
    own = {
        "BRIDGE_BUS_URL": url,
        "BRIDGE_BUS_PREFIX": f"t{uuid4().hex[:8]}",
        "BRIDGE_STATE_DIR": str(folder),
    }
    settings = Settings.load(environ=here.sandbox.environment | own)
    async with (
        open_bus(settings) as bus,
        hospital_on(bus) as hospital,
        consuming(settings, [structured_record], bus),
    ):
        return await hospital.outcome(await hospital.ask(cloud_event(data, id="r-1", source=SOURCE)))


def lasting(event: dict[str, Any]) -> Any:
    """An event without when it was made, and the hash of an answer whose Bundle has a new id each time."""
    passing = {"time", "retrieved_at", "source_hash"}
    return json.loads(
        json.dumps(event),
        object_hook=lambda found: {name: value for name, value in found.items() if name not in passing},
    )


@pytest.mark.parametrize(
    ("nhs_number", "outcome"),
    [
        pytest.param("9990000018", "completed", id="rich_record"),
        pytest.param("9990000019", "rejected", id="wrong_check_digit"),
        pytest.param("9990000441", "failed", id="not_on_pds"),
    ],
)
async def test_the_same_request_has_the_same_events(nhs_number, outcome, nats_url, tmp_path):
    data = record_request(nhs_number)
    async with site() as here:
        result = await here.run(structured_record, data, id="r-1")
        on_bus = await on_a_bus(here, data, nats_url, tmp_path)
    assert result.outcome == outcome
    assert [kind for kind, _ in on_bus] == result.kinds
    assert [lasting(json.loads(event.body)) for event in result.events] == [
        lasting(event) for _, event in on_bus
    ]
