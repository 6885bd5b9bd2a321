"""Clusters of three, and an installation on one while requests of several kinds flow.

They take minutes and several processors, so they run by `make faults` and `make outages`, not in the gate.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from bridge.bus.rabbit.topology import DELAYS
from bridge.engine.worker import consuming
from bridge.pipelines.installed import installed_pipelines
from bridge.sandbox import MAIN
from tests.faults.installation import LONGEST, WHOLE, Installation
from tests.support.bus_sites import NatsSite, RabbitClusterSite, Site, until
from tests.support.clusters import Cluster, NatsCluster, RabbitCluster, listed
from tests.support.hospital import hospital_on
from tests.support.postgres import fresh_database, in_memory
from tests.support.reception import Reception, example, routing_key
from tests.support.tcp_proxy import TcpProxy

RECORDS = 60
BOOKINGS = 4
PACE = 0.25
"""Seconds between two requests: some come before what breaks, some while it is broken, some after."""
MIX = ("rich_record", "no_known_allergies", "withheld_items", "restricted", "other_patient", "broken")
PIPELINES = ["structured_record", "appointments"]
SETTINGS = {
    "BRIDGE_RETRY_SETTLE_AFTER": "0.5",
    "BRIDGE_RETRY_MAX_DELAY": "0.5",
    "BRIDGE_SPINE_CIRCUIT_FAILURES": "1000",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and not WHOLE:
            item.add_marker(pytest.mark.skip(reason="clusters run by `make faults`"))


@dataclass(frozen=True)
class Address:
    """What the nodes of a cluster are reached by."""

    url: str


@dataclass(frozen=True)
class ClusterBroker:
    """A cluster as an installation takes a broker: the workers' list of its nodes, and the hospital's way there."""

    title: str
    node: Address
    balancer: TcpProxy

    def site(self) -> AbstractAsyncContextManager[Site]:
        """Other clients know one address, of something that passes over nodes which are gone."""
        sites: dict[str, Any] = {"RabbitMQ": RabbitClusterSite, "NATS": NatsSite}
        opened: AbstractAsyncContextManager[Site] = sites[self.title].open(self.balancer.url)
        return opened


@dataclass
class Flow:
    """Requests that are sent one after the other while something happens."""

    site: Installation
    bookings: dict[str, str]
    ids: list[str] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)
    draw: random.Random = field(default_factory=lambda: random.Random(20261130))
    sending: asyncio.Task[None] | None = None

    async def more(self, count: int) -> None:
        """Go on sending, when all that was to be sent so far is."""
        assert self.sending is not None
        await self.sending
        self.sending = asyncio.create_task(send(self, [], count))

    async def over(self) -> Counter[str]:
        """How all of them ended, each in one way; no booking was made twice, and none is lost."""
        assert self.sending is not None
        await self.sending
        everything = [*self.ids, *self.bookings]
        async with asyncio.timeout(2 * LONGEST):
            await until(lambda: all(map(self.site.epr.is_over, everything)))
        ends = await self.site.accounts(self.ids)
        for request_id, patient in self.bookings.items():
            kinds = {kind for kind, _ in self.site.epr.events(request_id)} - {"appointment.in_doubt.v1"}
            assert kinds == {"appointment.booked.v1"}
            book = self.site.sandbox.diary(MAIN.ods).appointments()
            (appointment,) = (one for one in book if one.nhs_number == patient)
            assert [change.action for change in appointment.history] == ["booked"]
        if self.bookings:
            ends["booked, once"] = len(self.bookings)
        return ends

    async def answered(self, count: int) -> None:
        """Return when so many requests more are over."""
        wanted = len(self.arrived) + count
        async with asyncio.timeout(LONGEST):
            await until(lambda: len(self.arrived) >= wanted)

    @property
    def longest_pause(self) -> float:
        """Seconds between two answers, at the most."""
        return max(after - before for before, after in zip(self.arrived, self.arrived[1:], strict=False))


@dataclass(frozen=True)
class AtWork:
    """An installation on a cluster, with a worker that reaches each node by a proxy of its own."""

    cluster: Cluster
    site: Installation
    balancer: TcpProxy
    ways: Sequence[TcpProxy]
    flow: Flow

    @property
    def connected(self) -> int:
        """The number of the node that the worker is connected to; it may look at dead letters on another one."""
        return max(range(len(self.ways)), key=lambda number: self.ways[number].open_links)

    async def kill(self, number: int) -> None:
        await asyncio.to_thread(self.cluster.nodes[number].kill)
        await self.ways[number].refuse()

    async def stop(self, number: int) -> None:
        await asyncio.to_thread(self.cluster.nodes[number].stop)
        await self.ways[number].refuse()

    async def cut_off(self, number: int) -> None:
        """From the other nodes, not from its clients; a balancer leads them elsewhere."""
        await self.cluster.cut_off(number)
        self.balancer.leave_out(self.cluster.nodes[number].url)
        self.balancer.cut()

    async def start(self, number: int) -> None:
        await asyncio.to_thread(self.cluster.nodes[number].start)
        await self.ways[number].heal()

    async def answered(self, count: int) -> None:
        """Return when so many requests more are over."""
        await self.flow.answered(count)


@pytest.fixture(scope="session")
def memory() -> Iterator[Path]:
    """A folder that no disk slows down: three nodes write everything, and a killed process loses nothing there."""
    with TemporaryDirectory(prefix="bridge-cluster-", dir=in_memory()) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def rabbit_cluster(tmp_path_factory: pytest.TempPathFactory, memory: Path) -> Iterator[RabbitCluster]:
    cluster = RabbitCluster(tmp_path_factory.mktemp("rabbit-cluster"), memory / "rabbit")
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


@pytest.fixture
async def nats_cluster(tmp_path: Path, memory: Path) -> AsyncIterator[NatsCluster]:
    cluster = NatsCluster(tmp_path / "nats-cluster", memory / tmp_path.name)
    try:
        await cluster.start()
        yield cluster
    finally:
        await cluster.close()


@pytest.fixture(
    params=[pytest.param("rabbit", marks=pytest.mark.rabbit), pytest.param("nats", marks=pytest.mark.nats)]
)
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """Either cluster, one after the other."""
    found: Cluster = request.getfixturevalue(f"{request.param}_cluster")
    return found


@pytest.fixture
def ledger_url(postgres_server: str) -> Iterator[str]:
    with fresh_database(postgres_server) as url:
        yield url


@pytest.fixture
async def at_work(cluster: Cluster, installed: Any, ledger_url: str) -> AsyncIterator[AtWork]:
    async with working(cluster, installed, ledger_url) as at:
        yield at


@asynccontextmanager
async def working(cluster: Cluster, installed: Any, ledger_url: str) -> AsyncIterator[AtWork]:
    """The installation at work on the cluster, and requests on their way."""
    for node in cluster.nodes:
        if not node.is_running:  # a test before this one failed
            await asyncio.to_thread(node.start)
    urls = [node.url for node in cluster.nodes]
    async with AsyncExitStack() as stack:
        balancer = await stack.enter_async_context(TcpProxy(*urls))
        ways = [await stack.enter_async_context(TcpProxy(url)) for url in urls]
        broker = ClusterBroker(cluster.title, Address(listed(urls)), balancer)
        settings = SETTINGS | {"BRIDGE_LEDGER_URL": ledger_url}
        opening = installed(broker, settings=settings, scenario_faults=True, patients=4 * BOOKINGS)
        site = await stack.enter_async_context(opening)
        bus = site.site.bus(listed([way.url for way in ways]), delays=DELAYS)
        await bus.start()
        stack.push_async_callback(bus.stop, grace=5)
        await stack.enter_async_context(consuming(site.settings, installed_pipelines(PIPELINES), bus))
        flow = Flow(site, {})
        requests = await bookings(site)
        flow.bookings |= {request["id"]: request["data"]["patient"]["nhs_number"] for request in requests}
        async with flowing(flow, requests):
            yield AtWork(cluster, site, balancer, ways, flow)


@asynccontextmanager
async def flowing(flow: Flow, requests: list[dict[str, Any]]) -> AsyncIterator[None]:
    """Requests are sent, and it is noted when each is over."""
    flow.sending = asyncio.create_task(send(flow, requests, RECORDS))
    watching = asyncio.create_task(watch(flow))
    try:
        yield
    finally:
        ending = (flow.sending, watching)  # the sending of this moment
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)


async def bookings(site: Installation) -> list[dict[str, Any]]:
    """A request for each of some patients, of a slot that is theirs alone."""
    patients = [one.nhs_number for one in site.sandbox.crowd if one.practice_ods == MAIN.ods][:BOOKINGS]
    async with hospital_on(site.bus) as hospital:
        reception = Reception(hospital)
        requests = []
        for number, patient in enumerate(patients):
            slots = await reception.free_slots(patient)
            choices = [[slots[number]["offer"]]]
            requests.append(
                example("appointment.requested", patient={"nhs_number": patient}, choices=choices)
            )
    return requests


async def send(flow: Flow, requests: list[dict[str, Any]], count: int) -> None:
    """Records of every kind of end, and bookings between them."""
    waiting = list(requests)
    for number in range(count):
        flow.ids += await flow.site.epr.ask(flow.draw.choice(MIX))
        if number % (RECORDS // BOOKINGS) == 0 and waiting:
            request = waiting.pop()
            await flow.site.epr.put(request, key=routing_key(request))
        await asyncio.sleep(PACE)


async def watch(flow: Flow) -> None:
    """Note when each answer comes."""
    over: set[str] = set()
    while True:
        new = {one for one in (*flow.ids, *flow.bookings) if one not in over and flow.site.epr.is_over(one)}
        over |= new
        flow.arrived += [time.monotonic()] * len(new)
        await asyncio.sleep(0.05)
