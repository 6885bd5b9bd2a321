"""A sandbox per module, and per test a worker on a bus of its own names, both inside the test's process."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4

import pytest
import pytest_asyncio

from bridge.bus import open_bus
from bridge.bus.port import Bus, QueueDepth
from bridge.engine.worker import consuming
from bridge.pipelines import Pipeline
from bridge.pipelines.installed import installed_pipelines
from bridge.sandbox import RunningSandbox, SandboxOptions, running
from bridge.settings import Settings
from tests.support.hospital import Hospital, hospital_on


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(tmp_path_factory) -> AsyncIterator[RunningSandbox]:
    async with running(SandboxOptions(state_dir=tmp_path_factory.mktemp("sandbox"))) as started:
        yield started


@pytest.fixture(
    params=[pytest.param("rabbit", marks=pytest.mark.rabbit), pytest.param("nats", marks=pytest.mark.nats)]
)
def bus_url(request) -> str:
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@dataclass
class Engine:
    """A running worker and the hospital that uses it."""

    sandbox: RunningSandbox
    settings: Settings
    bus: Bus
    hospital: Hospital

    async def depth(self) -> QueueDepth:
        (pipeline,) = installed_pipelines(["structured_record"])
        return await self.bus.depth(pipeline.queue(self.settings.bus.prefix))


@pytest_asyncio.fixture(loop_scope="module")
async def engine(sandbox, bus_url, tmp_path) -> AsyncIterator[Engine]:
    async with running_engine(sandbox, bus_url, tmp_path, "structured_record") as started:
        yield started


@asynccontextmanager
async def running_engine(
    sandbox: RunningSandbox,
    bus_url: str,
    folder: Path,
    pipeline: str | Pipeline | Sequence[str],
    settings: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[Engine]:
    """A worker that runs one pipeline, and the hospital, on names of their own.

    An installed pipeline is given by its name; several of them by theirs.

    `settings` are added to those of the sandbox.
    """
    if isinstance(pipeline, Pipeline):
        pipelines = [pipeline]
    else:
        pipelines = installed_pipelines([pipeline] if isinstance(pipeline, str) else pipeline)
    environment = sandbox.environment | {
        "BRIDGE_BUS_URL": bus_url,
        "BRIDGE_BUS_PREFIX": f"t{uuid4().hex[:8]}",
        "BRIDGE_STATE_DIR": str(folder),
        "BRIDGE_PDS_RATE_PER_SECOND": "1000",
        "BRIDGE_RETRY_FIRST_DELAY": "0.2",
        "BRIDGE_RETRY_MAX_DELAY": "0.5",
        "BRIDGE_SPINE_READ_TIMEOUT": "3",
        "BRIDGE_SPINE_CALL_TIMEOUT": "4",
        "BRIDGE_STOP_GRACE": "5",
        **settings,
    }
    loaded = Settings.load(environ=os.environ | environment)
    async with (
        open_bus(loaded) as bus,
        hospital_on(bus) as hospital,
        consuming(loaded, pipelines, bus),
    ):
        yield Engine(sandbox, loaded, bus, hospital)
