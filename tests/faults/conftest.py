"""What the fault tests stand on: a broker that may be hurt, an installation on it, and the outage matrix."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bridge.bus.rabbit.topology import DELAYS
from bridge.sandbox import SandboxOptions, running
from bridge.settings import Settings
from tests.faults.installation import WHOLE, Epr, Installation, of_a_worker
from tests.faults.matrix import Outages
from tests.support import run_logs
from tests.support.brokers import Node
from tests.support.bus_sites import NatsSite, RabbitSite, Site

Opening = Callable[..., AbstractAsyncContextManager[Installation]]


@dataclass(frozen=True)
class Broker:
    """A private broker of which a test may do with the process what it likes, if it leaves it running."""

    title: str
    node: Node

    def site(self) -> AbstractAsyncContextManager[Site]:
        sites: dict[str, Any] = {"RabbitMQ": RabbitSite, "NATS": NatsSite}
        opened: AbstractAsyncContextManager[Site] = sites[self.title].open(self.node.url)
        return opened


@pytest.fixture
def rabbit(rabbit_node: Node) -> Broker:
    return Broker("RabbitMQ", rabbit_node)


@pytest.fixture
def nats(nats_node: Node) -> Broker:
    return Broker("NATS", nats_node)


BROKERS = [pytest.param("rabbit", marks=pytest.mark.rabbit), pytest.param("nats", marks=pytest.mark.nats)]


@pytest.fixture(params=BROKERS)
def broker(request: pytest.FixtureRequest) -> Broker:
    """Either broker, one after the other."""
    found: Broker = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=BROKERS if WHOLE else BROKERS[:1])
def any_broker(request: pytest.FixtureRequest) -> Broker:
    """For what breaks elsewhere: the gate causes it on one broker, ``make faults`` on either."""
    found: Broker = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def keys_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sandboxes' keys: making them takes longer than most tests."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture
def installed(keys_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opening:
    """Opens an installation on a broker; settings by variable name, options of the sandbox by theirs."""

    @asynccontextmanager
    async def opening(
        broker: Broker,
        *,
        settings: dict[str, str] | None = None,
        listening: bool = True,
        **sandbox_options: Any,
    ) -> AsyncIterator[Installation]:
        options = replace(SandboxOptions(keys_dir, scenario_faults=False), **sandbox_options)
        async with running(options) as sandbox, broker.site() as site:
            environment = {
                **sandbox.environment,
                **of_a_worker(broker.node.url, site.prefix, tmp_path),
                "BRIDGE_STOP_GRACE": "10",
                **(settings or {}),
            }
            for name, value in environment.items():
                monkeypatch.setenv(name, value)
            bus = site.bus(delays=DELAYS)
            try:
                await bus.start()
                await bus.declare(site.queue)
                epr = Epr(site, bus)
                if listening:
                    await epr.listen()
                yield Installation(site, sandbox, environment, Settings.load(), bus, epr, tmp_path)
            finally:
                await bus.stop(grace=5)

    return opening


@pytest.fixture
def outages(log_folder: Path) -> Outages:
    """Where a test says which row of the outage matrix it has just proven."""
    return Outages(log_folder / run_logs.PROCESS)
