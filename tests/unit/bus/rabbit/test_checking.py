"""How a broker is asked about queues of an administrator: a stand-in of its driver counts the questions."""

import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import cast
from urllib.parse import parse_qs, urlsplit

from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ChannelNotFoundEntity

from bridge.bus.administered import TopologyFound
from bridge.bus.backoff import Backoff, persist
from bridge.bus.port import QueueSpec
from bridge.bus.rabbit.checking import look_over
from bridge.bus.rabbit.topology import EXCHANGE, Topology
from bridge.settings import BusSettings, Settings
from tests.support.http_server import HttpServer, answer

TOPOLOGY = Topology("gpc", (1, 5))
QUEUES = [QueueSpec(f"gpc.pipeline_{number}", (f"key_{number}",)) for number in range(6)]
NAMES = [
    *TOPOLOGY.exchanges.values(),
    *(made.name for queue in QUEUES for made in TOPOLOGY.queues(queue)),
]


class Driver:
    """A channel of the driver, as often as it is opened; `missing` does not exist, and one link breaks in `broken`."""

    def __init__(self, missing: str = "", broken: str = "") -> None:
        self.asked: list[str] = []
        self.opened = 0
        self._missing, self._broken = missing, broken
        self._is_open = False

    def channel(self) -> AbstractAsyncContextManager[AbstractChannel]:
        return cast("AbstractAsyncContextManager[AbstractChannel]", self._open())

    @contextlib.asynccontextmanager
    async def _open(self) -> AsyncIterator["Driver"]:
        assert not self._is_open
        self.opened += 1
        self._is_open = True
        try:
            yield self
        finally:
            self._is_open = False

    async def get_underlay_channel(self) -> "Driver":
        return self

    async def queue_declare(self, name: str, *, passive: bool, **_limit: float) -> None:
        assert passive
        assert self._is_open
        self.asked.append(name)
        if name == self._missing:
            raise ChannelNotFoundEntity
        if name == self._broken and self.asked.count(name) == 1:
            raise ConnectionError

    exchange_declare = queue_declare


async def until_answered(call: Callable[[], Awaitable[object]]) -> None:
    await persist(call, Backoff("declare_retrying", exchange="gpc.requests"), faults=())


async def looked(driver: Driver, settings: Settings | None = None) -> TopologyFound:
    return await look_over(TOPOLOGY, QUEUES, driver.channel, settings, persist=until_answered)


async def test_all_is_asked_on_one_channel():
    driver = Driver()
    assert list((await looked(driver)).faults) == []
    assert driver.asked == NAMES
    assert driver.opened == 1


async def test_after_what_does_not_exist_another_channel_goes_on():
    driver = Driver(missing=QUEUES[3].name)
    assert list((await looked(driver)).faults) == [f"queue {QUEUES[3].name}: does not exist"]
    assert driver.asked == NAMES
    assert driver.opened == 2


async def test_what_was_answered_before_a_link_broke_is_not_asked_again():
    broken = QUEUES[3].name
    driver = Driver(missing=QUEUES[1].name, broken=broken)
    assert list((await looked(driver)).faults) == [f"queue {QUEUES[1].name}: does not exist"]
    place = NAMES.index(broken)
    assert driver.asked == [*NAMES[:place], broken, *NAMES[place:]]
    assert driver.opened == 3


async def test_the_management_api_is_asked_for_all_queues_at_once_and_for_every_page(tmp_path):
    found = [
        {
            "name": made.name,
            "durable": True,
            "type": "quorum",
            "arguments": {name: value for name, value in made.arguments.items() if name != "x-queue-type"},
        }
        for queue in QUEUES
        for made in TOPOLOGY.queues(queue)
    ]
    found[-1]["durable"] = False
    bindings = [
        {"destination": each.queue, "routing_key": each.key}
        for queue in QUEUES
        for each in TOPOLOGY.bindings(queue)
    ]
    pages = [found[:10], found[10:]]

    async def handler(request, writer):
        path, asked = urlsplit(request.target).path, parse_qs(urlsplit(request.target).query)
        if "/bindings/" in path:
            writer.write(answer(bindings))
        elif path.startswith("/api/exchanges/"):
            writer.write(answer(EXCHANGE))
        else:
            assert path == "/api/queues/%2F"
            assert all(re.search(asked["name"][0], str(each["name"])) for each in found)
            page = int(asked["page"][0])
            writer.write(answer({"page_count": len(pages), "page": page, "items": pages[page - 1]}))

    async with HttpServer(handler) as server:
        settings = Settings(
            sandbox=True, state_dir=tmp_path, bus=BusSettings(url="amqp://h/", management_url=server.url)
        )
        told = await looked(Driver(), settings)
        questions = [urlsplit(request.target).path for request in server.requests]
    assert told == TopologyFound([f"queue {found[-1]['name']}: is not durable"])
    assert questions.count("/api/queues/%2F") == len(pages)
    assert len(questions) == len(pages) + 2 * len(TOPOLOGY.exchanges)
