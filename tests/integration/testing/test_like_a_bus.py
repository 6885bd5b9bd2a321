"""What comes of a request without a bus is what comes of it on one: the same events, under the same ids."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from bridge.bus import open_bus
from bridge.bus.port import Delivery, Done
from bridge.contracts.envelope import STRUCTURED
from bridge.engine.worker import consuming
from bridge.settings import Settings
from bridge.testing import Site, site
from bridge.testing.bus import InProcessBus
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


class OthersBus:
    """A bus of another package from before buses could say on which broker they are."""

    def __init__(self) -> None:
        self._bus = InProcessBus()

    def __getattr__(self, name: str) -> Any:
        if name == "broker":
            raise AttributeError(name)
        return getattr(self._bus, name)


async def test_a_bus_need_not_say_on_which_broker_it_is(tmp_path):
    event = json.dumps(cloud_event(record_request("9990000018"), id="r-1", source=SOURCE)).encode()
    bus: Any = OthersBus()
    async with site() as here:
        settings = Settings.load(environ=here.sandbox.environment | {"BRIDGE_STATE_DIR": str(tmp_path)})
        async with consuming(settings, [structured_record], bus):
            ended = await bus.deliver(Delivery(event, "r-1", "record.requested.v1", content_type=STRUCTURED))
    assert ended == Done()
    assert bus.taken_out("r-1")


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
