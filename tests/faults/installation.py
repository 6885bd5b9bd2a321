"""One installation that things happen to: a sandbox, a hospital's system, and workers between the two."""

import asyncio
import json
import os
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.bus.port import Bus, QueueDepth
from bridge.bus.rabbit.topology import DELAYS
from bridge.engine.worker import Worker, consuming
from bridge.pipelines.installed import installed_pipelines
from bridge.sandbox import BY_NAME, InjectedFault, RunningSandbox
from bridge.settings import Settings
from tests.support import bus_sites
from tests.support.bus_sites import Inbox, Seen, Site
from tests.support.processes import Ended, bridge
from tests.support.requests import cloud_event, record_request

PIPELINE = "structured_record"
WHOLE = os.environ.get("FAULTS") == "whole"
"""As `make faults` has it: hundreds of requests more where many are sent. The gate has fifteen minutes."""
BALANCE = ("ledger", "balance", "--pipeline", PIPELINE, "--json")
LONGEST = 100.0
INVALID = "9990000019"
"""The number of a request that is broken: its check digit is wrong."""
FAILED = "request.failed.v1"
FINALS = {"record.completed.v1": "completed", FAILED: "failed", "request.rejected.v1": "rejected"}


def of_a_worker(broker_url: str, prefix: str, folder: Path) -> dict[str, str]:
    """Settings of a worker on this broker that neither waits nor holds back for long."""
    return {
        "BRIDGE_BUS_PREFIX": prefix,
        "BRIDGE_BUS_URL": broker_url,
        "BRIDGE_LEDGER_LEASE_SECONDS": "3",
        "BRIDGE_PDS_RATE_PER_SECOND": "10000",
        "BRIDGE_RETRY_FIRST_DELAY": "0.1",
        "BRIDGE_STATE_DIR": str(folder / "state"),
    }


class Epr:
    """The hospital's system: asks, and keeps every event by the request that it is about."""

    def __init__(self, site: Site, bus: Bus) -> None:
        self._site = site
        self._bus = bus
        self._inbox = Inbox()
        self._read = 0
        self._events: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
        self._over: set[str] = set()

    async def listen(self) -> None:
        """Have a queue for the events, from now on."""
        self._inbox = await self._site.listen("#")

    async def ask(self, *names: str, copies: int = 1, **changes: Any) -> list[str]:
        """Send a request for each of these scenario patients, so many copies of each; their ids."""
        requests = [cloud_event(record_request(_number(name), **changes)) for name in names]
        for request in requests:
            for copy in range(copies):
                await self.put(
                    request,
                    key="record.requested.v1",
                    message_id=f"{request['id']}-{copy}" if copies > 1 else request["id"],
                )
        return [request["id"] for request in requests]

    async def put(self, request: dict[str, Any], *, key: str, message_id: str | None = None) -> None:
        """Send a request of any kind."""
        await self._bus.send(
            key,
            json.dumps(request).encode(),
            id=message_id or request["id"],
            content_type="application/cloudevents+json",
            correlation_id=request["id"],
        )

    def events(self, request_id: str) -> list[tuple[str, dict[str, Any]]]:
        """What came of a request so far, as (kind, event), repeats among it."""
        self._take()
        return self._events[request_id]

    def is_over(self, request_id: str) -> bool:
        self._take()
        return request_id in self._over

    async def over(self, ids: Iterable[str], count: int | None = None) -> None:
        """Return when these requests are over, or so many of them."""
        wanted = list(ids)
        await until(lambda: sum(map(self.is_over, wanted)) >= (len(wanted) if count is None else count))

    def ends(self, ids: Iterable[str]) -> Counter[str]:
        """How these requests ended; each in one way, and a repeated event with the id it had before."""
        ends: Counter[str] = Counter()
        for request_id in ids:
            kinds: dict[str, set[str]] = defaultdict(set)
            for kind, event in self.events(request_id):
                kinds[kind].add(event["id"])
            assert all(len(found) == 1 for found in kinds.values()), "a repeat has the id it had before"
            (final,) = kinds.keys() & FINALS.keys()
            code = next(
                (event["data"]["code"] for kind, event in self.events(request_id) if kind == FAILED), ""
            )
            ends[FINALS[final] + (f" (`{code}`)" if code else "")] += 1
        return ends

    def _take(self) -> None:
        for message in self._inbox.messages[self._read :]:
            self._read += 1
            self._keep(message)

    def _keep(self, message: Seen) -> None:
        event = json.loads(message.body)
        assert event["id"] == message.id
        about = message.correlation_id or ""
        self._events[about].append((event["type"].removeprefix("uk.nhs.gpconnect."), event))
        number, _, total = event["sequence"].partition("/")
        if number == total:
            self._over.add(about)


@dataclass(frozen=True)
class Installation:
    """A sandbox, a broker, a hospital, and the settings of the workers that are started on them.

    Attributes:
        environment: the settings as variables, for a worker or a command in a process of its own.
        bus: the hospital's own way to the broker.
    """

    site: Site
    sandbox: RunningSandbox
    environment: dict[str, str]
    settings: Settings
    bus: Bus
    epr: Epr
    folder: Path

    @asynccontextmanager
    async def worker(
        self, url: str | None = None, *, pipeline: str = PIPELINE, **bus_options: Any
    ) -> AsyncIterator[Worker]:
        """A whole worker: on the broker itself, or on `url`, which leads there."""
        bus = self.site.bus(url, delays=DELAYS, **bus_options)
        await bus.start()
        try:
            async with consuming(self.settings, installed_pipelines([pipeline]), bus) as worker:
                yield worker
        finally:
            await bus.stop(grace=5)

    def fault(self, name: str, fault: InjectedFault) -> None:
        """Let something happen to one scenario patient."""
        self.sandbox.fault(BY_NAME[name].nhs_number, fault)

    def asked_of_practices(self, name: str) -> int:
        """How often practices were asked about a scenario patient."""
        return len(self.sandbox.calls.of("practice", nhs_number=BY_NAME[name].nhs_number))

    async def holds(self, *, waiting: int = 0, dead: int = 0) -> bool:
        """Whether the broker holds so many messages, and none that is ready."""
        return await self.bus.depth(self.site.queue) == QueueDepth(ready=0, waiting=waiting, dead=dead)

    async def is_quiet(self) -> bool:
        """Whether nothing is left to be worked on."""
        depth = await self.bus.depth(self.site.queue)
        return (depth.ready, depth.waiting) == (0, 0)

    async def parked(self) -> set[str]:
        """Whose dead letters there are; one may be there twice, when the confirm of the first was cut off."""
        async with self.bus.dead_letters(self.site.queue) as letters:
            return {held.dead_letter.message.correlation_id or "" async for held in letters}

    async def command(self, *arguments: str) -> Any:
        """A ``bridge`` command of the operator's, which must end well; the JSON it printed, if it did."""
        ended = await self.run(*arguments)
        assert ended.code == 0, ended
        return json.loads(ended.printed) if ended.printed.startswith((b"{", b"[")) else None

    async def run(self, *arguments: str) -> Ended:
        """A ``bridge`` command of the operator's, to whichever end."""
        return await asyncio.to_thread(
            bridge, *arguments, directory=self.folder, environment=self.environment
        )

    async def accounts(self, ids: Iterable[str], *, is_resumed: bool = False) -> Counter[str]:
        """How these requests ended, once the bus holds nothing more to do and no dead letter but of the rejected.

        The operator's commands must say the same: the books balance, with these counts, and the trail is whole,
        or was resumed and has nothing else.
        """
        asked = list(ids)
        await until(self.is_quiet)
        ends = self.epr.ends(asked)
        rejected = {name for name in asked if self.epr.ends([name])["rejected"]}

        async def are_parked() -> bool:
            return await self.parked() == rejected

        async def are_published() -> bool:
            [account] = json.loads((await self.run(*BALANCE)).printed)["pipelines"]
            return all(found["kind"] != "unpublished" for found in account["ledger"]["discrepancies"])

        # A worker may wait for the confirm of one still, that a cut connection never brings.
        await until(are_parked)
        await until(are_published)
        balance = await self.command(*BALANCE)
        verified = await self.run("audit", "verify")
        if is_resumed:
            assert verified.printed.startswith(b"resumed lane"), verified
            assert len(verified.printed.splitlines()) == 1, verified
        else:
            assert verified.code == 0, verified
        [account] = balance["pipelines"]
        assert account["ledger"]["received"] == len(asked)
        for state in FINALS.values():
            counts = (count for end, count in ends.items() if end.startswith(state))
            assert account["ledger"][state] == sum(counts)
        return ends


def _number(name: str) -> str:
    return INVALID if name == "broken" else BY_NAME[name].nhs_number


async def until(holds: Callable[[], Any]) -> None:
    """Wait for a condition, with a fuse."""
    async with asyncio.timeout(LONGEST):
        await bus_sites.until(holds)
