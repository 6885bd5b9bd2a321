"""A sandbox, a worker with every pipeline, and the discharge desk, once for each module, on RabbitMQ."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import pytest_asyncio

from bridge.bus import open_bus
from bridge.bus.port import Bus
from bridge.engine.worker import consuming
from bridge.pipelines.installed import installed_pipelines
from bridge.sandbox import RunningSandbox, SandboxOptions, running
from bridge.settings import Settings
from tests.support.hospital import hospital_on
from tests.support.reception import Reception

PIPELINES = ["appointments", "patients"]
SETTINGS = {
    "BRIDGE_PDS_RATE_PER_SECOND": "1000",
    "BRIDGE_RETRY_FIRST_DELAY": "0.2",
    "BRIDGE_RETRY_MAX_DELAY": "0.5",
    "BRIDGE_RETRY_SETTLE_AFTER": "0.5",
    "BRIDGE_SPINE_READ_TIMEOUT": "3",
    "BRIDGE_SPINE_CALL_TIMEOUT": "4",
    "BRIDGE_SPINE_CIRCUIT_FAILURES": "1000",
    "BRIDGE_SPINE_CIRCUIT_PAUSE": "0.5",
    "BRIDGE_SPINE_PRACTICE_PATIENCE": "60",
    "BRIDGE_STOP_GRACE": "5",
}


@dataclass
class Site:
    """A running installation, and the practices behind it."""

    sandbox: RunningSandbox
    settings: Settings
    bus: Bus
    reception: Reception


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(rabbit_url, tmp_path_factory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("appointments")
    options = SandboxOptions(state_dir=folder / "sandbox", proxy_timeout=2.0, patients=200)
    async with running(options) as sandbox:
        environment = (
            sandbox.environment
            | SETTINGS
            | {
                "BRIDGE_BUS_URL": rabbit_url,
                "BRIDGE_BUS_PREFIX": f"t{uuid4().hex[:8]}",
                "BRIDGE_STATE_DIR": str(folder / "worker"),
            }
        )
        settings = Settings.load(environ=environment)
        async with (
            open_bus(settings) as bus,
            hospital_on(bus) as hospital,
            consuming(settings, installed_pipelines(PIPELINES), bus),
        ):
            yield Site(sandbox, settings, bus, Reception(hospital))
